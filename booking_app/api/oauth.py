"""To the consent page of a calendar provider and back. Both are visited by the browser itself, never by a script.

The way back comes from another site: the cookie is SameSite=Lax, so it is sent with that one navigation, and what
makes it trustworthy is the state, which belongs to the session that set out.
"""

from __future__ import annotations

from math import ceil
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from booking_app import runtime
from booking_app.api import probes
from booking_app.api.limits import client_address
from booking_app.api.sessions import current_person, current_session, same_site
from booking_app.services.link_words import LinkError, NotLinked, scope_names
from booking_app.sync import consent, probe
from booking_app.sync.model import Mode

router = APIRouter(prefix="/oauth", include_in_schema=False)

PAGE = "/settings/calendars"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LONGEST = 4096
"""Characters of a value that a provider sends back: codes of Microsoft have more than a thousand."""


@router.get("/{provider}/start")
async def start(request: Request, provider: str, _: Annotated[None, Depends(same_site)]) -> Response:
    """Off to the consent page of `provider`: `mode` is `full` or `busy`, `connection` the uid of an account to link
    again."""
    running = runtime.current()
    home = running.settings.public_url
    if _is_alias(request.url.hostname, urlsplit(home).hostname):
        # The consent page leads back to the public address, where the cookie of this one is not sent.
        return _to(f"{home}{PAGE}", link_error=LinkError.ADDRESS.value, provider=provider)
    person, session = await current_person(request), current_session(request)
    if person is None or session is None:
        return _to("/sign-in", next=PAGE)
    mode = request.query_params.get("mode")
    try:
        target = await consent.start(
            running.context,
            running.accounts,
            person=person,
            session=session,
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
    who = client_address(request, running.settings.trusted_proxy_hops)
    wait = running.reads.take(f"oauth:{who}", running.context.elapsed())
    if wait:
        raise HTTPException(429, "Too many requests. Try again in a moment.", {"Retry-After": str(ceil(wait))})
    person = await current_person(request)
    answer = {name: value for name, value in request.query_params.items() if len(value) <= _LONGEST}
    try:
        linked = await consent.finish(
            running.context,
            running.accounts,
            session=None if person is None else current_session(request),
            provider=provider,
            answer=answer,
        )
    except NotLinked as error:
        return _not_linked(provider, error)
    return _to(PAGE, linked=linked.uid, limited="" if linked.writes else "write")


_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def _is_alias(here: str | None, home: str | None) -> bool:
    """Whether both are names of this machine, but not the same: on one's own computer people type either."""
    return here != home and here in _LOOPBACK and home in _LOOPBACK


def _not_linked(provider: str, error: NotLinked) -> Response:
    names = ",".join(scope_names(error.scopes))
    return _to(PAGE, link_error=error.code.value, provider=provider, scopes=names)


def _to(page: str, **query: str) -> Response:
    given = {name: value for name, value in query.items() if value}
    return RedirectResponse(f"{page}?{urlencode(given)}", status_code=303, headers=_HEADERS)
