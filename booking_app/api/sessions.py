"""Signing in and out: plain forms that answer with a redirect and the session cookie.

The cookie is HttpOnly and SameSite=Lax, and Secure where the program is reached by https; only its SHA-256 is stored.
A form from another site is refused by Sec-Fetch-Site, or by Origin where the browser does not send that.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from booking_app import runtime
from booking_app.api.limits import client_address
from booking_app.domain.appointment import Role
from booking_app.domain.errors import Busy, Forbidden, Invalid, NotFound
from booking_app.services import accounts, attempts, devices, invitations, resets, typed
from booking_app.services.accounts import SignedIn, cookie_name, session_cookie
from booking_app.services.attempts import Attempt

router = APIRouter(prefix="/auth", include_in_schema=False)

FORM_LIMIT = 16 * 1024
"""Bytes of a form."""
HOME = {Role.ADMIN: "/admin/team", Role.STAFF: "/settings/calendars"}


async def same_site(request: Request) -> None:
    """Refuse what another site's page sent. A client that is no browser sends neither header and no cookie of
    somebody else."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        allowed = origin is None or (
            urlsplit(origin).netloc == request.headers.get("host") or origin in runtime.current().settings.origins
        )
    if not allowed:
        raise HTTPException(403, "This form was sent from another site.")


async def form(request: Request, _: Annotated[None, Depends(same_site)]) -> dict[str, str]:
    """The fields of an `application/x-www-form-urlencoded` body, the last of each name."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Send the form as application/x-www-form-urlencoded.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise HTTPException(413, "The form is too large.")
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None
    return {name: values[-1] for name, values in fields.items()}


Form = Annotated[dict[str, str], Depends(form)]


async def current_person(request: Request) -> SignedIn | None:
    """Who is signed in, by the request's session cookie."""
    return await accounts.who(runtime.current().context, current_session(request))


def current_session(request: Request) -> str | None:
    """The value of the request's session cookie."""
    return session_cookie(request.headers.get("cookie"), runtime.current().settings.public_url)


def local_path(target: str, otherwise: str) -> str:
    """`target` if it is a path on this site, else `otherwise`: nobody is sent elsewhere by a crafted link."""
    parts = urlsplit(target)
    plain = target.isprintable() and "\\" not in target and not target.startswith("//")
    return target if plain and target.startswith("/") and not parts.scheme and not parts.netloc else otherwise


@router.post("/login")
async def login(request: Request, fields: Form) -> Response:
    """Sign in with `email` and `password`, then go to `next`. A failure never tells which of the two was wrong."""
    running = runtime.current()
    settings = running.settings
    email = accounts.normal_email(fields.get("email", ""))[:254]
    target = fields.get("next", "")
    attempt = Attempt(email=email, address=_address(request), device=_device(request))
    try:
        async with running.context.hashing.turn():
            begun = await attempts.begin(running.context, attempt, settings.rate_sign_in)
    except Busy as busy:
        return _later(busy, _back("/sign-in", fields, error="busy", next=target))
    if not begun:
        return _back("/sign-in", fields, error="wait", next=target)
    try:
        person, token = await accounts.sign_in(
            running.context, email, fields.get("password", ""), days=settings.session_days
        )
    except Forbidden:
        return _back("/sign-in", fields, error="wrong", next=target)
    except Busy as busy:
        await attempts.not_tried(running.context, attempt)
        return _later(busy, _back("/sign-in", fields, error="busy", next=target))
    await attempts.succeeded(running.context, attempt)
    if old := current_session(request):
        await accounts.sign_out(running.context, old)
    return await _signed_in(request, local_path(target, HOME[person.role]), person, token)


@router.post("/logout")
async def logout(request: Request, _: Form) -> Response:
    """End this browser's session."""
    if cookie := current_session(request):
        await accounts.sign_out(runtime.current().context, cookie)
    return _signed_out("/")


@router.post("/logout-everywhere")
async def logout_everywhere(request: Request, _: Form) -> Response:
    """End every session of the account, this one too."""
    person = await current_person(request)
    if person is not None:
        await accounts.sign_out_everywhere(runtime.current().context, person.account_id)
    return _signed_out("/sign-in")


