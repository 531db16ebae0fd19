"""The token endpoint. Sources: Microsoft identity platform, "OAuth 2.0 authorization code flow", "ID token claims
reference" and "Microsoft Entra authentication and authorization error codes"."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.simulators.google.id_token import sign
from tests.simulators.microsoft.errors import Json
from tests.simulators.microsoft.tokens import GRAPH, IDENTITY, PERMISSIONS, App, Grant, new_guid, short
from tests.simulators.microsoft.world import MicrosoftWorld, User

_KNOWN = frozenset(
    {
        *("client_id", "client_secret", "grant_type", "code", "redirect_uri", "code_verifier", "scope"),
        *("refresh_token", "client_info"),
    }
)
_GENERIC = ("common", "organizations", "consumers")


class OAuthError(Exception):
    """`number` is that of AADSTS."""

    def __init__(self, code: str, number: int, text: str, *, status: int = 400, suberror: str = "") -> None:
        super().__init__(f"{code} {number}")
        self.code, self.number, self.text, self.status, self.suberror = code, number, text, status, suberror


def described(world: MicrosoftWorld, number: int, text: str, trace: str, correlation: str) -> str:
    """An error_description."""
    at = f"{world.now():%Y-%m-%d %H:%M:%SZ}"
    return f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"


def token(world: MicrosoftWorld, request: Request, body: bytes) -> Response:
    try:
        with world.lock:
            found = _token(world, request, body)
            return JSONResponse(found, headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})
    except OAuthError as error:
        trace, correlation = new_guid(), new_guid()
        shown: Json = {
            "error": error.code,
            "error_description": described(world, error.number, error.text, trace, correlation),
            "error_codes": [error.number],
            "timestamp": f"{world.now():%Y-%m-%d %H:%M:%SZ}",
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={error.number}",
        }
        if error.suberror:
            shown["suberror"] = error.suberror
        return JSONResponse(shown, error.status)


def check_tenant(world: MicrosoftWorld, app: App, tenant: str) -> None:
    """Raises OAuthError for a tenant that is none, or through which the app may not be used."""
    tenants = {user.tid for user in world.users.values()} | {world.tenant}
    if tenant not in _GENERIC and tenant not in tenants:
        raise OAuthError("invalid_request", 90002, f"Tenant '{tenant}' not found.")
    if app.tenant and tenant in _GENERIC:
        text = f"Application '{app.client_id}' is not configured as a multi-tenant application."
        raise OAuthError("invalid_request", 50194, text)


def belongs(user: User, app: App, tenant: str) -> bool:
    """Whether the person may sign in through this tenant."""
    allowed = {"common": True, "organizations": not user.personal, "consumers": user.personal}
    return allowed.get(tenant, user.tid == tenant) and (not app.tenant or app.tenant == user.tid)


def _token(world: MicrosoftWorld, request: Request, body: bytes) -> Json:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise OAuthError("invalid_request", 900144, "The request body must be a form.")
    pairs = parse_qsl(body.decode())
    form = dict(pairs)
    if len(form) != len(pairs) or set(form) - _KNOWN:
        raise OAuthError("invalid_request", 9000411, "The request is not properly formatted.")
    app = _client(world, request, form)
    check_tenant(world, app, request.path_params["tenant"])
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return _exchange(world, app, form)
    if kind == "refresh_token":
        return _refresh(world, app, form)
    if kind is None:
        raise _lacking("grant_type")
    raise OAuthError("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{kind}'.")


def _lacking(name: str) -> OAuthError:
    return OAuthError("invalid_request", 900144, f"The request body must contain the following parameter: '{name}'.")


def _client(world: MicrosoftWorld, request: Request, form: Mapping[str, str]) -> App:
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    header = request.headers.get("authorization", "")
    if header.startswith("Basic "):
        pair = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        name, secret = unquote(pair[0]), unquote(pair[2])
    if not name:
        raise _lacking("client_id")
    app = world.apps.get(name)
    if app is None or app.removed:
        text = f"Application with identifier '{name}' was not found in the directory."
        raise OAuthError("unauthorized_client", 700016, text)
    if not secret:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise OAuthError("invalid_client", 7000218, text, status=401)
    if not hmac.compare_digest(app.secret.encode(), secret.encode()):
        text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value."
        raise OAuthError("invalid_client", 7000215, text, status=401)
    if app.expired_secret:
        text = f"The provided client secret keys for app '{name}' are expired."
        raise OAuthError("invalid_client", 7000222, text, status=401)
    return app


def _exchange(world: MicrosoftWorld, app: App, form: Mapping[str, str]) -> Json:
    for name in ("code", "redirect_uri"):
        if not form.get(name):
            raise _lacking(name)
    code = world.consents.codes.get(form["code"])
    if code is None or code.grant.app is not app:
        raise OAuthError("invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
    if code.used:
        raise OAuthError("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
    if world.now() >= code.expires:
        raise OAuthError("invalid_grant", 70008, "The provided authorization code has expired.")
    if form["redirect_uri"] != code.redirect_uri:
        text = "The reply address does not match the reply address provided when requesting Authorization code."
        raise OAuthError("invalid_client", 500112, text, status=401)
    if code.challenge:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        wanted = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if code.challenge != (wanted if code.method == "S256" else form.get("code_verifier")):
            text = "The Code_Verifier does not match the code_challenge supplied in the authorization request."
            raise OAuthError("invalid_grant", 501481, text)
    elif form.get("code_verifier"):
        raise OAuthError("invalid_grant", 501481, "A Code_Verifier was not expected.")
    code.used = True
    if form.get("scope"):
        _narrowed(form["scope"], code.scopes)
    refresh = world.consents.new_refresh(code.grant) if "offline_access" in code.scopes else None
    return _tokens(world, code.grant, code.scopes, refresh, nonce=code.nonce, long_names=code.long_names)


def _refresh(world: MicrosoftWorld, app: App, form: Mapping[str, str]) -> Json:
    given = form.get("refresh_token")
    if not given:
        raise _lacking("refresh_token")
    grant = world.consents.grant_of(given)
    if grant is None or grant.app is not app:
        number, text = {
            "rotated": (70000, "The provided value for the 'refresh_token' parameter is not valid."),
            "inactive": (700082, "The refresh token has expired due to inactivity."),
            "password": (
                50173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
            ),
            "revoked": (65001, "The user or administrator has not consented to use the application."),
        }.get(world.consents.why_dead(given), (9002313, "Invalid request. Request is malformed or invalid."))
        raise OAuthError("invalid_grant", number, text, suberror="consent_required" if number == 65001 else "")
    if grant.demand is not None:
        error, number = grant.demand
        raise OAuthError(error, number, "The person has to sign in again.", suberror="basic_action")
    scopes = grant.scopes
    asked = form.get("scope", "")
    if asked:
        scopes = _narrowed(asked, grant.scopes)
    refresh = world.consents.new_refresh(grant, given)
    return _tokens(world, grant, scopes, refresh, long_names=GRAPH in asked or not asked)


def _narrowed(asked: str, granted: frozenset[str]) -> frozenset[str]:
    """The scopes asked for. Raises OAuthError for one that nobody consented to."""
    names = frozenset(short(each) for each in asked.split())
    if unknown := names - set(PERMISSIONS) - IDENTITY:
        raise OAuthError("invalid_scope", 70011, f"The provided value for the input parameter 'scope' {unknown}.")
    if names - granted - IDENTITY:
        text = "The user or administrator has not consented to use the application."
        raise OAuthError("invalid_grant", 65001, text, suberror="consent_required")
    return names & granted


def _tokens(
    world: MicrosoftWorld,
    grant: Grant,
    scopes: frozenset[str],
    refresh: str | None,
    *,
    long_names: bool,
    nonce: str = "",
) -> Json:
    user = world.users[grant.email]
    access = world.consents.issue(grant, scopes, personal=user.personal)
    seconds = round((world.consents.access[access].expires - world.now()).total_seconds())
    long_names = long_names and not world.short_scopes
    named = [each if each in IDENTITY or not long_names else GRAPH + each for each in scopes - {"offline_access"}]
    found: Json = {
        "token_type": "Bearer",
        "scope": " ".join(sorted(named, reverse=True)),
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": access,
    }
    if refresh is not None:
        found["refresh_token"] = refresh
    if "openid" in scopes:
        found["id_token"] = sign(_claims(world, user, grant.app, scopes, nonce))
    return found


def _claims(world: MicrosoftWorld, user: User, app: App, scopes: frozenset[str], nonce: str) -> Json:
    """`sub` differs from app to app, `oid` does not."""
    now = int(world.now().timestamp())
    digest = hashlib.sha256(f"{user.oid} {app.client_id}".encode()).digest()
    claims: Json = {"ver": "2.0", "iss": f"https://login.microsoftonline.com/{user.tid}/v2.0", "aud": app.client_id}
    claims |= {"sub": base64.urlsafe_b64encode(digest).decode().rstrip("="), "tid": user.tid}
    claims |= {"iat": now, "nbf": now, "exp": now + 3600}
    if nonce:
        claims["nonce"] = nonce
    if "profile" in scopes:
        claims |= {"name": user.name, "oid": user.oid, "preferred_username": user.email}
    if "email" in scopes and user.shows_email:
        claims["email"] = user.email
    return claims
