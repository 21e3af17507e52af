"""The Model Context Protocol over two streams, one message a line.

What concerns the protocol alone is answered here. A call of a tool goes to a lake: to `POST /mcp` of a
server, or to a function that the caller passes. Must never write anything but messages.
"""

import secrets
from collections.abc import Callable
from importlib.metadata import version
from typing import BinaryIO

import msgspec

from lakehouse.client.error import Error
from lakehouse.client.lake import Lake
from lakehouse.client.request import Request
from lakehouse.mcp import messages
from lakehouse.mcp.messages import INVALID_REQUEST, MODERN, Notification, ProtocolError
from lakehouse.mcp.protocol import ToolCall, respond
from lakehouse.mcp.results import failure_of

MESSAGE_BYTES = 1024 * 1024
"""As over HTTP."""


ToolCallback = Callable[[ToolCall, bytes], bytes]
"""Answers a call of a tool, also given as it was sent."""


def relay(source: BinaryIO, target: BinaryIO, call: ToolCallback) -> None:
    """Answer each line of `source` on a line of `target`, one after the other, until it ends."""
    while line := source.readline(MESSAGE_BYTES + 1):
        if len(line) > MESSAGE_BYTES:
            _skip_line(line, source)
            error = ProtocolError(None, INVALID_REQUEST, "the message is larger than 1 MiB")
            answer: bytes | None = msgspec.json.encode(error.answer)
        else:
            answer = _answered(line, call) if line.strip() else None
        if answer is not None:
            target.write(answer + b"\n")
            target.flush()


def of_server(lake: Lake) -> ToolCallback:
    """Sends calls to a server."""

    def call(asked: ToolCall, sent: bytes) -> bytes:
        return _sent(lake, sent, asked)

    return call


def _answered(line: bytes, call: ToolCallback) -> bytes | None:
    """The answer to one message, None to a notification."""
    try:
        message = messages.parse(line, None)
        if isinstance(message, Notification):
            return None
        found = respond(message, version("lakehouse"))
    except ProtocolError as error:
        return msgspec.json.encode(error.answer)
    return call(found, line) if isinstance(found, ToolCall) else msgspec.json.encode(found)


def _sent(lake: Lake, line: bytes, asked: ToolCall) -> bytes:
    headers = [("Content-Type", "application/json")]
    if asked.request.version == MODERN:
        sent = messages.headers_of(asked.request.method, asked.tool, MODERN)
        headers += sent.items()
    try:
        answer = lake.http.json(
            Request("POST", "/mcp", body=line, headers=tuple(headers)), msgspec.Raw
        )
    except Error as error:
        result = failure_of(
            *(error.code, error.detail, error.errors, error.hint or "", secrets.token_hex(8)),
            retryable=error.retryable,
        )
        return msgspec.json.encode(messages.answer(asked.request, result))
    return bytes(answer)


def _skip_line(line: bytes, source: BinaryIO) -> None:
    while line and not line.endswith(b"\n"):
        line = source.readline(MESSAGE_BYTES)
