"""The sign-in and consent page. Source: Microsoft identity platform, "OAuth 2.0 authorization code flow".

The real page asks for all or nothing. Here each permission can be unticked: that stands for an organisation which
allows less than was asked for. Unknown parameters are refused, although the real service may pass over them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tests.simulators.microsoft.oauth import OAuthError, belongs, check_tenant, described
from tests.simulators.microsoft.tokens import (
    CODE_SECONDS,
    GRAPH,
    IDENTITY,
    PERMISSIONS,
    App,
    Code,
    new_guid,
    short,
)
from tests.simulators.microsoft.world import MicrosoftWorld, User

_KNOWN = frozenset(
    {
        *("client_id", "response_type", "redirect_uri", "scope", "response_mode", "state", "nonce", "prompt"),
        *("login_hint", "domain_hint", "code_challenge", "code_challenge_method", "max_age"),
    }
)


def _checked(
    world: MicrosoftWorld, tenant: str, pairs: list[tuple[str, str]]
) -> tuple[App, dict[str, str], frozenset[str]]:
    """The app, the parameters, and the scopes asked for by short name. Raises OAuthError."""
    given = dict(pairs)
    if len(given) != len(pairs):
        raise OAuthError(
            "invalid_request", 9000411, "The request is not properly formatted: a parameter is duplicated."
        )
    if unknown := sorted(set(given) - _KNOWN):
        raise OAuthError("invalid_request", 9000411, f"The parameter '{unknown[0]}' is unknown.")
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        if not given.get(name):
            raise OAuthError("invalid_request", 900144, f"The request must contain the following parameter: '{name}'.")
    app = world.apps.get(given["client_id"])
    if app is None or app.removed:
        text = f"Application with identifier '{given['client_id']}' was not found in the directory."
        raise OAuthError("unauthorized_client", 700016, text)
    check_tenant(world, app, tenant)
    if given["redirect_uri"] not in app.redirect_uris:
        text = f"The redirect URI '{given['redirect_uri']}' specified in the request does not match the redirect URIs"
        raise OAuthError("invalid_request", 50011, f"{text} configured for the application.")
    if given["response_type"] != "code" or given.get("response_mode", "query") != "query":
        raise OAuthError("unsupported_response_type", 700054, "Only a code in the query is simulated.")
    if given.get("prompt", "login") not in ("login", "none", "consent", "select_account"):
        raise OAuthError("invalid_request", 90023, "Unsupported 'prompt' value.")
    if given.get("code_challenge_method", "S256") not in ("S256", "plain"):
        raise OAuthError("invalid_request", 501491, "Invalid size or method of Code_Challenge.")
    if "code_challenge" in given and not 43 <= len(given["code_challenge"]) <= 128:
        raise OAuthError("invalid_request", 501491, "Invalid size of Code_Challenge.")
    asked = frozenset(short(each) for each in given["scope"].split())
    if unknown := sorted(asked - set(PERMISSIONS) - IDENTITY):
        text = f"The provided value for the input parameter 'scope' is not valid: {unknown[0]}"
        raise OAuthError("invalid_scope", 70011, text)
    return app, given, asked


def authorize(world: MicrosoftWorld, request: Request) -> Response:
    """The page."""
    tenant = request.path_params["tenant"]
    try:
        app, given, asked = _checked(world, tenant, parse_qsl(request.url.query, keep_blank_values=True))
    except OAuthError as error:
        return _refusal(world, error)
    users = [user for user in world.users.values() if belongs(user, app, tenant)]
    chosen = given.get("login_hint", "").lower() or next((user.email for user in users), "")
    people = "".join(
        f"<label><input type=radio name=user value='{escape(user.email)}' {'checked' if user.email == chosen else ''}>"
        f"{escape(user.name)} &lt;{escape(user.email)}&gt;{' (personal)' if user.personal else ''}</label><br>"
        for user in users
    )
    boxes = "".join(
        f"<label><input type=checkbox name=scope value='{scope}' checked>"
        f"{escape(text)} <code>{scope}</code></label><br>"
        for scope, text in PERMISSIONS.items()
        if scope in asked
    )
    return _html(
        200,
        f"<h1>Permissions requested by {escape(app.client_id)}</h1>"
        f"<form method=post><input type=hidden name=request value='{escape(request.url.query)}'>"
        f"<fieldset><legend>Pick an account</legend>{people}</fieldset>"
        f"<fieldset><legend>This app would like to</legend>{boxes or 'Only know who you are'}</fieldset>"
        "<button name=decision value=allow>Allow</button> <button name=decision value=cancel>Cancel</button></form>",
    )


def decide(world: MicrosoftWorld, request: Request, body: bytes) -> Response:
    """What the page's form sends: back to the app with a code, or with an error."""
    form = parse_qsl(body.decode(), keep_blank_values=True)
    fields, tenant = dict(form), request.path_params["tenant"]
    try:
        app, given, asked = _checked(world, tenant, parse_qsl(fields.get("request", ""), keep_blank_values=True))
    except OAuthError as error:
        return _refusal(world, error)
    user = world.users.get(fields.get("user", ""))
    if fields.get("decision") != "allow":
        declined = OAuthError("access_denied", 65004, "User declined to consent to access the app.")
        return _failed(world, given, declined, {"error_subcode": "cancel"})
    if user is None or not belongs(user, app, tenant):
        text = "The user account does not exist in the tenant and cannot access the application in that tenant."
        return _refusal(world, OAuthError("interaction_required", 50020, text))
    if user.blocked:
        text = f"{user.name} needs admin consent: the organisation lets nobody allow apps by themselves."
        return _failed(world, given, OAuthError("consent_required", 90094, text), {})
    with world.lock:
        code = _code(world, app, user, given, asked, {value for name, value in form if name == "scope"})
    return _back(given, {"code": code, "session_state": new_guid()})


