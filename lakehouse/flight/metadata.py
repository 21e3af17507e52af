"""The catalogue as Flight SQL's metadata commands answer it: catalog `lake`, schemas `main` and `lake`.

What there is comes from `information_schema`, asked as the caller, so that access, profile and moment
are those of a statement. Schemas and nullability: format/FlightSql.proto. Must never show a name that a
statement of the same caller could not read.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pyarrow as pa

from lakehouse.api.sql import SqlRequest
from lakehouse.domain.errors import RefusedError
from lakehouse.flight import sql_info, type_info
from lakehouse.flight.commands import (
    GetCatalogs,
    GetDbSchemas,
    GetForeignKeys,
    GetPrimaryKeys,
    GetSqlInfo,
    GetTables,
    GetTableTypes,
    GetXdbcTypeInfo,
    Metadata,
)
from lakehouse.flight.exchange import Exchange
from lakehouse.flight.statements import describe
from lakehouse.flight.tickets import Prepared
from lakehouse.query.policy.catalog_name import CATALOG
from lakehouse.service.service import Service
from lakehouse.system.view_table import SCHEMA as SYSTEM
from lakehouse.system.view_table import SYSTEM_VIEWS
from projections.view_sql.datasets import quoted

MAIN = "main"
TABLE, VIEW, SYSTEM_TABLE = "TABLE", "VIEW", "SYSTEM TABLE"
_UTF8 = pa.string()


def _field(name: str, kind: pa.DataType = _UTF8) -> pa.Field:
    return pa.field(name, kind, nullable=False)


CATALOGS = pa.schema([_field("catalog_name")])
DB_SCHEMAS = pa.schema([("catalog_name", _UTF8), _field("db_schema_name")])
TABLES = pa.schema(
    [("catalog_name", _UTF8), ("db_schema_name", _UTF8), _field("table_name"), _field("table_type")]
)
TABLES_WITH_SCHEMA = TABLES.append(_field("table_schema", pa.binary()))
TABLE_TYPES = pa.schema([_field("table_type")])
PRIMARY_KEYS = pa.schema(
    [
        ("catalog_name", _UTF8),
        ("db_schema_name", _UTF8),
        _field("table_name"),
        _field("column_name"),
        ("key_name", _UTF8),
        _field("key_sequence", pa.int32()),
    ]
)
FOREIGN_KEYS = pa.schema(
    [
        ("pk_catalog_name", _UTF8),
        ("pk_db_schema_name", _UTF8),
        _field("pk_table_name"),
        _field("pk_column_name"),
        ("fk_catalog_name", _UTF8),
        ("fk_db_schema_name", _UTF8),
        _field("fk_table_name"),
        _field("fk_column_name"),
        _field("key_sequence", pa.int32()),
        ("fk_key_name", _UTF8),
        ("pk_key_name", _UTF8),
        _field("update_rule", pa.uint8()),
        _field("delete_rule", pa.uint8()),
    ]
)
_FIXED = {
    GetCatalogs: CATALOGS,
    GetDbSchemas: DB_SCHEMAS,
    GetTableTypes: TABLE_TYPES,
    GetSqlInfo: sql_info.SCHEMA,
    GetXdbcTypeInfo: type_info.SCHEMA,
    GetPrimaryKeys: PRIMARY_KEYS,
    GetForeignKeys: FOREIGN_KEYS,
}
_LISTED = (
    "SELECT t.table_name, v.name IS NOT NULL AS is_view FROM information_schema.tables AS t "
    "LEFT JOIN lake.views AS v ON lower(v.name) = lower(t.table_name) "
    "WHERE t.table_schema = 'main' ORDER BY t.table_name"
)
_COLUMNS = (
    "SELECT table_name, column_name, data_type FROM information_schema.columns "
    "WHERE table_schema = 'main' AND NOT (column_name = '?' AND data_type = '\"NULL\"') "
    "ORDER BY table_name, ordinal_position"
)
"""A table whose columns are only in its objects has one column that is called `?`."""
_METADATA = "ARROW:FLIGHT:SQL:"


class _Table(msgspec.Struct, frozen=True):
    schema: str
    name: str
    type: str


class Column(msgspec.Struct, frozen=True):
    """A column, and the name of its DuckDB type; empty where it is not known."""

    name: str
    kind: pa.DataType
    type_name: str


def schema_of(command: Metadata) -> pa.Schema:
    """The schema of the answer."""
    if isinstance(command, GetTables):
        return TABLES_WITH_SCHEMA if command.include_schema else TABLES
    return _FIXED[type(command)]


async def answer(service: Service, exchange: Exchange, command: Metadata) -> pa.Table:
    """The rows of the answer, in the order of the specification. Raises what `Sql.run` raises."""
    match command:
        case GetCatalogs():
            return pa.table({"catalog_name": [CATALOG]}, schema=CATALOGS)
        case GetDbSchemas():
            return _schemas(command)
        case GetTables():
            return await _tables(service, exchange, command)
        case GetTableTypes():
            return pa.table({"table_type": [SYSTEM_TABLE, TABLE, VIEW]}, schema=TABLE_TYPES)
        case GetSqlInfo():
            return sql_info.table(command.numbers)
        case GetXdbcTypeInfo():
            return type_info.table(command.data_type)
        case GetPrimaryKeys() | GetForeignKeys():
            return schema_of(command).empty_table()


def _schemas(command: GetDbSchemas) -> pa.Table:
    names = [each for each in (SYSTEM, MAIN) if _matches(each, command.schema_pattern)]
    found = names if command.catalog in (None, CATALOG) else []
    columns = {"catalog_name": [CATALOG] * len(found), "db_schema_name": found}
    return pa.table(columns, schema=DB_SCHEMAS)


async def _tables(service: Service, exchange: Exchange, command: GetTables) -> pa.Table:
    found = [
        each
        for each in await _listed(service, exchange, command)
        if _matches(each.name, command.table_pattern)
        and (not command.table_types or each.type in command.table_types)
    ]
    columns: dict[str, list[str] | list[bytes]] = {
        "catalog_name": [CATALOG] * len(found),
        "db_schema_name": [each.schema for each in found],
        "table_name": [each.name for each in found],
        "table_type": [each.type for each in found],
    }
    if command.include_schema:
        columns["table_schema"] = [
            schema.serialize().to_pybytes() for schema in await _shapes(service, exchange, found)
        ]
    return pa.table(columns, schema=schema_of(command))


async def _listed(service: Service, exchange: Exchange, command: GetTables) -> list[_Table]:
    """The tables of the schemas that the command names."""
    if command.catalog not in (None, CATALOG):
        return []
    found = []
    if _matches(SYSTEM, command.schema_pattern):
        found += [_Table(SYSTEM, name, SYSTEM_TABLE) for name in sorted(SYSTEM_VIEWS)]
    if _matches(MAIN, command.schema_pattern):
        rows = await _rows(service, exchange, _LISTED)
        found += [
            _Table(MAIN, row["table_name"], VIEW if row["is_view"] else TABLE) for row in rows
        ]
    return found


async def _shapes(service: Service, exchange: Exchange, tables: list[_Table]) -> list[pa.Schema]:
    """The schema of each table, as SELECT * of it has it."""
    known = await _columns(service, exchange) if any(t.schema == MAIN for t in tables) else {}
    found = []
    for each in tables:
        if each.schema == SYSTEM:
            fields = [Column(f.name, f.type, "") for f in SYSTEM_VIEWS[each.name].columns]
        elif each.name in known:
            fields = known[each.name]
        else:
            fields = await _described(service, exchange, each.name)
        found.append(pa.schema([_shaped(each, column) for column in fields]))
    return found


def _shaped(table: _Table, column: Column) -> pa.Field:
    metadata = {
        "CATALOG_NAME": CATALOG,
        "DB_SCHEMA_NAME": table.schema,
        "TABLE_NAME": table.name,
        "IS_AUTO_INCREMENT": "0",
        "IS_CASE_SENSITIVE": "1" if column.kind == _UTF8 else "0",
        "IS_READ_ONLY": "1",
        "IS_SEARCHABLE": "1",
    }
    if column.type_name:
        metadata["TYPE_NAME"] = column.type_name
    if pa.types.is_decimal(column.kind):
        metadata["PRECISION"] = str(column.kind.precision)
        metadata["SCALE"] = str(column.kind.scale)
    named = {f"{_METADATA}{name}": value for name, value in metadata.items()}
    return pa.field(column.name, column.kind, metadata=named)


async def _columns(service: Service, exchange: Exchange) -> dict[str, list[Column]]:
    """The columns of all tables whose columns are known without reading an object."""
    rows = await _rows(service, exchange, _COLUMNS)
    kinds = await _kinds(service, exchange, sorted({row["data_type"] for row in rows}))
    found: dict[str, list[Column]] = {}
    for row in rows:
        column = Column(row["column_name"], kinds[row["data_type"]], row["data_type"])
        found.setdefault(row["table_name"], []).append(column)
    return found


async def _kinds(service: Service, exchange: Exchange, names: list[str]) -> dict[str, pa.DataType]:
    """The Arrow type of each DuckDB type, as a result has it."""
    if not names:
        return {}
    values = ", ".join(f"CAST(NULL AS {name})" for name in names)
    # The names are DuckDB's own spelling of types, with the names of members quoted.
    found = await describe(service, exchange, Prepared(f"SELECT {values}"))
    return dict(zip(names, found.schema.types, strict=True))


async def _described(service: Service, exchange: Exchange, name: str) -> list[Column]:
    """The columns of a table, read from its objects; none if these cannot be read."""
    sql = f"SELECT * FROM {quoted(name)}"  # noqa: S608 (a quoted name)
    try:
        found = await describe(service, exchange, Prepared(sql))
    except RefusedError as error:
        if error.refused.code in ("sql_error", "view_broken", "object_lost", "object_damaged"):
            return []
        raise
    return [Column(field.name, field.type, "") for field in found.schema]


async def _rows(service: Service, exchange: Exchange, sql: str) -> list[dict[str, Any]]:
    rpc = exchange.rpc
    request = SqlRequest(sql, as_of=rpc.header("x-as-of"), profile=rpc.header("x-profile"))
    async with service.sql.run(exchange.caller, request, "arrow", exchange.request_id) as found:
        exchange.result = found
        document = await _whole(found.chunks)
    rows: list[dict[str, Any]] = pa.ipc.open_stream(document).read_all().to_pylist()
    return rows


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _matches(name: str, pattern: str | None) -> bool:
    """Whether a name matches a pattern of LIKE; without regard to case, as names are found in SQL."""
    if pattern is None:
        return True
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(each) or re.escape(each) for each in pattern)
    return re.fullmatch(expression, name, re.IGNORECASE | re.DOTALL) is not None
