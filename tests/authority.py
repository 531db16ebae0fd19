"""A certificate authority of a test's own, and servers that show its certificates."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.ports import conversing, relay

# TLS asks the machine's clock, not the program's.
LONG_AGO, PAST, FUTURE, FAR = (datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 2001, 2099, 2100))


class Authority:
    """Its certificate is in `file`, as PEM, for whoever wants to trust it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _builder("Own Authority", self._key.public_key()).sign(self._key, hashes.SHA256())
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def server(
        self, address: str = "127.0.0.1", *, begins: datetime = LONG_AGO, ends: datetime = FAR
    ) -> ssl.SSLContext:
        """The TLS settings of a server at `address` (an IP or a name) whose certificate this authority vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(address, key.public_key(), issuer="Own Authority", begins=begins, ends=ends)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        signed = builder.add_extension(signer, critical=False).sign(self._key, hashes.SHA256())
        file = self._folder / "server.pem"
        file.write_bytes(
            signed.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def alone(self, address: str) -> Path:
        """A file with a certificate for `address` for which nobody vouches but itself, and its key; the certificate is
        also in `alone.pem`."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _builder(address, key.public_key(), issuer=address).sign(key, hashes.SHA256())
        public = signed.public_bytes(Encoding.PEM)
        (self._folder / "alone.pem").write_bytes(public)
        both = self._folder / "both.pem"
        both.write_bytes(public + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return both


def _builder(
    name: str,
    key: ec.EllipticCurvePublicKey,
    *,
    issuer: str | None = None,
    begins: datetime = LONG_AGO,
    ends: datetime = FAR,
) -> x509.CertificateBuilder:
    """As RFC 5280, section 4.2.1, has it, of an authority unless there is an `issuer`: newer Pythons are strict."""
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False) | {
        "encipher_only": False,
        "decipher_only": False,
    }
    own = issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not own, key_cert_sign=own, crl_sign=own, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if own:
        return builder
    shown: x509.GeneralName = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    return builder.add_extension(x509.SubjectAlternativeName([shown]), critical=False)


@contextlib.asynccontextmanager
async def tls_before(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """TLS on a port of its own, which is given, before the server that listens on `port`."""
    async with conversing(partial(relay, port), context) as secure:
        yield secure
