"""Google's token endpoint, revocation and user info. Source: "Using OAuth 2.0 for Web Server Applications"."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.simulators.google.discovery import SCOPE
from tests.simulators.google.id_token import sign
from tests.simulators.google.tokens import ACCESS_SECONDS, App, Grant, scope_text
from tests.simulators.google.world import GoogleWorld


class OAuthError(Exception):
    def __init__(self, status: int, code: str, text: str, *, subtype: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.body = {"error": code, "error_description": text}
        if subtype:
            self.body["error_subtype"] = subtype


def token(world: GoogleWorld, request: Request, body: bytes) -> Response:
    try:
        with world.lock:
            return JSONResponse(_token(world, request, body), headers={"Cache-Control": "no-store"})
    except OAuthError as error:
        return JSONResponse(error.body, error.status)


def _token(world: GoogleWorld, request: Request, body: bytes) -> dict[str, object]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise OAuthError(400, "invalid_request", "The request must be a form.")
    form = dict(parse_qsl(body.decode()))
    app = _client(world, request, form)
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return _exchange(world, app, form)
    if kind == "refresh_token":
        return _refresh(world, app, form)
    if kind is None:
        raise OAuthError(400, "invalid_request", "Missing required parameter: grant_type")
    raise OAuthError(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")


def _client(world: GoogleWorld, request: Request, form: Mapping[str, str]) -> App:
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    header = request.headers.get("authorization", "")
    if header.startswith("Basic "):
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    if not name:
        raise OAuthError(400, "invalid_request", "Could not determine client ID from request.")
    app = world.apps.get(name)
    if app is None:
        raise OAuthError(401, "invalid_client", "The OAuth client was not found.")
    if app.removed:
        raise OAuthError(401, "deleted_client", "The OAuth client was deleted.")
    if not secret:
        raise OAuthError(400, "invalid_request", "client_secret is missing.")
    if not hmac.compare_digest(app.secret, secret):
        raise OAuthError(401, "invalid_client", "Unauthorized")
    return app


def _exchange(world: GoogleWorld, app: App, form: Mapping[str, str]) -> dict[str, object]:
    for name in ("code", "redirect_uri"):
        if not form.get(name):
            raise OAuthError(400, "invalid_request", f"Missing required parameter: {name}")
    code = world.consents.codes.get(form["code"])
    if code is None or code.grant.app is not app or world.now() >= code.expires:
        raise OAuthError(400, "invalid_grant", "Malformed auth code.")
    if code.used:
        code.grant.ended = "code used twice"
        raise OAuthError(400, "invalid_grant", "Bad Request")
    if form["redirect_uri"] != code.redirect_uri:
        raise OAuthError(400, "redirect_uri_mismatch", "Bad Request")
    if code.challenge:
        verifier = form.get("code_verifier", "")
        if not verifier:
            raise OAuthError(400, "invalid_grant", "Missing code verifier.")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if code.challenge != (digest if code.method == "S256" else verifier):
            raise OAuthError(400, "invalid_grant", "Invalid code verifier.")
    code.used = True
    found = _tokens(world, code.grant, code.nonce)
    if code.grant.refresh is not None:
        found["refresh_token"] = code.grant.refresh
    return found


def _refresh(world: GoogleWorld, app: App, form: Mapping[str, str]) -> dict[str, object]:
    if not form.get("refresh_token"):
        raise OAuthError(400, "invalid_request", "Missing required parameter: refresh_token")
    grant = world.consents.grant_of(form["refresh_token"])
    if world.consents.ended(form["refresh_token"]) == "invalid_rapt":  # a Workspace asks for a fresh sign-in
        text = "reauth related error (invalid_rapt)"
        raise OAuthError(400, "invalid_grant", text, subtype="invalid_rapt")
    if grant is None or grant.app is not app:
        raise OAuthError(400, "invalid_grant", "Token has been expired or revoked.")
    grant.used = world.now()
    narrowed = frozenset(form["scope"].split()) if form.get("scope") else None
    if narrowed is not None and not narrowed <= grant.scopes:
        raise OAuthError(400, "invalid_scope", "Bad Request")
    return _tokens(world, grant, "", narrowed)


def _tokens(world: GoogleWorld, grant: Grant, nonce: str, scopes: frozenset[str] | None = None) -> dict[str, object]:
    access = world.consents.issue(grant, scopes)
    found: dict[str, object] = {"access_token": access, "expires_in": ACCESS_SECONDS, "token_type": "Bearer"}
    found["scope"] = scope_text(scopes or grant.scopes)
    until = world.consents.lives_until(grant)
    if grant.refresh is not None and until is not None:
        found["refresh_token_expires_in"] = int((until - world.now()).total_seconds())
    if "openid" in grant.scopes:
        user = world.users[grant.email]
        now = int(world.now().timestamp())
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims: dict[str, object] = {"iss": "https://accounts.google.com", "azp": grant.app.client_id}
        claims |= {"aud": grant.app.client_id, "sub": user.sub, "iat": now, "exp": now + 3600}
        claims["at_hash"] = base64.urlsafe_b64encode(half).decode().rstrip("=")
        if nonce:
            claims["nonce"] = nonce
        if SCOPE + "userinfo.email" in grant.scopes:
            claims |= {"email": user.email, "email_verified": True}
        if SCOPE + "userinfo.profile" in grant.scopes:
            claims["name"] = user.name
        found["id_token"] = sign(claims)
    return found


def revoke(world: GoogleWorld, request: Request, body: bytes) -> Response:
    """Either token ends the whole grant."""
    given = dict(parse_qsl(body.decode())) | dict(parse_qsl(request.url.query))
    with world.lock:
        text = given.get("token", "")
        access = world.consents.check(text)
        grant = access.grant if access else world.consents.grant_of(text)
        if grant is None:
            return JSONResponse({"error": "invalid_token", "error_description": "Token expired or revoked"}, 400)
        world.consents.revoke(grant.app, grant.email)
        return JSONResponse({})


def user_info(world: GoogleWorld, request: Request) -> Response:
    access = world.consents.check(request.headers.get("authorization", "").removeprefix("Bearer "))
    if access is None:
        return Response(json.dumps({"error": "invalid_request"}), 401, media_type="application/json")
    user = world.users[access.grant.email]
    found: dict[str, object] = {"id": user.sub}
    if SCOPE + "userinfo.email" in access.scopes:
        found |= {"email": user.email, "verified_email": True}
    return JSONResponse(found)
