"""Settings from the environment: the only reader of it. A wrong value is named before anything starts."""

from __future__ import annotations

import base64
import binascii
import ssl
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from booking_app.certificates import trusting


class ConfigurationError(Exception):
    """The environment is not usable; the message names each variable and what would be right."""


NOBODY = "bookings@localhost"
_PORTS = {"http": 80, "https": 443}


class Surface(BaseSettings):
    """What the web surface needs to know, also when the front end is built and nothing else is set."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    public_url: str = ""
    """The address visitors use; links in mails and calendars start with it."""
    redis_url: str = ""
    """Where page states are kept when there are several processes; empty: in the memory of one."""
    trusted_proxy_hops: int = Field(default=0, ge=0, le=10)
    """How many proxies in front are ours: that many entries of X-Forwarded-For are believed."""

    @property
    def origins(self) -> list[str]:
        """The origins whose pages may open a websocket here. Visitors of `localhost` may call it 127.0.0.1."""
        own = [self.public_url] if self.public_url else []
        parts = urlsplit(self.public_url)
        if parts.hostname == "localhost":
            own.append(self.public_url.replace("localhost", "127.0.0.1", 1))
        return own

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        """The origin as browsers write it (RFC 6454, section 6.2), or pages could not open their websocket."""
        if not value:
            return value
        parts = urlsplit(value)
        scheme, port = parts.scheme, parts.port
        try:
            host = (parts.hostname or "").encode("idna").decode()
        except UnicodeError:
            host = ""
        if scheme not in _PORTS or not host:
            raise ValueError("must be the address visitors use, like https://book.example.com")
        if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(
                "must be a host without anything behind it, like https://book.example.com: the program answers at the "
                "root of a host of its own, not under a path"
            )
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}" + (f":{port}" if port not in {None, _PORTS[scheme]} else "")


class Settings(Surface):
    """All settings, in seconds unless the name says otherwise. Field names are the variables in lower case."""

    database_url: str = ""
    """`postgresql://...`; empty: the embedded server in `data_dir`."""
    data_dir: Path = Path(".data")
    secret_keys: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated keys of 32 bytes, URL-safe base64. The first encrypts, all decrypt."""
    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for all."""
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    """Server processes; more than one needs REDIS_URL."""
    connections: int = Field(default=256, ge=16)
    """Open connections of one client, where no proxy of ours stands in front; and pages, wherever it comes from."""
    demo: bool = False
    """Set by the demo for the processes that it starts; not for use by hand."""
    allow_demo_team: bool = False
    """Serve a database in which the demo's accounts can sign in."""
    team_name: str = "Bookings"
    """The name on pages and in mails."""

    contact_phone: str = Field(default="", max_length=40)
    """Where customers can book when the pages cannot reach the server; empty: nothing is said of it."""
    contact_email: str = Field(default="", max_length=254)
    """The same by mail."""

    smtp_url: str = ""
    """`smtp://user:password@host:587` (STARTTLS) or `smtps://...:465`; empty: `.eml` files in `data_dir`/mail."""
    mail_from: str = NOBODY
    ca_file: Path | None = None
    """Certificates in PEM that are trusted besides those of this machine: for mail, calendars and our own address."""

    soft_bound: float = Field(default=30, gt=0)
    hard_bound: float = Field(default=600, gt=0)
    hot_interval: float = Field(default=12, gt=0)
    cold_interval: float = Field(default=60, gt=0)
    live_deadline: float = Field(default=2, gt=0)
    hold_minutes: int = Field(default=5, ge=1, le=60)
    session_days: int = Field(default=30, ge=1, le=365)
    allow_private_calendar_hosts: bool = False
    """Lets staff connect calendars by plain http and on private addresses. The demo turns it on."""

    providers: Literal["", "sim"] = ""
    """`sim`: the demo starts simulations of Google and Microsoft and links to those."""
    google_url: str = ""
    """One address that stands in for all of Google's hosts (a simulator); empty: Google itself."""
    microsoft_url: str = ""
    """The same for Microsoft."""

    rate_slots: int = Field(default=240, ge=1)
    """Requests for slots a minute and client address."""
    rate_bookings: int = Field(default=20, ge=1)
    """Bookings, holds and changes a minute and client address."""
    rate_sign_in: int = Field(default=10, ge=1)
    """Sign-in attempts in five minutes by client address; three times as many by account from unknown browsers."""
    metrics_token: str = ""
    """What a request for `/metrics` has to carry as `Authorization: Bearer`; empty: only the own network may ask."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("secret_keys")
    @classmethod
    def _check_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, key in enumerate(value, 1):
            try:
                size = len(base64.urlsafe_b64decode(key))
            except (binascii.Error, ValueError):
                size = 0
            if size != 32:
                raise ValueError(f"key {number} is not 32 bytes in URL-safe base64; `booking new-key` prints one")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("google_url", "microsoft_url")
    @classmethod
    def _check_stand_in(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("must be the address of a simulator, like http://127.0.0.1:9001, or empty")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _check_mail_server(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"smtp", "smtps"} or not urlsplit(value).hostname):
            raise ValueError("must look like smtp://user:password@host:587 or smtps://user:password@host:465")
        return value

    @field_validator("ca_file", mode="before")
    @classmethod
    def _check_authorities(cls, value: object) -> object:
        if not value:
            return None
        try:
            trusting(Path(str(value)))
        except ssl.SSLError:
            raise ValueError(f"{value} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)") from None
        except OSError as error:
            raise ValueError(f"{value} cannot be read ({error.strerror})") from None
        return value

    @property
    def stand_ins(self) -> dict[str, str]:
        """Provider -> the simulator that stands in for it, for those that have one."""
        urls = {"google": self.google_url, "microsoft": self.microsoft_url}
        return {name: url for name, url in urls.items() if url}

    @model_validator(mode="after")
    def _check_complete(self) -> Settings:
        if not self.demo:
            missing = [
                name
                for name, value in (("SECRET_KEYS", self.secret_keys), ("PUBLIC_URL", self.public_url))
                if not value
            ]
            if missing:
                raise ValueError(f"{' and '.join(missing)} must be set (or run the demo: make run)")
        if self.hard_bound < self.soft_bound:
            raise ValueError("HARD_BOUND must not be smaller than SOFT_BOUND")
        if self.smtp_url and self.mail_from == NOBODY:
            raise ValueError("MAIL_FROM must be set when SMTP_URL is: the address that mails come from")
        if self.workers > 1 and not self.redis_url:
            raise ValueError("WORKERS above 1 needs REDIS_URL, where the processes share the state of open pages")
        return self


def load(**overrides: object) -> Settings:
    """Settings from the environment; `overrides` win. Raises `ConfigurationError` with one line a fault."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _named(error) from None


def surface() -> Surface:
    """The settings of the web surface alone, from the environment. Raises `ConfigurationError`."""
    try:
        return Surface()
    except ValidationError as error:
        raise _named(error) from None


def _named(error: ValidationError) -> ConfigurationError:
    lines = []
    for fault in error.errors():
        name = f"{fault['loc'][0]}: ".upper() if fault["loc"] else ""
        lines.append(f"{name}{str(fault['msg']).removeprefix('Value error, ')}")
    return ConfigurationError("\n".join(lines))
