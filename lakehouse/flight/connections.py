"""Ends the connection of a client that reads nothing: gRPC has no call for it. A write to such a client
blocks its thread for as long as the client stays connected, and a shutdown waits for it. Owns how the
connection is found: by its address, among the open files of this process (Linux). Must never touch a
connection of another address.
"""

import contextlib
import os
import socket
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import unquote

_FILES = Path("/proc/self/fd")


def address_of(peer: str) -> tuple[str, int] | None:
    """(address, port) of gRPC's name of a peer: `ipv4:127.0.0.1:4000`, `ipv6:%5B::1%5D:4000`.

    IPv4 that is mapped into IPv6 is IPv4. None for a name of another kind.
    """
    kind, _, rest = unquote(peer).partition(":")
    host, _, port = rest.rpartition(":")
    if kind not in ("ipv4", "ipv6") or not port.isdecimal():
        return None
    try:
        return _plain(host.strip("[]")), int(port)
    except ValueError:
        return None


def abort(peer: str, port: int) -> bool:
    """End the connection between this process's `port` and the peer. Returns whether there was one."""
    wanted = address_of(peer)
    return wanted is not None and _abort(port, wanted)


def abort_all(port: int) -> None:
    """End every connection that clients have to this process's `port`."""
    _abort(port, None)


def _abort(port: int, wanted: tuple[str, int] | None) -> bool:
    found = False
    for file in _FILES.iterdir():
        with contextlib.suppress(OSError):  # closed since it was listed, or no connected socket
            if not str(file.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(file.name))) as connection:
                if connection.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                host, remote_port = connection.getpeername()[:2]
                ours = connection.getsockname()[1]
                if ours == port and wanted in (None, (_plain(host), remote_port)):
                    connection.shutdown(socket.SHUT_RDWR)
                    found = True
    return found


def _plain(host: str) -> str:
    """An address in one spelling. Raises ValueError for what is none."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
