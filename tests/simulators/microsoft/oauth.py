"""The consent page and the token endpoint of the Microsoft identity platform (v2.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from html import escape
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from tests.simulators.microsoft.errors import Json
from tests.simulators.microsoft.tokens import (
    ACCESS_SECONDS,
    CODE_SECONDS,
    OPENID,
    RESOURCE,
    App,
    Code,
    Grant,
    scope_text,
)
from tests.simulators.microsoft.world import MicrosoftWorld, User

TENANTS = frozenset({"common", "organizations", "consumers"})
_KNOWN = frozenset(
    {
        *("client_id", "response_type", "redirect_uri", "response_mode", "scope", "state"),
        *("prompt", "login_hint", "domain_hint", "code_challenge", "code_challenge_method", "nonce"),
    }
)
_SCOPES = frozenset(
    {"Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic", "User.Read", "MailboxSettings.Read", *OPENID}
)
_DESCRIBED = {
    "Calendars.Read": "Read your calendars",
    "Calendars.ReadWrite": "Have full access to your calendars",
    "Calendars.ReadBasic": "Read basic details of your calendars",
}


class OAuthError(Exception):
    """With the number that the description starts with."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(error)
        self.status = status
        self.body: Json = {
            "error": error,
            "error_description": f"AADSTS{number}: {text} Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()}",
            "error_codes": [number],
            "timestamp": "2027-03-01 08:00:00Z",
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }


