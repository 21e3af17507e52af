"""The messages of Flight SQL: from their bytes to structs, and answers to bytes. Pure.

Apache Arrow, format/FlightSql.proto and Flight.proto. Must never guess: a message that this door does
not know is refused by its name.
"""

from collections.abc import Callable

import msgspec

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight.wire import Fields, length_field, number_field, signed32

MESSAGE_BYTES = 2 * 1024 * 1024
"""The largest command, ticket or action: a statement of 1 MiB and its parameters."""
_PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."
_CANCELLED = 1


class Unsupported(Exception):
    """A part of Flight SQL that this door does not offer. The text says what, and what to use."""


class StatementQuery(msgspec.Struct, frozen=True):
    """CommandStatementQuery."""

    query: str


class PreparedQuery(msgspec.Struct, frozen=True):
    """CommandPreparedStatementQuery."""

    handle: bytes


class StatementTicket(msgspec.Struct, frozen=True):
    """TicketStatementQuery."""

    handle: bytes


class GetCatalogs(msgspec.Struct, frozen=True):
    """CommandGetCatalogs."""


class GetDbSchemas(msgspec.Struct, frozen=True):
    """CommandGetDbSchemas. A filter of None does not filter."""

    catalog: str | None
    schema_pattern: str | None


class GetTables(msgspec.Struct, frozen=True):
    """CommandGetTables. A filter of None does not filter; no types: all types."""

    catalog: str | None
    schema_pattern: str | None
    table_pattern: str | None
    table_types: tuple[str, ...]
    include_schema: bool


class GetTableTypes(msgspec.Struct, frozen=True):
    """CommandGetTableTypes."""


class GetSqlInfo(msgspec.Struct, frozen=True):
    """CommandGetSqlInfo. Without numbers: all of them."""

    numbers: tuple[int, ...]


class GetXdbcTypeInfo(msgspec.Struct, frozen=True):
    """CommandGetXdbcTypeInfo. None: all types."""

    data_type: int | None


class GetPrimaryKeys(msgspec.Struct, frozen=True):
    """CommandGetPrimaryKeys: a lake has no keys, so the table does not matter."""


class GetForeignKeys(msgspec.Struct, frozen=True):
    """CommandGetExportedKeys, …ImportedKeys or …CrossReference: a lake has no keys."""


Metadata = (
    GetCatalogs
    | GetDbSchemas
    | GetTables
    | GetTableTypes
    | GetSqlInfo
    | GetXdbcTypeInfo
    | GetPrimaryKeys
    | GetForeignKeys
)
Command = StatementQuery | PreparedQuery | StatementTicket | Metadata


def parse_command(message: bytes) -> Command:
    """The command of a descriptor or a ticket. Raises RefusedError `invalid_request`, Unsupported."""
    name, fields = _unpacked(message)
    if (parse := _COMMANDS.get(name)) is None:
        if name in _UNSUPPORTED:
            raise Unsupported(_UNSUPPORTED[name])
        raise _invalid(f"it is {name or 'nothing'}, which this server does not know")
    return parse(fields)


def parse_action(message: bytes, name: str) -> Fields:
    """The fields of the body of an action, of this message. Raises RefusedError `invalid_request`."""
    found, fields = _unpacked(message)
    if found != name:
        raise _invalid(f"the body of the action is {found or 'nothing'}, not {name}")
    return fields


def refuse_transaction(fields: Fields) -> None:
    """Raises Unsupported for a statement that is part of a transaction."""
    if fields.has(2):
        raise Unsupported("there are no transactions; every statement reads one moment")


def cancelled_tickets(message: bytes, *, packed: bool) -> list[bytes]:
    """The tickets of the FlightInfo that a request to cancel names.

    `packed`: it is ActionCancelQueryRequest; otherwise CancelFlightInfoRequest of Flight itself.
    Raises RefusedError `invalid_request`.
    """
    name = "ActionCancelQueryRequest"
    request = parse_action(message, name) if packed else Fields(_bounded(message))
    endpoints = Fields(request.bytes_of(1)).all_bytes(3)
    return [Fields(Fields(each).bytes_of(1)).bytes_of(1) for each in endpoints]


