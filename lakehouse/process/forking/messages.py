"""What the server and its fork server send each other.

A request is one message of a socket, with descriptors. The first is the status socket of the new process: the
fork server writes the process id into it, and the exit code once the process has ended. When the server
closes its end or shuts it down, the process is killed. The other descriptors are handed to the process.
"""

import socket
import struct
from collections.abc import Sequence

import msgspec

REQUEST_BYTES, DESCRIPTORS = 65_536, 8
"""The maximum of one request."""
_NUMBER = struct.Struct("<i")
NUMBER_BYTES = _NUMBER.size


class ForkRequest(msgspec.Struct, frozen=True):
    """A process that calls `main` of a module. Its arguments are the numbers of its descriptors.

    `name` is what `ps -o comm` and `top` show, of at most 15 bytes; `directory` is its working directory.
    With `stdio` its one descriptor becomes stdin and stdout instead, and stderr is discarded.
    """

    module: str
    name: str
    directory: str | None = None
    stdio: bool = False


def send_request(control: socket.socket, request: ForkRequest, descriptors: Sequence[int]) -> None:
    """Send a request without waiting. Raises OSError, BlockingIOError where nobody has read for long."""
    body = msgspec.json.encode(request)
    if len(body) > REQUEST_BYTES:
        raise ValueError("a request to fork a process is too large")
    socket.send_fds(control, [body], descriptors, socket.MSG_DONTWAIT)


def receive_request(control: socket.socket) -> tuple[ForkRequest, list[int]] | None:
    """The next request; None when the other end is closed."""
    body, descriptors, _, _ = socket.recv_fds(control, REQUEST_BYTES, DESCRIPTORS)
    return (msgspec.json.decode(body, type=ForkRequest), descriptors) if body else None


def packed(number: int) -> bytes:
    """A process id, an exit code, or a negative error number where no process could be forked."""
    return _NUMBER.pack(number)


def unpacked(data: bytes) -> int:
    """The number that `packed` has packed."""
    number: int = _NUMBER.unpack(data)[0]
    return number
