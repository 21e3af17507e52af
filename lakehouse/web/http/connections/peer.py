"""The client of a connection: its address and scheme, through proxies. Pure.

Owns which X-Forwarded-For and X-Forwarded-Proto count: those that a proxy of the settings has sent.
Never uses such a header from any other sender; what a client wrote to the left of its own address
is ignored.
"""

import functools
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

import msgspec

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Scheme = Literal["http", "https"]
FORWARDED_FOR, FORWARDED_PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


class Site(msgspec.Struct, frozen=True):
    """How this server may be reached: the settings of hosts, origins, proxies and TLS."""

    hosts: frozenset[str] = frozenset()
    """Allowed in the header Host beside loopback, in lower case; without a port: with any."""
    origins: frozenset[str] = frozenset()
    """Other sites whose pages may send requests, in lower case."""
    public_origin: str | None = None
    """Where a proxy publishes this server, in lower case: `https://lake.example.com`."""
    proxies: tuple[Network, ...] = ()
    """Networks whose forwarded headers count."""
    tls: bool = False
    """Whether this server itself speaks TLS."""


LOOPBACK_SITE = Site()
"""Reached from this machine alone, without TLS."""


class Peer(msgspec.Struct, frozen=True):
    """The client behind a connection."""

    address: str
    """Empty where it is not known: a client that left at once."""
    scheme: Scheme
    """What the client itself used, before any proxy."""
    unprotected: bool = False
    """Whether the request crossed a network in plain text that no proxy of the settings guards."""


def peer_of(
    site: Site, remote: str | None, forwarded_for: Sequence[str], forwarded_proto: Sequence[str]
) -> Peer:
    """The client of a request that came from the address `remote` with these forwarded headers.

    The right-most address that is no proxy's is the client: everything to its left was written by
    the client. An entry that is no address ends the search at the proxy that passed it on.
    """
    address, peer = _direct(site, remote or "")
    scheme = peer.scheme
    if address is None or not _is_proxy(address, site):
        return peer
    hops = _elements(forwarded_for)
    while hops and _is_proxy(address, site):
        nearer = _parsed(hops.pop())
        if nearer is None:
            break
        address = nearer
    protos = _elements(forwarded_proto)
    if not protos or protos[-1].lower() not in ("http", "https"):
        return Peer(str(address), scheme)
    sent: Scheme = "https" if protos[-1].lower() == "https" else "http"
    public = (site.public_origin or "").partition("://")[0]
    return Peer(str(address), sent, sent == "http" and public == "https")


@functools.lru_cache(maxsize=1_024)
def _direct(site: Site, remote: str) -> tuple[Address | None, Peer]:
    """The address at the other end of a connection, and the client if there is no proxy between."""
    address = _parsed(remote)
    scheme: Scheme = "https" if site.tls else "http"
    if address is None:
        return None, Peer("", scheme)
    return address, Peer(str(address), scheme, not site.tls and not address.is_loopback)


def _is_proxy(address: Address, site: Site) -> bool:
    return any(address in network for network in site.proxies)


def _elements(lines: Sequence[str]) -> list[str]:
    """The elements of a header that may be a list, and may come as several lines."""
    return [each.strip() for line in lines for each in line.split(",") if each.strip()]


def _parsed(text: str) -> Address | None:
    """An address, perhaps with a port; IPv4 that is mapped into IPv6 is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address