def cancel_result(*, packed: bool) -> bytes:
    """The answer to a request to cancel: the query has ended."""
    result = number_field(1, _CANCELLED)
    return pack("ActionCancelQueryResult", result) if packed else result


def statement_ticket(handle: bytes) -> bytes:
    """A ticket for the result of a statement."""
    return pack("TicketStatementQuery", length_field(1, handle))


def prepared_statement(handle: bytes, schema: bytes | None, parameters: bytes) -> bytes:
    """ActionCreatePreparedStatementResult; schemas as IPC messages, None where it is not known."""
    dataset = length_field(2, schema) if schema is not None else b""
    body = length_field(1, handle) + dataset + length_field(3, parameters)
    return pack("ActionCreatePreparedStatementResult", body)


def bound_statement(handle: bytes) -> bytes:
    """DoPutPreparedStatementResult: the handle that holds the parameters. Not within Any."""
    return length_field(1, handle)


def pack(name: str, message: bytes) -> bytes:
    """A message of Flight SQL within google.protobuf.Any."""
    return length_field(1, (_PREFIX + name).encode()) + length_field(2, message)


def _unpacked(message: bytes) -> tuple[str, Fields]:
    packed = Fields(_bounded(message))
    url = packed.text(1)
    if not url.startswith(_PREFIX):
        raise _invalid(f"it is {url[:200]!r}, which is no message of Flight SQL")
    return url.removeprefix(_PREFIX)[:200], Fields(packed.bytes_of(2))


def _bounded(message: bytes) -> bytes:
    if len(message) > MESSAGE_BYTES:
        detail = f"a message has {len(message):,} bytes; at most {MESSAGE_BYTES:,} are allowed"
        raise RefusedError(Refused("too_large", detail))
    return message


def _statement(fields: Fields) -> StatementQuery:
    refuse_transaction(fields)
    return StatementQuery(fields.text(1))


def _tables(fields: Fields) -> GetTables:
    filters = (fields.optional_text(1), fields.optional_text(2), fields.optional_text(3))
    return GetTables(*filters, tuple(fields.texts(4)), fields.flag(5))


def _type_info(fields: Fields) -> GetXdbcTypeInfo:
    return GetXdbcTypeInfo(signed32(fields.number(1)) if fields.has(1) else None)


_COMMANDS: dict[str, Callable[[Fields], Command]] = {
    "CommandStatementQuery": _statement,
    "CommandPreparedStatementQuery": lambda fields: PreparedQuery(fields.bytes_of(1)),
    "TicketStatementQuery": lambda fields: StatementTicket(fields.bytes_of(1)),
    "CommandGetCatalogs": lambda _: GetCatalogs(),
    "CommandGetDbSchemas": lambda fields: GetDbSchemas(
        fields.optional_text(1), fields.optional_text(2)
    ),
    "CommandGetTables": _tables,
    "CommandGetTableTypes": lambda _: GetTableTypes(),
    "CommandGetSqlInfo": lambda fields: GetSqlInfo(tuple(fields.numbers(1))),
    "CommandGetXdbcTypeInfo": _type_info,
    "CommandGetPrimaryKeys": lambda _: GetPrimaryKeys(),
    "CommandGetExportedKeys": lambda _: GetForeignKeys(),
    "CommandGetImportedKeys": lambda _: GetForeignKeys(),
    "CommandGetCrossReference": lambda _: GetForeignKeys(),
}
NO_UPDATES = "this server does not change data over Flight SQL; use POST /v1/ingest and its routes"
_PLANS = "there are no Substrait plans; send SQL"
_UNSUPPORTED = {
    "CommandStatementUpdate": NO_UPDATES,
    "CommandPreparedStatementUpdate": NO_UPDATES,
    "CommandStatementIngest": NO_UPDATES,
    "CommandStatementSubstraitPlan": _PLANS,
}


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", f"a message of Flight SQL is invalid: {detail}"))
