"""Who may call an event handler, checked on the server at every call.

Any visitor can call any handler of any state with a raw websocket message, so each handler says who may:

    @rx.event
    @guarded(Role.STAFF)          # staff and admins; @guarded(Role.ADMIN): admins only
    async def load(self) -> None:
        me = caller()             # the SignedIn behind the session cookie, looked up just now

    @rx.event
    @public                       # anybody, signed in or not
    async def choose(self, day: str) -> None: ...

It works on coroutines, generators, background tasks and plain functions. Somebody who may not call it is sent to the
sign-in page, nothing runs, and what the state showed before is forgotten. A background task that stays (a live page)
asks `still_allowed()` before it shows more. A payload is whatever the client sent: take ids through `whole_number`
and texts through `short_text`, or check them in the service.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import Forbidden, Invalid
from booking_app.services.accounts import SignedIn, session_cookie, who

SIGN_IN = "/sign-in"
_ACCESS = "__booking_access__"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may call a handler: anybody (`role` None), or somebody signed in with at least this role."""

    role: Role | None

    def allows(self, person: SignedIn | None) -> bool:
        """Whether this caller may; admins may what staff may."""
        return self.role is None or (person is not None and person.role in {self.role, Role.ADMIN})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    access: Access
    cookie: str | None
    person: SignedIn | None


_call: ContextVar[_Call] = ContextVar("booking_guarded_call")


def caller() -> SignedIn:
    """Who called the guarded handler that runs now. Raises `LookupError` outside of one."""
    person = _call.get().person
    if person is None:
        raise LookupError("only a guarded handler has a caller")
    return person


def own_bookable() -> int:
    """The person whose calendars the caller manages: nobody else's, whatever the browser sends."""
    number = caller().bookable_id
    if number is None:
        raise Forbidden("This account has no calendars of its own.")
    return number


async def still_allowed() -> bool:
    """Whether the caller of the running guarded handler could call it again now: their session has not ended."""
    call = _call.get()
    return call.access.allows(await who(runtime.current().context, call.cookie))


async def visitor(state: rx.State) -> SignedIn | None:
    """Who is signed in in this browser, for public handlers; None for a visitor."""
    return await who(runtime.current().context, _cookie_of(state))


def access_of(handler: object) -> Access | None:
    """What a handler's decorator says; None if it has none."""
    found = getattr(handler, _ACCESS, None)
    return found if isinstance(found, Access) else None


def public(handler: F) -> F:
    """Anybody may call this handler."""
    setattr(handler, _ACCESS, Access(role=None))
    return handler


def guarded(role: Role) -> Callable[[F], F]:
    """Only somebody signed in with at least `role` may call the handler; see the module's text."""
    access = Access(role=role)

    def decorate(handler: F) -> F:
        wrapper = _streaming(handler, access) if _yields(handler) else _plain(handler, access)
        setattr(wrapper, _ACCESS, access)
        return wrapper  # type: ignore[return-value]

    return decorate


def _yields(handler: Callable[..., Any]) -> bool:
    return inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler)


def _plain(handler: Callable[..., Any], access: Access) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def checked(self: rx.State, *args: Any, **payload: Any) -> Any:
        call = await _admit(self, access)
        if call is None:
            return await _refuse(self, access)
        token = _call.set(call)
        try:
            result = handler(self, *args, **payload)
            return await result if inspect.isawaitable(result) else result
        finally:
            _call.reset(token)

    return checked


def _streaming(handler: Callable[..., Any], access: Access) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def checked(self: rx.State, *args: Any, **payload: Any) -> AsyncIterator[Any]:
        call = await _admit(self, access)
        if call is None:
            yield await _refuse(self, access)
            return
        # Not reset: a generator may be closed from another context, where the token would not fit. Each event runs
        # in a context of its own.
        _call.set(call)
        steps = handler(self, *args, **payload)
        if inspect.isasyncgen(steps):
            try:
                async for step in steps:
                    yield step
            finally:
                await steps.aclose()
        else:
            for step in steps:
                yield step

    return checked


async def _admit(state: rx.State, access: Access) -> _Call | None:
    cookie = _cookie_of(state)
    person = await who(runtime.current().context, cookie)
    return _Call(access=access, cookie=cookie, person=person) if access.allows(person) else None


async def _refuse(state: rx.State, access: Access) -> Any:
    """Forget what the state shows and lead to the sign-in page."""
    if getattr(state, "_self_mutable", None) is None:
        state.reset()  # type: ignore[no-untyped-call]
    else:  # the proxy that a background task gets may be changed only inside its lock
        async with state:
            state.reset()  # type: ignore[no-untyped-call]
    url = state.router.url
    back = url.path + (f"?{url.query}" if url.query else "")
    reason = "&error=role" if access.role is Role.ADMIN and await visitor(state) else ""
    return rx.redirect(f"{SIGN_IN}?next={quote(back or '/', safe='')}{reason}")


def _cookie_of(state: rx.State) -> str | None:
    return session_cookie(state.router.headers.cookie, runtime.current().settings.public_url)


def whole_number(value: object, field: str = "id") -> int:
    """A payload's id as a positive `int`; else `Invalid`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise Invalid(field, "This is not on the page any more. Load it again.")
    return value


def secret_text(value: object) -> str:
    """A password as typed: spaces may be part of it, and what is no text is none; else `Invalid`."""
    if not isinstance(value, str) or len(value) > 500:
        raise Invalid("secret", "Enter the password.")
    return value


def short_text(value: object, field: str, limit: int = 200) -> str:
    """A payload's text without surrounding space, at most `limit` characters and free of control characters; else
    `Invalid`."""
    if not isinstance(value, str) or len(value) > limit or any(ord(c) < 32 and c not in "\n\t\r" for c in value):
        raise Invalid(field, f"Write at most {limit} characters of plain text.")
    return value.strip()
