"""The token endpoints of providers that are linked by consent: RFC 6749 sections 4.1.3 and 6, RFC 7009.

What an error means is decided by its name, not by the status. Only what is said of the grant itself is the person's
to mend; every other refusal is about this installation (unless `Grants` finds that it is not), and an answer that
cannot be read is a disturbance:

    invalid_grant, interaction_required, consent_required, ...   AccessLost
    invalid_client, unauthorized_client, any other               ProviderRefused
    429, 5xx, temporarily_unavailable, no JSON                   Transient
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import ssl
from collections.abc import Mapping

from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oauth2.rfc7009 import prepare_revoke_token_request

from booking_app.domain.clock import utc_now
from booking_app.services.provider_apps import Registered
from booking_app.sync.errors import AccessLost, ProviderError, ProviderRefused, Transient
from booking_app.sync.oauth import Tokens
from booking_app.sync.providers.addresses import AddressPolicy, allowed
from booking_app.sync.providers.body import Bounds
from booking_app.sync.providers.http import Http
from booking_app.sync.providers.json_text import loads
from booking_app.sync.providers.reply import Reply, retry_after

DEADLINE = 8.0
"""Seconds for one exchange. The grant is locked meanwhile, and whoever wants it too waits no longer than 10."""
_LARGEST = 200_000
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}

_NONE = "none"

_LOST = {
    "invalid_grant": "the permission was withdrawn, has ended or was not used for long",
    "interaction_required": "it asks for one more step when signing in",
    "consent_required": "the permission has to be given once more",
    "login_required": "it asks to sign in again",
    "access_denied": "the permission was denied",
    "admin_policy_enforced": "the organisation does not let this program in; its administrator can allow it",
}
_PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down", "internal_failure"})
_REFUSED = {
    "invalid_client": "the client id or the client secret is wrong or has expired",
    "unauthorized_client": "this client may not ask for access; check the kind of accounts that it is registered for",
    "deleted_client": "the client was deleted there",
    "disabled_client": "the client was disabled there",
    "redirect_uri_mismatch": "the redirect address is not registered there",
}
_CODES = {
    50020: "the account belongs to another organisation than this program is registered for",
    50057: "the account is disabled",
    50076: "it asks for a second factor",
    50078: "the second factor has to be given again",
    50079: "it asks for a second factor to be set up",
    50105: "the account is not assigned to this program in its organisation",
    50173: "the password was reset or the permission withdrawn",
    50194: "the client is registered for one organisation; enter that one as the tenant",
    53000: "the organisation's rules do not allow it from here",
    53003: "the organisation's rules do not allow it from here",
    65001: "the permission has to be given once more",
    70008: "the permission was not used for long",
    70043: "the organisation asks to sign in again after some time",
    90002: "there is no such tenant",
    700016: "there is no such client id in the tenant",
    700082: "the permission was not used for long",
    7000215: "the client secret is wrong; enter its “Value”, not its ID",
    7000112: "this program was disabled in the account's organisation",
    7000222: "the client secret has expired; make a new one there",
}
"""Microsoft's numbers, for the words only: they may change, so nothing is decided by them."""


class HttpTokenEndpoint:
    """Speaks to the endpoints that each installation's vendor names, where `policy` allows; to a simulator, which the
    administrator configured, anywhere."""

    def __init__(self, policy: AddressPolicy, context: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._context = context or ssl.create_default_context()
        self._clients: dict[str, Http] = {}

    async def exchange(self, app: Registered, *, code: str, verifier: str, redirect: str) -> Tokens:
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=redirect,
            code=code,
            code_verifier=verifier,
            client_id=app.client_id,
            client_secret=app.secret,
        )
        return _tokens(app, await self._post(app, app.vendor.token, body))

    async def refresh(self, app: Registered, *, refresh: str) -> Tokens:
        body = prepare_token_request(
            "refresh_token", refresh_token=refresh, client_id=app.client_id, client_secret=app.secret
        )
        return _tokens(app, await self._post(app, app.vendor.token, body))

    async def revoke(self, app: Registered, *, token: str) -> None:
        if app.vendor.revoke is None:
            return
        body, _ = prepare_revoke_token_request(token)
        reply = await self._post(app, app.vendor.revoke, body)
        if reply.status == 200:
            return
        error = failure(app, reply)
        # RFC 7009, section 2.2: an invalid token is no error; Google says `invalid_token` all the same.
        if isinstance(error, AccessLost) or _named(reply).get("error") in ("invalid_token", "invalid_request"):
            return
        raise error

    async def check(self, app: Registered) -> float | None:
        # Who says of this refresh token that it is none has accepted the client before.
        body = prepare_token_request(
            "refresh_token", refresh_token=_NONE, client_id=app.client_id, client_secret=app.secret
        )
        reply = await self._post(app, app.vendor.token, body)
        error = failure(app, reply)
        if not isinstance(error, AccessLost):
            raise error
        return _ahead(reply)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    async def _post(self, app: Registered, url: str, body: str) -> Reply:
        client = self._clients.get(url)
        if client is None:
            policy = allowed(app.vendor, self._policy)
            client = self._clients[url] = Http(
                url,
                policy=policy,
                provider=app.vendor.name,
                context=self._context,
                bounds=Bounds(unpacked=_LARGEST),
                deadline=DEADLINE,
            )
        return await client.send("POST", url, content=body.encode(), headers=_HEADERS)


