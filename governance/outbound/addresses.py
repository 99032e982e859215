"""Which addresses may be called: public ones, and those that an administrator or the server's settings allow.

What counts is where a name leads, not how it is written: everything here asks about resolved addresses.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from governance.errors import AddressRefused, InvalidInput

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = {"http": 80, "https": 443}
HOW_TO_ALLOW = (
    "If it should be called, an administrator can allow it under Allowed addresses, or whoever keeps the server "
    "with WORKBENCH_OUTBOUND_ALLOWED."
)
# Addresses at which a cloud gives out keys to whoever asks from inside. Not all of them are private.
METADATA = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
SHORTEST_PREFIX = 8
NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Allowance:
    """A host, address or network that may be called although it is not public; one port of it, or all."""

    name: str = ""
    network: Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int, address: Address) -> bool:
        """A name opens wherever it leads now, but never the places that every machine in a cloud can ask for keys."""
        if self.port not in (None, port):
            return False
        closed = [one for one in _meant(address) if _why_not(one)]
        if self.network is not None:
            single = self.network.num_addresses == 1
            return all(
                one.version == self.network.version and one in self.network and (single or one not in METADATA)
                for one in closed
            )
        return host == self.name and not any(one.is_link_local or one in METADATA for one in closed)


def allowance_of(text: str, *, field: str = "address") -> Allowance:
    """What `text` allows: `host`, `host:port`, an address, `[address]:port` or a network such as `10.2.0.0/16`.

    :raises InvalidInput: it is none of these.
    """
    host, port = _with_port(text.strip().lower(), field)
    try:
        network = ip_network(host, strict=False)
    except ValueError:
        name = host.removesuffix(".")
    else:
        if network.prefixlen < SHORTEST_PREFIX:
            raise InvalidInput(
                f"{text!r} is nearly everything; expected a network of at least /{SHORTEST_PREFIX}.", field=field
            )
        return Allowance(network=network, port=port)
    if not _is_name(name):
        raise InvalidInput(
            f"{text!r} is no host, address or network; expected such as models.example.com, 10.2.0.7:8000 or "
            "10.2.0.0/16.", field=field,
        )  # fmt: skip
    return Allowance(name=name, port=port)


def text_of(allowance: Allowance) -> str:
    """The one way to write an allowance, so that none is kept twice."""
    host = allowance.name
    if allowance.network is not None:
        single = allowance.network.num_addresses == 1
        host = str(allowance.network.network_address if single else allowance.network)
    if allowance.port is None:
        return host
    return f"[{host}]:{allowance.port}" if ":" in host else f"{host}:{allowance.port}"


def allowances() -> tuple[Allowance, ...]:
    """What is allowed now, by rows and by the server's settings."""
    from governance.models import AllowedAddress

    texts = [*settings.OUTBOUND_ALLOWED, *AllowedAddress.objects.in_force().values_list("address", flat=True)]
    return tuple(map(allowance_of, texts))


def of_a_setting(url: str) -> Allowance:
    """What allows an address that the server's own settings name: its host at its port, wherever that leads."""
    parts = checked_form(url)
    return allowance_of(f"{bracketed(str(parts.hostname))}:{port_of(parts)}")


def check_url(url: str, allowed: Iterable[Allowance], *, field: str = "") -> None:
    """What can be said of `url` before it is called. A name that leads nowhere now is asked about when it is called.

    :raises AddressRefused: it may not be called.
    """
    parts = checked_form(url, field=field)
    try:
        checked_addresses(str(parts.hostname), port_of(parts), allowed, field=field)
    except OSError:
        return


