"""Whom TLS trusts, and why a certificate is refused."""

from __future__ import annotations

import ssl
from enum import StrEnum
from pathlib import Path


class CertificateFault(StrEnum):
    UNTRUSTED = "certificate_untrusted"
    """Self-signed, of an authority that is not known here, or with a chain that is not complete."""
    OTHER_NAME = "certificate_other_name"
    EXPIRED = "certificate_expired"
    NOT_YET_VALID = "certificate_not_yet_valid"


# OpenSSL, X509_STORE_CTX_get_error(3); whatever is not listed means that nobody who is trusted vouches for it.
_FAULTS = {
    9: CertificateFault.NOT_YET_VALID,
    10: CertificateFault.EXPIRED,
    62: CertificateFault.OTHER_NAME,
    64: CertificateFault.OTHER_NAME,
}
_WORDS = {
    CertificateFault.UNTRUSTED: "is not trusted here; an administrator can name its authority in CA_FILE",
    CertificateFault.OTHER_NAME: "is for another name",
    CertificateFault.EXPIRED: "has expired",
    CertificateFault.NOT_YET_VALID: "is not valid yet",
}


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """For our own connections: trust whom this machine trusts (SSL_CERT_FILE and SSL_CERT_DIR say otherwise), and the
    certificates in `ca_file`, PEM. Raises `OSError` when that cannot be read or holds none."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def tls_error(error: BaseException) -> ssl.SSLError | None:
    """The failure of TLS that is behind `error`, if it comes from one."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def certificate_fault(error: ssl.SSLError) -> CertificateFault | None:
    """What is wrong with the other side's certificate; None if it was not refused."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    return _FAULTS.get(error.verify_code, CertificateFault.UNTRUSTED)


def certificate_words(fault: CertificateFault) -> str:
    """How a sentence that begins with the certificate goes on."""
    return _WORDS[fault]
