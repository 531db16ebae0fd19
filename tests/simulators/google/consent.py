"""Google's consent page, which sends the browser back with a code.

Source: "Using OAuth 2.0 for Web Server Applications". Unknown parameters are refused, although the real service may
ignore them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tests.simulators.google.discovery import SCOPE, document
from tests.simulators.google.tokens import CODE_SECONDS, App, Code, scope_text
from tests.simulators.google.world import GoogleWorld

AUTHORIZE = "/o/oauth2/v2/auth"
_KNOWN = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "scope", "access_type", "state", "include_granted_scopes"),
        *("enable_granular_consent", "login_hint", "prompt", "code_challenge", "code_challenge_method", "nonce", "hd"),
    }
)
_IDENTITY = {
    "openid": "openid",
    "email": SCOPE + "userinfo.email",
    "profile": SCOPE + "userinfo.profile",
    SCOPE + "userinfo.email": SCOPE + "userinfo.email",
    SCOPE + "userinfo.profile": SCOPE + "userinfo.profile",
}
"""What is asked -> how Google names it in its answers."""


class Refused(Exception):
    """The consent page shows this instead of sending the browser back."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


def _checked(world: GoogleWorld, pairs: list[tuple[str, str]]) -> tuple[App, dict[str, str], list[str]]:
    """The client, the parameters and the scopes asked for, in Google's names."""
    given = dict(pairs)
    if len(given) != len(pairs):
        raise Refused(400, "invalid_request", "OAuth 2 parameters can only have a single value")
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        if not given.get(name):
            raise Refused(400, "invalid_request", f"Missing required parameter: {name}")
    if unknown := sorted(set(given) - _KNOWN):
        raise Refused(400, "invalid_request", f"Unknown parameter: {unknown[0]}")
    app = world.apps.get(given["client_id"])
    if app is None:
        raise Refused(401, "invalid_client", "The OAuth client was not found.")
    if app.removed:
        raise Refused(401, "deleted_client", "The OAuth client was deleted.")
    if given["redirect_uri"] not in app.redirect_uris:
        raise Refused(400, "redirect_uri_mismatch", "The redirect URI in the request is not registered.")
    if given["response_type"] != "code":
        raise Refused(400, "unsupported_response_type", "Only code is simulated.")
    if given.get("access_type", "online") not in ("online", "offline"):
        raise Refused(400, "invalid_request", "Invalid parameter value for access_type")
    if not set(given.get("prompt", "").split()) <= {"none", "consent", "select_account"}:
        raise Refused(400, "invalid_request", "Invalid parameter value for prompt")
    if given.get("code_challenge_method", "plain") not in ("S256", "plain"):
        raise Refused(400, "invalid_request", "Invalid parameter value for code_challenge_method")
    asked = [_IDENTITY.get(scope, scope) for scope in given["scope"].split()]
    bad = [scope for scope in asked if scope not in (*_IDENTITY.values(), *document()["auth"]["oauth2"]["scopes"])]
    if bad:
        raise Refused(400, "invalid_scope", f"Some requested scopes were invalid: {bad}")
    return app, given, asked


def authorize(world: GoogleWorld, request: Request) -> Response:
    """The consent page."""
    try:
        app, given, asked = _checked(world, parse_qsl(request.url.query, keep_blank_values=True))
    except Refused as error:
        return _refusal(error)
    described = document()["auth"]["oauth2"]["scopes"]
    people = "".join(
        f"<label><input type=radio name=user value='{escape(user.email)}' "
        f"{'checked' if user.email == (given.get('login_hint') or next(iter(world.users))) else ''}>"
        f"{escape(user.name)} &lt;{escape(user.email)}&gt;</label><br>"
        for user in world.users.values()
    )
    boxes = "".join(
        f"<label><input type=checkbox name=scope value='{escape(scope)}' checked>"
        f"{escape(described[scope]['description'])} <code>{escape(scope.removeprefix(SCOPE))}</code></label><br>"
        for scope in asked
        if scope in described
    )
    return _html(
        200,
        f"<h1>{escape(app.client_id)} wants access to your Google Account</h1>"
        f"<form method=post action='{AUTHORIZE}'><input type=hidden name=request value='{escape(request.url.query)}'>"
        f"<fieldset><legend>Choose an account</legend>{people}</fieldset>"
        f"<fieldset><legend>Select what it can access</legend>{boxes or 'Only who you are'}</fieldset>"
        "<button name=decision value=allow>Allow</button> <button name=decision value=cancel>Cancel</button></form>",
    )


def decide(world: GoogleWorld, body: bytes) -> Response:
    """What the consent page's form sends: back to the client with a code, or with access_denied."""
    form = parse_qsl(body.decode(), keep_blank_values=True)
    answers = dict(form)
    try:
        app, given, asked = _checked(world, parse_qsl(answers.get("request", ""), keep_blank_values=True))
        user = world.users.get(answers.get("user", ""))
        if answers.get("decision") != "allow":
            return _back(given, {"error": "access_denied"})
        if user is None:
            raise Refused(400, "invalid_request", "No account was chosen.")
        if user.blocked:
            raise Refused(400, "admin_policy_enforced", "Your organization does not allow this app.")
        if app.testing and app.test_users and user.email not in app.test_users:
            raise Refused(403, "access_denied", "The app is being tested, and you are not one of its test users.")
    except Refused as error:
        return _refusal(error)
    ticked = {value for name, value in form if name == "scope"}
    allowed = frozenset(scope for scope in asked if scope in ticked or scope in _IDENTITY.values())
    before = world.consents.granted(app, user.email)
    if given.get("include_granted_scopes") == "true":
        allowed |= before
    first = not any(
        grant.app is app and grant.email == user.email and grant.refresh and not grant.ended
        for grant in world.consents.grants
    )
    offline = given.get("access_type") == "offline" and (first or "consent" in given.get("prompt", "").split())
    grant = world.consents.consent(app, user.email, allowed, offline=offline)
    code = f"4/0A{secrets.token_urlsafe(48)}"
    world.consents.codes[code] = Code(
        grant=grant,
        redirect_uri=given["redirect_uri"],
        expires=world.now() + timedelta(seconds=CODE_SECONDS),
        challenge=given.get("code_challenge", ""),
        method=given.get("code_challenge_method", "plain"),
        nonce=given.get("nonce", ""),
    )
    return _back(given, {"code": code, "scope": scope_text(allowed), "authuser": "0", "prompt": "consent"})


def _back(given: Mapping[str, str], answer: Mapping[str, str]) -> Response:
    state = {"state": given["state"]} if "state" in given else {}
    joint = "&" if urlsplit(given["redirect_uri"]).query else "?"
    return RedirectResponse(f"{given['redirect_uri']}{joint}{urlencode({**state, **answer})}", 302)


def _refusal(error: Refused) -> Response:
    return _html(
        error.status, f"<h1>Access blocked</h1><p>Error {error.status}: {error.code}</p><p>{escape(error.text)}"
    )


def _html(status: int, content: str) -> Response:
    note = "Simulation of Google, not the real service"
    style = "body{font:16px sans-serif;max-width:40rem;margin:3rem auto}.note{background:#fd6;padding:.5rem}"
    return HTMLResponse(
        f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{note}</title><style>{style}</style>"
        f"<p class=note role=note>{note}</p>{content}</html>",
        status,
        headers={"Cache-Control": "no-store", "X-Frame-Options": "DENY"},
    )
