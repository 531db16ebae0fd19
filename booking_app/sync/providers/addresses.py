"""Which addresses the server may be sent to: a calendar URL is user input that we fetch.

The check happens where the connection is made, on the very address that is connected to, so a name that resolves to
something else the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from booking_app.sync.errors import Rejected
from booking_app.sync.vendors import Vendor

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
_NEVER = frozenset(
    ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")
)
_DEFAULT_PORTS = {"https": 443, "http": 80}


class AddressRefused(Rejected):
    """The address is not one that we connect to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressPolicy:
    """`allow_private` lets loopback, private and link-local addresses pass (never a cloud's metadata service);
    `allow_http` lets plain http pass."""

    allow_private: bool = False
    allow_http: bool = False

    def check_url(self, url: str) -> None:
        """Raises `AddressRefused` unless `url` is https (or allowed http) with a host."""
        parts = split(url)
        if parts.scheme == "http" and not self.allow_http:
            raise AddressRefused("The calendar address must start with https://.")
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise AddressRefused("The calendar address must start with https:// and name a server.")

    def check_ip(self, text: str) -> None:
        """Raises `AddressRefused` for an IP address that must not be connected to."""
        address = _effective(ipaddress.ip_address(text.partition("%")[0]))
        if address in _NEVER or address.is_unspecified or address.is_multicast:
            raise AddressRefused("The calendar server's address is not allowed.")
        if not self.allow_private and (not address.is_global or address in _LOCAL_NAT64):
            raise AddressRefused("The calendar server's address is private; the administrator has to allow that.")


def allowed(vendor: Vendor, policy: AddressPolicy) -> AddressPolicy:
    """What holds for a provider that is linked by consent: `policy`, unless a simulator stands in for it, which the
    administrator configured and which may be anywhere."""
    return AddressPolicy(allow_private=True, allow_http=True) if vendor.simulated else policy


def _effective(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 form leads to, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or (address.teredo[1] if address.teredo else address)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    scheme: str
    hostname: str
    port: int


def split(url: str) -> Origin:
    """Scheme, lower-case host and effective port. Raises `AddressRefused` for what is no URL."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        return Origin(scheme=parts.scheme, hostname=host, port=parts.port or _DEFAULT_PORTS.get(parts.scheme, 0))
    except ValueError as error:
        raise AddressRefused("The calendar address cannot be read.") from error


def may_have_credentials(base: str, other: str) -> bool:
    """Whether the credentials given for `base` may be sent to `other`.

    Same origin always. Another host only over https on a standard or the same port, and only within the same
    party: a home set on `p42-caldav.icloud.com` belongs to `caldav.icloud.com`."""
    first, second = split(base), split(other)
    if first == second:
        return True
    if second.scheme != "https" or second.port not in (443, first.port):
        return False
    return _same_party(first.hostname, second.hostname)


def _same_party(first: str, second: str) -> bool:
    if first == second:
        return True
    if _is_ip(first) or _is_ip(second):
        return False
    domain = _domain(first)
    return second == domain or second.endswith("." + domain)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _domain(host: str) -> str:
    """The domain that `host` shares with its siblings. Without the list of public suffixes, a name of two labels,
    and one under a country's second level such as `co.uk`, shares with nobody but its own subdomains."""
    labels = host.split(".")
    parent = labels[1:]
    if len(parent) < 2 or (len(parent) == 2 and len(parent[0]) <= 3 and len(parent[1]) == 2):
        return host
    return ".".join(parent)
