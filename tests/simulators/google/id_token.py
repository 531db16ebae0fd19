"""ID tokens, signed as Google signs them (RS256) with a key of this process."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def sign(claims: Mapping[str, object]) -> str:
    header = {"alg": "RS256", "kid": "simulated", "typ": "JWT"}
    text = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
    return f"{text}.{_part(_key().sign(text.encode(), padding.PKCS1v15(), SHA256()))}"
