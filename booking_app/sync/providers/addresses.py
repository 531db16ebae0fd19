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

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip
"""What is not globally reachable unicast (IANA IPv4 and IPv6 Special-Purpose Address Registries, RFC 6890): named here,
because what the library of one Python version knows another one does not. Teredo, ORCHID and benchmarking are in
2001::/23; 6to4 (2002::/16) is deprecated by RFC 7526 and leads to an IPv4 address of the sender's choice."""
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""RFC 4291, section 2.4. Everything else in IPv6 is local, reserved or a form of an IPv4 address."""
_COMPATIBLE = ipaddress.ip_network("::/96")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
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
        given = ipaddress.ip_address(text.partition("%")[0])
        address = _effective(given)
        if address in _NEVER or address.is_unspecified or address.is_multicast:
            raise AddressRefused("The calendar server's address is not allowed.")
        if not self.allow_private and (given in _COMPATIBLE or not _is_public(address)):
            raise AddressRefused("The calendar server's address is private; the administrator has to allow that.")


def allowed(vendor: Vendor, policy: AddressPolicy) -> AddressPolicy:
    """What holds for a provider that is linked by consent: `policy`, unless a simulator stands in for it, which the
    administrator configured and which may be anywhere."""
    return AddressPolicy(allow_private=True, allow_http=True) if vendor.simulated else policy


def _is_public(address: _Address) -> bool:
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in each for each in _SPECIAL)


def _effective(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 form leads to (RFC 4291, section 2.5.5; RFC 6052), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address) or address.is_unspecified or address.is_loopback:
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _COMPATIBLE or address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour in _NEVER:
        return address.sixtofour
    return address


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