def checked_form(url: str, *, field: str = "") -> SplitResult:
    """The parts of `url`, written so that every program reads the same host in it.

    :raises AddressRefused: it is written otherwise, carries credentials, or is neither http nor https.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"{url[:200]!r} is no address that can be called: {error}.", field=field) from error
    host = parts.hostname or ""
    fault = ""
    if parts.scheme not in PORTS:
        fault = "only http and https are called"
    elif "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        fault = "it holds a space, a backslash or a character that cannot be seen"
    elif parts.username is not None or parts.password is not None:
        fault = "a user name or password in it would be kept in clear; use the key instead"
    elif port == 0 or not (_is_address(host) or _is_name(host.removesuffix("."))):
        fault = "its host is no name in plain letters (xn--… for others), and no address in its usual form"
    if fault:
        raise AddressRefused(f"This address cannot be called: {fault}.", field=field)
    return parts


def checked_addresses(host: str, port: int, allowed: Iterable[Allowance], *, field: str = "") -> list[str]:
    """Where `host` leads now. All of it must be allowed: which of them is called is chance.

    :raises AddressRefused: one of them may not be called.
    :raises OSError: it leads nowhere.
    """
    looked_up = socket.getaddrinfo(host.removesuffix("."), port, type=socket.SOCK_STREAM)
    found = dict.fromkeys(str(info[4][0]) for info in looked_up)
    for address in found:
        check_address(host, port, address, allowed, field=field)
    return list(found)


def check_address(host: str, port: int, address: str, allowed: Iterable[Allowance], *, field: str = "") -> None:
    """:raises AddressRefused: `address`, where `host` leads, is not public and not allowed."""
    resolved = ip_address(address.partition("%")[0])
    reason = why_not_public(resolved)
    name = host.lower().removesuffix(".")
    if not reason or any(one.covers(name, port, resolved) for one in allowed):
        return
    leads = "" if name == str(resolved) else f" leads to {resolved}, which"
    raise AddressRefused(
        f"{bracketed(host)}:{port} may not be called: it{leads} is {reason}. {HOW_TO_ALLOW}",
        field=field, details={"host": host, "port": port, "address": str(resolved)},
    )  # fmt: skip


def why_not_public(address: Address) -> str:
    """In words, what keeps `address` from being called unless allowed; empty for a public one."""
    return next(filter(None, map(_why_not, _meant(address))), "")


def _why_not(address: Address) -> str:
    if address in METADATA:
        return "where a cloud keeps the keys of its machines"
    if address.is_loopback:
        return "this machine itself (loopback)"
    if address.is_link_local:
        return "link-local: whoever shares the wire"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or address.is_reserved:
        return "a reserved address"
    if not address.is_global or getattr(address, "is_site_local", False):
        return "a private address"
    return ""


def _meant(address: Address) -> list[Address]:
    """The address itself, and those of IPv4 that are wrapped in it."""
    if not isinstance(address, IPv6Address):
        return [address]
    wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    number = int(address)
    if address in NAT64:
        # Public behind the translation if the address in it is; the wrapping itself says nothing.
        return [IPv4Address(number & 0xFFFFFFFF)]
    if number >> 32 == 0 and number > 1:
        wrapped.append(IPv4Address(number))
    return [*(one for one in wrapped if one is not None), *([] if address.ipv4_mapped else [address])]


def _with_port(text: str, field: str) -> tuple[str, int | None]:
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if port and not (port.isdecimal() and port.isascii() and 0 < int(port) < 65536):
        raise InvalidInput(
            f"{text!r} is no host with a port: {port!r} is none from 1 to 65535. A scheme or path is not part of it.",
            field=field,
        )
    return host, int(port) if port else None


def port_of(parts: SplitResult) -> int:
    """The port that is called, named or not."""
    return parts.port or PORTS[parts.scheme]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _is_name(host: str) -> bool:
    """A host name in plain letters; not 2130706433, 0x7f.1 or 0177.0.0.1, which some programs read as addresses."""
    labels = host.split(".")
    if not host.isascii() or len(host) > 253 or not all(_is_label(label) for label in labels):
        return False
    return not (labels[-1].isdigit() or labels[-1].startswith("0x"))


def _is_label(label: str) -> bool:
    plain = label.replace("-", "").replace("_", "")
    return 0 < len(label) <= 63 and plain.isalnum() and not label.startswith("-") and not label.endswith("-")


def bracketed(host: str) -> str:
    """As it stands in a URL."""
    return f"[{host}]" if ":" in host else host