def failure(app: Registered, reply: Reply) -> ProviderError:
    """The error that an unsuccessful answer means; its words are ours, nothing is quoted from the answer."""
    title = app.vendor.title
    if reply.status == 429 or reply.status >= 500:
        return Transient(f"{title} cannot renew access at the moment (status {reply.status}).", retry_after(reply))
    answer = _named(reply)
    name = str(answer.get("error", ""))
    if not name or name in _PASSING:
        return Transient(f"{title} gave an unexpected answer (status {reply.status}) when access was renewed.")
    codes = answer.get("error_codes")
    known = [_CODES[each] for each in codes if each in _CODES] if isinstance(codes, list) else []
    if name in _LOST:
        rapt = answer.get("error_subtype") == "invalid_rapt"
        why = "the organisation asks to sign in again after some time" if rapt else (known or [_LOST[name]])[0]
        return AccessLost(f"{title} no longer lets us in: {why}.", final=True)
    why = (known or [_REFUSED.get(name, f"it does not take our request ({_printable(name)})")])[0]
    return ProviderRefused(f"{title} does not accept this installation: {why}.", retry_after(reply), why=why)


def _tokens(app: Registered, reply: Reply) -> Tokens:
    if reply.status != 200:
        raise failure(app, reply)
    answer = _named(reply)
    access, lifetime = answer.get("access_token"), _seconds(answer.get("expires_in", 3600))
    if not isinstance(access, str) or not access or lifetime is None:
        raise Transient(f"{app.vendor.title} gave an unexpected answer when access was renewed.")
    refresh, scope = answer.get("refresh_token"), answer.get("scope")
    claims = _claims(app, answer.get("id_token"))
    subject, pairwise = _subject(claims)
    return Tokens(
        access=access,
        lifetime=lifetime,
        refresh=refresh if isinstance(refresh, str) else "",
        refresh_lifetime=_seconds(answer.get("refresh_token_expires_in")),
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
        subject=subject,
        pairwise=pairwise,
        email=str(claims.get("email") or claims.get("preferred_username") or ""),
    )


def _claims(app: Registered, token: object) -> Mapping[str, object]:
    """The claims of an id token that came from the token endpoint itself over TLS, which stands for its signature
    (OpenID Connect Core, section 3.1.3.7, step 6). One for somebody else is a refusal."""
    if not isinstance(token, str) or not token:
        return {}
    try:
        part = token.split(".")[1]
        claims = loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error) as error:
        raise Transient(f"{app.vendor.title} gave an unexpected answer when access was renewed.") from error
    audience = claims.get("aud") if isinstance(claims, dict) else None
    if audience != app.client_id and not (isinstance(audience, list) and app.client_id in audience):
        raise Transient(f"{app.vendor.title} gave an answer that is meant for another program.")
    return claims if isinstance(claims, dict) else {}


def _subject(claims: Mapping[str, object]) -> tuple[str, str]:
    """What names the person for good, and what names them to this client alone, empty where that is the same. `sub` of
    Microsoft is another one for each client; a registration that is replaced must not make strangers of everybody
    ("ID token claims reference": `oid` together with `tid`)."""
    sub, oid, tid = (str(claims.get(name) or "") for name in ("sub", "oid", "tid"))
    return (f"{tid}/{oid}", sub) if oid and tid else (sub, "")


def _ahead(reply: Reply) -> float | None:
    """Seconds by which the clock of whoever answered is ahead of ours (RFC 9110, section 6.6.1)."""
    try:
        moment = email.utils.parsedate_to_datetime(reply.header("date") or "")
    except (ValueError, OverflowError):  # the latter for a year of twenty digits
        return None
    return (moment - utc_now()).total_seconds() if moment.tzinfo is not None else None


def _named(reply: Reply) -> Mapping[str, object]:
    """The members of a JSON object; none if it is anything else."""
    try:
        found = loads(reply.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(value: object) -> int | None:
    """A number of seconds, which some servers write as text."""
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 12 else None


def _printable(name: str) -> str:
    return "".join(each for each in name if each.isascii() and (each.isalnum() or each == "_"))[:40]
