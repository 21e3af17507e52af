"""The Model Context Protocol over two streams, one message a line.

What concerns the protocol alone is answered here. A call of a tool goes to a lake: to `POST /mcp` of a
server, or to a function that the caller passes. Calls are answered beside each other, in any order. Must
never write anything but messages.
"""

import secrets
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import BinaryIO

import msgspec

from lakehouse.client.calls_under_way import CallsUnderWay, Cancellation
from lakehouse.client.error import Error
from lakehouse.client.lake import Lake
from lakehouse.client.request import Request
from lakehouse.mcp import messages
from lakehouse.mcp.messages import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MODERN,
    Notification,
    ProtocolError,
)
from lakehouse.mcp.protocol import ToolCall, respond
from lakehouse.mcp.results import failure_of

MESSAGE_BYTES = 1024 * 1024
"""As over HTTP."""


ToolCallback = Callable[[ToolCall, bytes, Cancellation], bytes]
"""Answers a call of a tool, also given as it was sent. Called in a thread of its own."""


def relay(source: BinaryIO, target: BinaryIO, call: ToolCallback) -> None:
    """Answer each line of `source` on a line of `target`, until `source` has ended and all is answered."""

    def write(answer: bytes) -> None:
        target.write(answer + b"\n")
        target.flush()

    calls = CallsUnderWay(write)
    while line := source.readline(MESSAGE_BYTES + 1):
        if len(line) > MESSAGE_BYTES:
            _skip_line(line, source)
            error = ProtocolError(None, INVALID_REQUEST, "the message is larger than 1 MiB")
            calls.write(msgspec.json.encode(error.answer))
        elif line.strip():
            _answer(line, call, calls)
    calls.wait()


def of_server(connect: Callable[[], Lake]) -> ToolCallback:
    """Sends calls to a server, each over its own connection: a server ends what a client leaves.

    `connect` sends nothing yet. Raises Error.
    """

    def call(asked: ToolCall, sent: bytes, cancellation: Cancellation) -> bytes:
        try:
            with connect() as lake:
                cancellation.ends_by(lake.http.abort)
                return _sent(lake, sent, asked)
        except Error as error:
            return _failed(asked, error)

    return call


def _answer(line: bytes, call: ToolCallback, calls: CallsUnderWay) -> None:
    """Answer one message, or begin to. A notification has no answer."""
    try:
        message = messages.parse(line, None)
        if isinstance(message, Notification):
            calls.cancel(message.cancelled)
            return
        found = respond(message, version("lakehouse"))
    except ProtocolError as error:
        calls.write(msgspec.json.encode(error.answer))
        return
    if isinstance(found, ToolCall):
        detail = "this is a bug; the standard error output names its cause"
        fault = ProtocolError(message.id, INTERNAL_ERROR, detail)
        work = partial(call, found, line)
        calls.begin(message.id, work, msgspec.json.encode(fault.answer))
    else:
        calls.write(msgspec.json.encode(found))


def _sent(lake: Lake, line: bytes, asked: ToolCall) -> bytes:
    headers = [("Content-Type", "application/json")]
    if asked.request.version == MODERN:
        sent = messages.headers_of(asked.request.method, asked.tool, MODERN)
        headers += sent.items()
    request = Request("POST", "/mcp", body=line, headers=tuple(headers))
    return bytes(lake.http.json(request, msgspec.Raw))


def _failed(asked: ToolCall, error: Error) -> bytes:
    result = failure_of(
        *(error.code, error.detail, error.errors, error.hint or "", secrets.token_hex(8)),
        retryable=error.retryable,
    )
    return msgspec.json.encode(messages.answer(asked.request, result))


def _skip_line(line: bytes, source: BinaryIO) -> None:
    while line and not line.endswith(b"\n"):
        line = source.readline(MESSAGE_BYTES)
