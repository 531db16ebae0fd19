"""To the consent page of a calendar provider and back. Both are visited by the browser itself, never by a script.

The way back comes from another site: the cookie is SameSite=Lax, so it is sent with that one navigation, and what
makes it trustworthy is the state, which belongs to the session that set out.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from booking_app import runtime
from booking_app.api import probes
from booking_app.api.sessions import current_person, same_site
from booking_app.services.accounts import COOKIE
from booking_app.services.link_words import NotLinked, scope_names
from booking_app.sync import consent, probe
from booking_app.sync.model import Mode

router = APIRouter(prefix="/oauth", include_in_schema=False)

PAGE = "/settings/calendars"
_LONGEST = 4096
"""Characters of a value that a provider sends back: codes of Microsoft have more than a thousand."""


@router.get("/{provider}/start")
async def start(request: Request, provider: str, _: Annotated[None, Depends(same_site)]) -> Response:
    """Off to the consent page of `provider`: `mode` is `full` or `busy`, `connection` the uid of an account to link
    again."""
    running = runtime.current()
    person = await current_person(request)
    if person is None:
        return _to("/sign-in", next=PAGE)
    mode = request.query_params.get("mode")
    try:
        target = await consent.start(
            running.context,
            running.accounts,
            person=person,
            session=request.cookies[COOKIE],
            provider=provider,
            mode=Mode(mode) if mode in set(Mode) else None,
            connection_uid=request.query_params.get("connection") or None,
        )
    except NotLinked as error:
        return _not_linked(provider, error)
    return RedirectResponse(target, status_code=303, headers=_HEADERS)


@router.get("/{provider}/callback")
async def callback(request: Request, provider: str) -> Response:
    """Back from the consent page."""
    running = runtime.current()
    if probe.NAME in request.query_params:
        return probes.answered(request.query_params[probe.NAME])
    person = await current_person(request)
    answer = {name: value for name, value in request.query_params.items() if len(value) <= _LONGEST}
    try:
        linked = await consent.finish(
            running.context,
            running.accounts,
            session=None if person is None else request.cookies[COOKIE],
            provider=provider,
            answer=answer,
        )
    except NotLinked as error:
        return _not_linked(provider, error)
    return _to(PAGE, linked=linked.uid, limited="" if linked.writes else "write")


_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def _not_linked(provider: str, error: NotLinked) -> Response:
    names = ",".join(scope_names(error.scopes))
    return _to(PAGE, link_error=error.code.value, provider=provider, scopes=names)


def _to(page: str, **query: str) -> Response:
    given = {name: value for name, value in query.items() if value}
    return RedirectResponse(f"{page}?{urlencode(given)}", status_code=303, headers=_HEADERS)
