"""The processes of one machine and one user, connected by Unix sockets in a private directory.

Owns the directory's files: one socket for each process, named by its lake and writer. Must never connect
users: a directory that others may write to is not used. Messages are preceded by their length (4 bytes).
"""

import asyncio
import contextlib
import os
import socket
import stat
import time
from itertools import islice
from pathlib import Path
from typing import cast

import structlog

from lakehouse.commit.delegation.network import Accept, Receiver

MESSAGE_BYTES = 16 << 20
UNSENT_BYTES = 32 << 20
"""A process that leaves more than this unread is disconnected."""

SWEPT = 1_000
"""How many sockets are checked at a start for a process that has ended."""
BINDING_S = 60.0
"""A socket younger than this may be bound and not listened on yet."""

log = structlog.get_logger()


class SocketNetwork:
    """A `Network` of sockets in `directory`, for the lake with this id."""

    def __init__(self, directory: Path, lake: str) -> None:
        self._directory = directory
        self._lake = lake
        self._server: asyncio.AbstractServer | None = None
        self._listening: Path | None = None
        self._links: set[_SocketLink] = set()

    async def listen(self, name: str, accept: Accept) -> None:
        """Listen under `name`. Logs a warning where the directory cannot be used."""
        path = self._path(name)
        try:
            _make_private(self._directory)
            _sweep(self._directory)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: self._link(accept), str(path))
        except OSError as error:
            # Changes are committed all the same, by turns.
            log.warning("delegation_impossible", directory=str(self._directory), detail=str(error))
            return
        self._listening = path

    async def dial(self, name: str, accept: Accept) -> bool:
        """Connect to the process with this name. A socket that no process listens on is removed."""
        path = self._path(name)
        try:
            _expect_private(self._directory)
            loop = asyncio.get_running_loop()
            await loop.create_unix_connection(lambda: self._link(accept), str(path))
        except ConnectionRefusedError:
            # Names are never reused, so no process can be about to listen there.
            path.unlink(missing_ok=True)
            return False
        except OSError:
            return False
        return True

    async def close(self) -> None:
        """Stop listening, remove the socket, end all links."""
        if self._server is not None:
            self._server.close()
        for link in [*self._links]:
            link.close()
        # The loop closes their sockets in its next step.
        await asyncio.sleep(0)
        if self._listening is not None:
            with contextlib.suppress(FileNotFoundError):
                self._listening.unlink()

    def _path(self, name: str) -> Path:
        return self._directory / f"{self._lake[-12:]}-{name}"

    def _link(self, accept: Accept) -> "_SocketLink":
        return _SocketLink(accept, self._links)


class _SocketLink(asyncio.Protocol):
    """One connection: messages from bytes, and bytes from messages."""

    _receiver: Receiver
    _transport: asyncio.Transport

    def __init__(self, accept: Accept, links: "set[_SocketLink]") -> None:
        self._accept = accept
        self._links = links
        self._arrived = bytearray()
        self._unsent: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._links.add(self)
        self._receiver = self._accept(self)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        while len(self._arrived) >= 4 and not self._transport.is_closing():
            length = int.from_bytes(self._arrived[:4], "big")
            if length > MESSAGE_BYTES:
                self.close()
            if len(self._arrived) < 4 + length:
                return
            message = bytes(self._arrived[4 : 4 + length])
            del self._arrived[: 4 + length]
            self._receiver.received(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._links.discard(self)
        self._receiver.closed()

    def send(self, message: bytes) -> bool:
        if self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() > UNSENT_BYTES:
            self.close()
            return False
        if not self._unsent:
            # One call of the kernel for all that is sent in this step of the loop, and one wake-up there.
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += (len(message).to_bytes(4, "big"), message)
        return True

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not self._transport.is_closing():
            self._transport.write(b"".join(unsent))

    def close(self) -> None:
        self._transport.abort()


def _sweep(directory: Path) -> None:
    """Remove the sockets that killed processes have left: no process listens on them."""
    latest = time.time() - BINDING_S
    with os.scandir(directory) as entries:
        for entry in islice(entries, SWEPT):
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if (
                    stat.S_ISSOCK(found.st_mode)
                    and found.st_mtime < latest
                    and _is_dead(entry.path)
                ):
                    Path(entry.path).unlink()


def _is_dead(path: str) -> bool:
    """Whether no process listens on a socket. One that does sees a connection that ends at once."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _expect_private(directory)


def _expect_private(directory: Path) -> None:
    """Raises PermissionError for a directory that another user owns or may write to, or a link."""
    found = directory.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not ours or found.st_mode & 0o077:
        raise PermissionError(f"{directory} is not private to this user (0700)")
