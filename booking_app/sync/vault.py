"""Secrets at rest: authenticated encryption (AES-256-GCM) bound to the row they belong to."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
_DAMAGED = (InvalidTag, ValueError)
"""Another key, another row, or a value cut off: too short even for a nonce is a `ValueError`."""


class UnreadableSecret(Exception):
    """None of the keys opens the value: it was sealed with a key that is no longer configured, or for another
    row."""


class Vault:
    """`keys` are 32 bytes in URL-safe base64; the first seals, all open."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._ciphers = [AESGCM(base64.urlsafe_b64decode(key)) for key in keys]
        self._pepper = hmac.digest(base64.urlsafe_b64decode(keys[0]), b"marks", "sha256")

    def seal(self, secret: str, about: str) -> bytes:
        """Encrypt `secret`; only `open` with the same `about` gives it back."""
        nonce = os.urandom(NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, secret.encode(), about.encode())

    def open(self, sealed: bytes, about: str) -> str:
        """The secret. Raises `UnreadableSecret`."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about.encode()).decode()
            except _DAMAGED:
                continue
        raise UnreadableSecret(f"no configured key opens the secret of {about}")

    def mark(self, text: str, kind: str) -> bytes:
        """The HMAC-SHA256 of `text` under the first key; another one for each `kind`. When the first key changes,
        what was marked before is not recognised any more."""
        return hmac.digest(self._pepper, f"{kind}\0{text}".encode(), "sha256")

    def renew(self, sealed: bytes, about: str) -> bytes | None:
        """The secret sealed with the first key; None if it is already. Raises `UnreadableSecret`."""
        try:
            self._ciphers[0].decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
        except _DAMAGED:
            return self.seal(self.open(sealed, about), about)
        return None


def new_key() -> str:
    """A fresh random key in the form that SECRET_KEYS takes."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()
