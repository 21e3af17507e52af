"""Cursors: where a result goes on, and as of which moment. Pure.

A cursor is not secret: a client that changes it gets other rows that it may read anyway.
"""

import base64
import hashlib
from typing import Any

import msgspec

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.mcp.arguments import Arguments


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The moment of the first page, and the place after the last item that was sent."""

    seq: int
    place: int | str
    asked: str
    """A hash of the tool and its other arguments."""
    sent: str = ""
    """A hash of the rows that were sent; empty where the order cannot differ."""


def encode(cursor: Cursor) -> str:
    """The cursor as text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode(text: str | None, tool: str, arguments: Arguments) -> Cursor | None:
    """The cursor of a call; None on the first page. Raises RefusedError `invalid_request`."""
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        found = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Cursor)
    except ValueError as error:
        raise _refused("the cursor is none that this tool returned") from error
    if found.asked != asked(tool, arguments):
        raise _refused("the cursor belongs to other arguments")
    return found


def asked(tool: str, arguments: Arguments) -> str:
    """A hash of a call without its cursor."""
    members: dict[str, Any] = msgspec.to_builtins(arguments)
    members.pop("cursor", None)
    return hashlib.sha256(msgspec.json.encode([tool, members], order="deterministic")).hexdigest()[
        :16
    ]


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
