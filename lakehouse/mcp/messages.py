"""JSON-RPC messages of MCP: requests are parsed and checked, answers are made. Pure.

Source: the specification 2026-07-28, and 2025-11-25 and 2025-06-18 for clients that begin with
`initialize`. Nothing is remembered between two messages. No error message quotes a client or the lake.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

MODERN = "2026-07-28"
"""The version in which every request names its version in `_meta`."""
LEGACY = ("2025-11-25", "2025-06-18")
"""Versions that begin with `initialize`, newest first. Earlier ones allow batches."""
SUPPORTED = (MODERN, *LEGACY)
META = "io.modelcontextprotocol/"
VERSION_HEADER, METHOD_HEADER, NAME_HEADER = "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
STATUS = {METHOD_NOT_FOUND: 404}
"""HTTP statuses of errors; all others are 400."""

Id = int | str | None


class Request(msgspec.Struct, frozen=True):
    """A checked request. `version` is one of SUPPORTED."""

    id: Id
    method: str
    params: dict[str, Any]
    version: str

    @property
    def is_modern(self) -> bool:
        """Whether it is of the version without a handshake."""
        return self.version == MODERN


class Notification(msgspec.Struct, frozen=True):
    """A message that expects no answer. `cancelled`: the id of the request that it gives up."""

    method: str
    cancelled: Id = None


class ProtocolError(Exception):
    """A message that is answered by a JSON-RPC error."""

    def __init__(self, id_: Id, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.status = STATUS.get(code, 400)
        error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        self.answer = {"jsonrpc": "2.0", "id": id_, "error": error}


def parse(body: bytes, headers: Mapping[str, str] | None) -> Request | Notification:
    """A message as sent. `headers` are those of HTTP; None for stdio. Raises ProtocolError."""
    message = _object(body)
    method, id_ = message.get("method"), message.get("id")
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise ProtocolError(None, INVALID_REQUEST, "the body is no JSON-RPC 2.0 request")
    if "id" not in message:
        return Notification(method, _cancelled(method, message.get("params")))
    if isinstance(id_, bool) or not isinstance(id_, int | str):
        raise ProtocolError(None, INVALID_REQUEST, "the id is neither an integer nor a string")
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise ProtocolError(id_, INVALID_PARAMS, "params is no object")
    return Request(id_, method, params, _version(id_, method, params, headers))


def answer(request: Request, result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a request that succeeded."""
    kind = {"resultType": "complete"} if request.is_modern else {}
    return {"jsonrpc": "2.0", "id": request.id, "result": {**kind, **result}}


def headers_of(method: str, tool: str, version: str) -> dict[str, str]:
    """The headers of HTTP that a call of a tool needs."""
    return {VERSION_HEADER: version, METHOD_HEADER: method, NAME_HEADER: tool}


def _cancelled(method: str, params: object) -> Id:
    if method != "notifications/cancelled" or not isinstance(params, dict):
        return None
    id_ = params.get("requestId")
    return id_ if isinstance(id_, int | str) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(None, PARSE_ERROR, "the body is no JSON") from error
    if isinstance(message, list):
        raise ProtocolError(None, INVALID_REQUEST, "batches are not supported; send one message")
    if not isinstance(message, dict):
        raise ProtocolError(None, INVALID_REQUEST, "the body is no JSON object")
    return message


def _version(
    id_: Id, method: str, params: dict[str, Any], headers: Mapping[str, str] | None
) -> str:
    """The version of a request. Raises ProtocolError where it is unknown or contradicts itself."""
    meta = params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    named = meta.get(f"{META}protocolVersion")
    sent = headers.get(VERSION_HEADER) if headers is not None else None
    if named is None and sent != MODERN:
        if sent is not None and sent not in LEGACY:
            raise _unsupported(id_, sent)
        if sent is None and headers is None and method == "server/discover":
            raise ProtocolError(id_, INVALID_PARAMS, f"params._meta lacks {META}protocolVersion")
        return sent or LEGACY[0]
    if not isinstance(named, str):
        raise ProtocolError(id_, INVALID_PARAMS, f"params._meta lacks {META}protocolVersion")
    if not isinstance(meta.get(f"{META}clientCapabilities"), dict):
        raise ProtocolError(id_, INVALID_PARAMS, f"params._meta lacks {META}clientCapabilities")
    if headers is not None:
        _check_headers(id_, method, params, named, headers)
    if named != MODERN:
        raise _unsupported(id_, named)
    return named


def _check_headers(
    id_: Id, method: str, params: dict[str, Any], version: str, headers: Mapping[str, str]
) -> None:
    expected: dict[str, Any] = {VERSION_HEADER: version, METHOD_HEADER: method}
    if method == "tools/call":
        expected[NAME_HEADER] = params.get("name")
    for header, value in expected.items():
        sent = headers.get(header)
        if sent is None or _plain(sent) != value:
            detail = f"the header {header} is absent or differs from the body"
            raise ProtocolError(id_, HEADER_MISMATCH, detail)


def _plain(sent: str) -> str | None:
    """A header's value, decoded if it is `=?base64?…?=`; None if that is malformed."""
    if not (sent.startswith("=?base64?") and sent.endswith("?=")):
        return sent
    try:
        return base64.b64decode(sent[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _unsupported(id_: Id, requested: str) -> ProtocolError:
    data = {"supported": [MODERN], "requested": requested[:64]}
    return ProtocolError(id_, UNSUPPORTED_VERSION, "Unsupported protocol version", data)