def _code(
    world: MicrosoftWorld, app: App, user: User, given: Mapping[str, str], asked: frozenset[str], ticked: set[str]
) -> str:
    allowed = frozenset(scope for scope in asked if scope in ticked or scope in IDENTITY)
    grant = world.consents.widen(app, user.email, allowed)
    code = f"{'M.C5' if user.personal else '1.A'}{secrets.token_urlsafe(200)}"
    world.consents.codes[code] = Code(
        grant=grant,
        redirect_uri=given["redirect_uri"],
        expires=world.now() + timedelta(seconds=CODE_SECONDS),
        scopes=allowed,
        challenge=given.get("code_challenge", ""),
        method=given.get("code_challenge_method", "plain"),
        nonce=given.get("nonce", ""),
        long_names=GRAPH in given["scope"],
    )
    return code


def _failed(world: MicrosoftWorld, given: Mapping[str, str], error: OAuthError, more: Mapping[str, str]) -> Response:
    text = described(world, error.number, error.text, new_guid(), new_guid())
    return _back(given, {"error": error.code, "error_description": text, **more})


def _back(given: Mapping[str, str], answer: Mapping[str, str]) -> Response:
    state = {"state": given["state"]} if "state" in given else {}
    joint = "&" if urlsplit(given["redirect_uri"]).query else "?"
    return RedirectResponse(f"{given['redirect_uri']}{joint}{urlencode({**answer, **state})}", 302)


def _refusal(world: MicrosoftWorld, error: OAuthError) -> Response:
    text = described(world, error.number, error.text, new_guid(), new_guid())
    return _html(error.status, f"<h1>Sorry, but we’re having trouble signing you in.</h1><p>{escape(text)}</p>")


def _html(status: int, content: str) -> Response:
    note = "Simulation of Microsoft, not the real service"
    style = "body{font:16px sans-serif;max-width:40rem;margin:3rem auto}.note{background:#fd6;padding:.5rem}"
    return HTMLResponse(
        f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{note}</title><style>{style}</style>"
        f"<p class=note role=note>{note}</p>{content}</html>",
        status,
        headers={"Cache-Control": "no-store", "X-Frame-Options": "DENY"},
    )
