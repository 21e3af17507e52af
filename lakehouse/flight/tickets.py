"""Tickets and handles: a statement and all that it needs, kept by the client alone. Pure.

They are not secret and prove nothing: a client that changes one could have sent the other statement as
well, and each use is judged by the rights that its caller has then.
"""

import re
from typing import Any

import msgspec

from lakehouse.domain.errors import Refused, RefusedError

_QUERY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Ticket(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One execution of a statement. `as_of` and `profile`: as the header of their name says."""

    sql: str
    query_id: str
    """Names the query where it is cancelled."""
    params: list[Any] | dict[str, Any] | None = None
    as_of: str | None = None
    profile: str | None = None


class Prepared(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A prepared statement: its parameters by name or position, and their values once bound."""

    sql: str
    names: tuple[str, ...] = ()
    params: list[Any] | dict[str, Any] | None = None


def encode(content: Ticket | Prepared) -> bytes:
    """The bytes that a client keeps."""
    return msgspec.json.encode(content)


def decode_ticket(data: bytes) -> Ticket:
    """A ticket that this door has issued. Raises RefusedError `invalid_request`."""
    try:
        found = msgspec.json.decode(data, type=Ticket)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid("the ticket is none of this server") from error
    if not _QUERY_ID.fullmatch(found.query_id):
        raise _invalid("the ticket is none of this server")
    return found


def decode_prepared(data: bytes) -> Prepared:
    """A prepared statement that this door has issued. Raises RefusedError `invalid_request`."""
    try:
        return msgspec.json.decode(data, type=Prepared)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid("the handle of the prepared statement is none of this server") from error


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