def _asked(world: MicrosoftWorld, pairs: list[tuple[str, str]], tenant: str) -> tuple[App, dict[str, str], list[str]]:
    given = dict(pairs)
    if len(given) != len(pairs) or set(given) - _KNOWN:
        raise OAuthError(400, "invalid_request", 900144, f"unknown or repeated: {sorted(set(given) - _KNOWN)}")
    if tenant not in TENANTS:
        raise OAuthError(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
    app = world.apps.get(given.get("client_id", ""))
    if app is None:
        raise OAuthError(400, "unauthorized_client", 700016, "Application was not found in the directory.")
    if given.get("redirect_uri") not in app.redirect_uris:
        raise OAuthError(400, "invalid_request", 50011, "The redirect URI does not match.")
    if given.get("response_type") != "code" or given.get("code_challenge_method", "S256") not in ("S256", "plain"):
        raise OAuthError(400, "unsupported_response_type", 70005, "Only code is simulated.")
    if given.get("prompt", "login") not in ("login", "none", "consent", "select_account"):
        raise OAuthError(400, "invalid_request", 90023, "Unsupported prompt value.")
    scopes = [each.removeprefix(RESOURCE) for each in given.get("scope", "").split()]
    if not scopes or set(scopes) - _SCOPES:
        raise OAuthError(400, "invalid_scope", 70011, f"The scope is not valid: {sorted(set(scopes) - _SCOPES)}")
    return app, given, scopes


def authorize(world: MicrosoftWorld, request: Request) -> Response:
    """The consent page. Microsoft lets people accept or cancel, not choose among permissions."""
    tenant = request.path_params["tenant"]
    try:
        app, given, scopes = _asked(world, parse_qsl(request.url.query, keep_blank_values=True), tenant)
    except OAuthError as error:
        return _html(
            error.status, f"<h1>Sorry, but we’re having trouble</h1><p>{escape(str(error.body['error_description']))}"
        )
    hint = given.get("login_hint") or next(iter(world.users))
    people = "".join(
        f"<label><input type=radio name=user value='{escape(each.email)}' {'checked' if each.email == hint else ''}>"
        f"{escape(each.email)}</label><br>"
        for each in world.users.values()
    )
    wanted = "".join(f"<li>{escape(_DESCRIBED.get(each, each))} <code>{escape(each)}</code>" for each in scopes)
    return _html(
        200,
        f"<h1>Permissions requested</h1><p>{escape(app.client_id)} would like to:</p><ul>{wanted}</ul>"
        f"<form method=post action='/{tenant}/oauth2/v2.0/authorize'>"
        f"<input type=hidden name=request value='{escape(request.url.query)}'>"
        f"<fieldset><legend>Pick an account</legend>{people}</fieldset>"
        "<button name=decision value=allow>Accept</button> <button name=decision value=cancel>Cancel</button></form>",
    )


def decide(world: MicrosoftWorld, request: Request, body: bytes) -> Response:
    """Back to the client with a code, or with an error."""
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    try:
        pairs = parse_qsl(form.get("request", ""), keep_blank_values=True)
        app, given, scopes = _asked(world, pairs, request.path_params["tenant"])
    except OAuthError as error:
        return _html(error.status, f"<p>{escape(str(error.body['error_description']))}")
    if form.get("decision") != "allow":
        return _back(given, {"error": "access_denied", "error_description": "AADSTS65004: User declined to consent."})
    user = world.users[form["user"]]
    if user.blocked:
        text = "AADSTS90094: The grant requires admin permission."
        return _back(given, {"error": "access_denied", "error_description": text})
    with world.lock:
        grant = world.consents.consent(app, user.email, frozenset(scopes))
        code = f"M.C5{secrets.token_urlsafe(80)}"
        world.consents.codes[code] = Code(
            grant=grant,
            redirect_uri=given["redirect_uri"],
            expires=world.now() + timedelta(seconds=CODE_SECONDS),
            challenge=given.get("code_challenge", ""),
        )
    return _back(given, {"code": code, "session_state": str(uuid.uuid4())})


def token(world: MicrosoftWorld, request: Request, body: bytes) -> Response:
    try:
        with world.lock:
            if request.path_params["tenant"] not in TENANTS:
                raise OAuthError(400, "invalid_request", 90002, "Tenant not found.")
            return JSONResponse(_token(world, dict(parse_qsl(body.decode()))), headers={"Cache-Control": "no-store"})
    except OAuthError as error:
        return JSONResponse(error.body, error.status)


def _token(world: MicrosoftWorld, form: Mapping[str, str]) -> Json:
    app = world.apps.get(form.get("client_id", ""))
    if app is None:
        raise OAuthError(400, "unauthorized_client", 700016, "Application was not found in the directory.")
    if app.expired_secret:
        raise OAuthError(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
    if not hmac.compare_digest(app.secret, form.get("client_secret", "")):
        raise OAuthError(401, "invalid_client", 7000215, "Invalid client secret provided.")
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return _exchange(world, app, form)
    if kind == "refresh_token":
        grant = world.consents.grant_of(form.get("refresh_token", ""))
        if grant is None or grant.app is not app:
            raise OAuthError(400, "invalid_grant", 70000, "The provided value for 'refresh_token' is not valid.")
        grant.used = world.now()
        return _tokens(world, grant)
    raise OAuthError(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")


def _exchange(world: MicrosoftWorld, app: App, form: Mapping[str, str]) -> Json:
    code = world.consents.codes.get(form.get("code", ""))
    if code is None or code.grant.app is not app or world.now() >= code.expires:
        raise OAuthError(400, "invalid_grant", 70008, "The provided authorization code has expired.")
    if code.used:
        raise OAuthError(400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
    if form.get("redirect_uri") != code.redirect_uri:
        raise OAuthError(400, "invalid_grant", 50011, "The redirect URI does not match.")
    if code.challenge:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if code.challenge != base64.urlsafe_b64encode(digest).decode().rstrip("="):
            raise OAuthError(400, "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
    code.used = True
    return _tokens(world, code.grant)


def _tokens(world: MicrosoftWorld, grant: Grant) -> Json:
    found: Json = {
        "token_type": "Bearer",
        "scope": scope_text(grant.scopes),
        "expires_in": ACCESS_SECONDS,
        "ext_expires_in": ACCESS_SECONDS,
        "access_token": world.consents.issue(grant),
    }
    if "offline_access" in grant.scopes:
        found["refresh_token"] = world.consents.renew(grant)
    if "openid" in grant.scopes:
        found["id_token"] = _id_token(world.users[grant.email], grant.app)
    return found


def _id_token(user: User, app: App) -> str:
    claims = {
        "aud": app.client_id,
        "iss": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        "sub": user.sub,
        "oid": "00000000-0000-0000-66f3-3332eca7ea81",
        "tid": "9188040d-6c67-4c5b-b112-36a304b66dad",
        "preferred_username": user.email,
        "email": user.email,
        "ver": "2.0",
    }
    parts = ({"typ": "JWT", "alg": "RS256", "kid": "1"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts), "c2ln"]
    )


def _back(given: Mapping[str, str], answer: Mapping[str, str]) -> Response:
    state = {"state": given["state"]} if "state" in given else {}
    return RedirectResponse(f"{given['redirect_uri']}?{urlencode({**answer, **state})}", 302)


def _html(status: int, content: str) -> Response:
    note = "Simulation of Microsoft, not the real service"
    style = "body{font:16px sans-serif;max-width:40rem;margin:3rem auto}.note{background:#fd6;padding:.5rem}"
    return HTMLResponse(
        f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{note}</title><style>{style}</style>"
        f"<p class=note role=note>{note}</p>{content}</html>",
        status,
        headers={"Cache-Control": "no-store", "X-Frame-Options": "DENY"},
    )