@router.post("/accept")
async def accept(request: Request, fields: Form) -> Response:
    """Use an invitation or the first admin's link: `token`, `name`, `password` and, for the first admin, `email`."""
    running = runtime.current()
    token = fields.get("token", "")[:128]
    page = f"/welcome/{quote(token, safe='')}"
    if await _slowed(request):
        return _back(page, fields, error="wait")
    try:
        person, cookie = await invitations.accept(
            running.context,
            token,
            name=fields.get("name", ""),
            password=fields.get("password", ""),
            email=fields.get("email", ""),
            days=running.settings.session_days,
        )
    except NotFound:
        return _back("/sign-in", error="link")
    except Invalid as error:
        return _back(page, fields, error=error.field)
    except Busy as busy:
        return _later(busy, _back(page, fields, error="busy"))
    return await _signed_in(request, HOME[person.role], person, cookie)


@router.post("/password")
async def password(request: Request, fields: Form) -> Response:
    """Change the password: `old`, `password`, and the page to go back to in `next`. Ends all other sessions."""
    running = runtime.current()
    person = await current_person(request)
    if person is None:
        return _back("/sign-in")
    target = local_path(fields.get("next", ""), HOME[person.role])
    if await _slowed(request):
        return _back(target, error="wait")
    try:
        token = await accounts.change_password(
            running.context,
            person.account_id,
            fields.get("old", ""),
            fields.get("password", ""),
            days=running.settings.session_days,
        )
    except Invalid as error:
        return _back(target, error=error.field)
    except Forbidden:
        return _back("/sign-in")
    except Busy as busy:
        return _later(busy, _back(target, error="busy"))
    return await _signed_in(request, target, person, token)


@router.post("/forgot")
async def forgot(request: Request, fields: Form) -> Response:
    """Have a link to a new password mailed to `email`. The answer is the same for every address."""
    asked = await resets.ask(runtime.current().context, fields.get("email", ""), address=_address(request))
    return _back("/forgot", sent="1") if asked else _back("/forgot", error="wait")


@router.post("/reset")
async def reset(request: Request, fields: Form) -> Response:
    """Use such a link: `token` and the new `password`. Ends all sessions and signs in here."""
    running = runtime.current()
    token = fields.get("token", "")[:128]
    page = f"/reset/{quote(token, safe='')}"
    if await _slowed(request):
        return _back(page, error="wait")
    try:
        person, cookie = await resets.use(
            running.context, token, fields.get("password", ""), days=running.settings.session_days
        )
    except NotFound:
        return _back(page)
    except Invalid as error:
        return _back(page, error=error.field)
    except Busy as busy:
        return _later(busy, _back(page, error="busy"))
    return await _signed_in(request, HOME[person.role], person, cookie)


def _address(request: Request) -> str:
    return client_address(request, runtime.current().settings.trusted_proxy_hops)


def _device(request: Request) -> str | None:
    return devices.device_cookie(request.headers.get("cookie"), runtime.current().settings.public_url)


async def _slowed(request: Request) -> bool:
    running = runtime.current()
    return await attempts.slowed(running.context, _address(request), running.settings.rate_sign_in)


def _back(page: str, fields: dict[str, str] | None = None, **query: str) -> Response:
    """To the page that shows the form again, with `fields` as they were typed and never with the password."""
    given = {name: value for name, value in query.items() if value}
    mark = "&" if "?" in page else "?"
    answer = RedirectResponse(f"{page}{mark}{urlencode(given)}" if given else page, status_code=303)
    if fields is not None:
        answer.headers["Cache-Control"] = "no-store"
        _set(answer, typed.COOKIE, typed.pack(fields), typed.LIFE)
    return answer


def _later(busy: Busy, back: Response) -> Response:
    """503 with Retry-After for a program; a browser goes where `back` leads, which says the same in words."""
    back.status_code = 503
    back.headers["Retry-After"] = str(busy.seconds)
    back.headers["Refresh"] = f"0; url={back.headers['location']}"
    del back.headers["location"]
    return back


def _set(answer: Response, name: str, value: str, seconds: int) -> None:
    """A cookie of this site that no script reads; gone at once with `seconds` 0."""
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=runtime.current().settings.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


async def _signed_in(request: Request, target: str, person: SignedIn, token: str) -> Response:
    """To `target` with the session's cookie, in a browser that is known from now on."""
    running = runtime.current()
    answer = RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})
    url = running.settings.public_url
    _set(answer, cookie_name(url), token, running.settings.session_days * 86400)
    device = await devices.remember(running.context, _device(request), person.account_id)
    _set(answer, devices.cookie_name(url), device, devices.DAYS * 86400)
    _set(answer, typed.COOKIE, "", 0)
    return answer


def _signed_out(target: str) -> Response:
    answer = RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})
    _set(answer, cookie_name(runtime.current().settings.public_url), "", 0)
    _set(answer, typed.COOKIE, "", 0)
    return answer
