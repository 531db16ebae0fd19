"""Why a mail server cannot be used: one code and one sentence a cause, the same in the log, on the pages and in
`booking doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from booking_app.certificates import CertificateFault
from booking_app.integrations.mail.mailer import Unusable


class Fault(StrEnum):
    HOST_UNKNOWN = "host_unknown"
    CONNECTION_REFUSED = "connection_refused"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    NO_GREETING = "no_greeting"
    NOT_SMTP = "not_smtp"
    TURNED_AWAY = "turned_away"
    PLAIN_PORT = "plain_port"
    TLS_PORT = "tls_port"
    TLS_FAILED = "tls_failed"
    STARTTLS_MISSING = "starttls_missing"
    SIGN_IN_MISSING = "sign_in_missing"
    SIGN_IN_NEEDED = "sign_in_needed"
    SIGN_IN_REFUSED = "sign_in_refused"
    BUSY = "busy"
    SLOW = "slow"
    BROKE_OFF = "broke_off"


Cause = Fault | CertificateFault

_WORDS: dict[Cause, str] = {
    Fault.HOST_UNKNOWN: "The mail server {host} is not known by this name; check the host in SMTP_URL.",
    Fault.CONNECTION_REFUSED: (
        "The mail server {host} refuses connections on port {port}; check the port in SMTP_URL, and whether the server "
        "runs."
    ),
    Fault.UNREACHABLE: (
        "The mail server {host} cannot be reached ({detail}); check the host in SMTP_URL, and the network of this "
        "machine."
    ),
    Fault.NO_ANSWER: (
        "The mail server {host} does not answer on port {port}; check the port in SMTP_URL, and whether a firewall "
        "blocks it."
    ),
    Fault.NO_GREETING: (
        "What listens on port {port} of {host} does not greet like a mail server; check host and port in SMTP_URL."
    ),
    Fault.NOT_SMTP: (
        "What answers on port {port} of {host} is not a mail server (SMTP); check the port in SMTP_URL: usually it is "
        "587 with smtp://, 465 with smtps://."
    ),
    Fault.TURNED_AWAY: "The mail server {host} turns this machine away (code {detail}); whoever runs it knows why.",
    Fault.PLAIN_PORT: (
        "Port {port} of the mail server {host} does not speak TLS from the start; write smtp:// instead of smtps:// "
        "into SMTP_URL."
    ),
    Fault.TLS_PORT: (
        "Port {port} of the mail server {host} speaks TLS from the start; write smtps:// instead of smtp:// into "
        "SMTP_URL."
    ),
    Fault.TLS_FAILED: (
        "The mail server {host} and this machine find no way to speak TLS ({detail}); it may know only old versions."
    ),
    CertificateFault.UNTRUSTED: (
        "The certificate of the mail server {host} is not trusted ({detail}); name a file with the certificate of its "
        "authority in CA_FILE."
    ),
    CertificateFault.OTHER_NAME: (
        "The certificate of the mail server {host} is for another name; write the name that it is for into SMTP_URL."
    ),
    CertificateFault.EXPIRED: (
        "The certificate of the mail server {host} has expired; whoever runs that server has to renew it."
    ),
    CertificateFault.NOT_YET_VALID: (
        "The certificate of the mail server {host} is not valid yet; check the clock of this machine."
    ),
    Fault.STARTTLS_MISSING: (
        "Port {port} of the mail server {host} does not offer STARTTLS, and the password is sent over TLS only; try "
        "smtps:// with port 465."
    ),
    Fault.SIGN_IN_MISSING: (
        "Port {port} of the mail server {host} takes no user and password; use its port for submission, usually 587 "
        "or 465."
    ),
    Fault.SIGN_IN_NEEDED: (
        "The mail server {host} wants a sign-in before it takes mail; write user and password into SMTP_URL."
    ),
    Fault.SIGN_IN_REFUSED: (
        "The mail server {host} does not accept our user and password; check both in SMTP_URL (special characters are "
        "percent-encoded there; some providers want an app password)."
    ),
    Fault.BUSY: "The mail server {host} asked to try again later ({detail}).",
    Fault.SLOW: "The mail server {host} did not answer in time; it is tried again.",
    Fault.BROKE_OFF: "The mail server {host} broke off; it is tried again.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where mail is handed over. `tls`: it speaks TLS from the start."""

    host: str
    port: int
    tls: bool


class ServerUnusable(Unusable):
    """Nothing can be sent at the moment, whatever the mail is; `cause` says why."""

    cause: Cause

    def __init__(self, cause: Cause, server: Server, *, detail: object = "", after: float | None = None) -> None:
        super().__init__(_WORDS[cause].format(host=server.host, port=server.port, detail=detail), cause, after)
