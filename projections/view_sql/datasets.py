"""The SQL text of a dataset's view. Pure: it never runs SQL and never opens an object."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from journal.events import Column, SafeView

_DUCKDB = {
    "null": '"NULL"',
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "halffloat": "FLOAT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "large_string": "VARCHAR",
    "string_view": "VARCHAR",
    "binary": "BLOB",
    "large_binary": "BLOB",
    "binary_view": "BLOB",
    "date32[day]": "DATE",
    "date64[ms]": "DATE",
    "time32[s]": "TIME",
    "time32[ms]": "TIME",
    "time64[us]": "TIME",
    "timestamp[s]": "TIMESTAMP_S",
    "timestamp[ms]": "TIMESTAMP_MS",
    "timestamp[us]": "TIMESTAMP",
    "timestamp[ns]": "TIMESTAMP_NS",
}
_FLOATING = frozenset({"halffloat", "float", "double"})
_DECIMAL = re.compile(r"decimal(?:32|64|128|256)\((\d{1,2}), (\d{1,2})\)")
_ZONED = re.compile(r"timestamp\[(?:s|ms|us|ns), tz=.+\]")
_UNKNOWN = '"NULL"'
_POSITIONS = [
    'file_index AS "\x01object"',
    'file_row_number AS "\x01row"',
]
_VIRTUAL = frozenset({"file_index", "file_row_number"})
"""DuckDB's columns of positions: a column of the objects with such a name hides them."""


OBJECT_COLUMN, ROW_COLUMN = "\x01object", "\x01row"
"""The columns of positions: names that no ingested column has, and no expression of a user."""


class Label(msgspec.Struct, frozen=True):
    """A column that the objects lack: one value for all rows of each object, in the order of objects."""

    name: str
    values: tuple[str | int, ...]


class Definition(msgspec.Struct, frozen=True):
    """The definition of a user's view: its own SQL, or another relation masked.

    `key` is the lake's mask key as hex, where a mask needs it; `repr` does not show it.
    """

    sql: str | None = None
    safe: SafeView | None = None
    key: str = ""
    check: bool = False
    """Whether a mask that does not fit its column is refused: when the view is put."""
    secure: bool = False
    """Whether no predicate of a statement may reach the rows below: its caller may not see those."""

    def __repr__(self) -> str:
        return f"Definition(sql={self.sql!r}, safe={self.safe!r}, …)"


class View(msgspec.Struct, frozen=True):
    """The source of a view: `objects` are paths or URLs, `columns` is None when unknown.

    `schema` is the SQL schema of the view; None is the default one. `labels` stand
    in front of the objects' own columns, and in `columns` too.
    """

    name: str
    objects: tuple[str, ...]
    columns: tuple[Column, ...] | None = None
    schema: str | None = None
    labels: tuple[Label, ...] = ()
    definition: Definition | None = None
    """The definition of a user's view, which has no objects of its own."""
    inside: str = ""
    """For a user's view that a statement names: the relation that it stands for."""
    positioned: bool = False
    """Whether two more columns follow: the place of each row's object in `objects`, and the row's
    place in it, both from 0."""
    like: tuple[str, ...] = ()
    """The objects that decide the types of nested columns together, if not `objects` alone."""


NO_TYPES: Mapping[str, str] = MappingProxyType({})


def view_sql(view: View, *, uniform: bool = False, found: Mapping[str, str] = NO_TYPES) -> str:
    """Return the statement that creates the dataset's view over its objects.

    `uniform`: every object has exactly the columns of `stored_columns`, so that none needs a cast.
    `found`: the answer of `types_sql`, types by column.
    Without objects the view is an empty relation of the known types. Binding reads the objects'
    footers, so a view is made only for a query that names it. Raises ValueError when neither
    objects nor columns are known, since such a view has no shape.
    """
    if view.objects:
        mapping = "" if uniform and not _hides_positions(view) else _columns_by_name(view, found)
        return _create(view, f"{_selected(view)} FROM {_read(view, mapping)}")
    if not view.columns:
        raise ValueError("neither objects nor columns")
    return stub_sql(view)


def types_sql(view: View) -> str | None:
    """Return the query for names and types of the columns whose type only the objects tell; or None.

    Such are nested columns. Several objects have the type that holds the values of all.
    """
    if not view.objects or not view.columns or stored_columns(view) is not None:
        return None
    unknown = [quoted(c.name) for c in _stored(view) if duckdb_type(c.type) == _UNKNOWN]
    objects = _paths(view.like or view.objects)
    options = "hive_partitioning=false, union_by_name=true"
    read = f"SELECT {', '.join(unknown)} FROM read_parquet([{objects}], {options})"  # noqa: S608  quoted
    return f"SELECT column_name, column_type FROM (DESCRIBE {read})"  # noqa: S608  quoted


def stub_sql(view: View) -> str:
    """Return the statement that creates an empty view of the known types, for listings.

    No object is opened. Where columns are unknown it has one column `?` of type "NULL": a
    listing must neither lose the dataset nor depend on the health of its objects.
    """
    columns = view.columns or (Column("?", "null"),)
    if view.positioned:
        columns += (Column(OBJECT_COLUMN, "uint64"), Column(ROW_COLUMN, "int64"))
    typed = ", ".join(f"CAST(NULL AS {duckdb_type(c.type)}) AS {quoted(c.name)}" for c in columns)
    return _create(view, f"{typed} WHERE false")


def dropped_sql(view: View) -> str:
    """Return the statement that drops the view, if it exists."""
    return f"DROP VIEW IF EXISTS {_called(view)}"


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def duckdb_type(arrow: str) -> str:
    """Return DuckDB's type for the name of an Arrow type; "NULL" for one that we do not know.

    A registered type name is any text: only names of this table ever become SQL.
    """
    if decimal := _DECIMAL.fullmatch(arrow):
        return f"DECIMAL({decimal[1]},{decimal[2]})"
    if _ZONED.fullmatch(arrow):
        return "TIMESTAMP WITH TIME ZONE"
    return _DUCKDB.get(arrow, _UNKNOWN)


def _create(view: View, select: str) -> str:
    return f"CREATE OR REPLACE VIEW {_called(view)} AS SELECT {select}"


def _called(view: View) -> str:
    return f"{quoted(view.schema)}.{quoted(view.name)}" if view.schema else quoted(view.name)


def stored_columns(view: View, found: Mapping[str, str] = NO_TYPES) -> list[tuple[str, str]] | None:
    """Names and DuckDB's types of the columns that objects should have; None where a type is not known."""
    columns = [(c.name, found.get(c.name) or duckdb_type(c.type)) for c in _stored(view)]
    is_known = all(type_ != _UNKNOWN or name in found for name, type_ in columns)
    return columns if columns and is_known else None


def unglobbed(path: str) -> str:
    """Return `path` as a pattern that matches it alone."""
    return re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", path)


def _selected(view: View) -> str:
    labels = [f"{_value_of_object(label)} AS {quoted(label.name)}" for label in view.labels]
    own = [_column(view, column.name) for column in _stored(view)]
    return ", ".join(labels + (own or ["*"]) + (_POSITIONS if view.positioned else []))


def _column(view: View, name: str) -> str:
    inner = _inner_name(view, name)
    return quoted(name) if inner == name else f"{quoted(inner)} AS {quoted(name)}"


def _inner_name(view: View, name: str) -> str:
    """What a column of the objects is called as it is read: nothing that hides a position."""
    return f"\x01{name}" if view.positioned and name.lower() in _VIRTUAL else name


def _hides_positions(view: View) -> bool:
    return any(_inner_name(view, column.name) != column.name for column in _stored(view))


def _stored(view: View) -> list[Column]:
    """The columns that the objects have."""
    labelled = {label.name for label in view.labels}
    return [column for column in view.columns or () if column.name not in labelled]


def _value_of_object(label: Label) -> str:
    # By DuckDB's number of the object: its path, joined or compared, could show in a plan.
    values = ", ".join(str(v) if isinstance(v, int) else _literal(v) for v in label.values)
    return f"list_extract([{values}], CAST(file_index AS BIGINT) + 1)"


def _read(view: View, mapping: str) -> str:
    """The objects, read so that Parquet's statistics mislead no query.

    These leave NaN out, and write 0.0 as -0.0. `can_have_nan` makes DuckDB expect NaN in row groups
    that it would skip for `d > 100` or `isnan(d)`. From the statistics of a single object, read
    without `schema`, DuckDB 2.0.1 also answers `max(d)` and `min(d)`; of two objects it does not.
    """
    alone = len(view.objects) == 1 and "schema" not in mapping and _may_have_floating(view)
    objects = view.objects * 2 if alone else view.objects
    paths = _paths(objects)
    # Hive partitioning off: a bucket under /env=prod/ would grow a column.
    options = f"hive_partitioning=false, can_have_nan=true{mapping}"
    return f"read_parquet([{paths}], {options})" + (" WHERE file_index = 0" if alone else "")


def _paths(objects: tuple[str, ...]) -> str:
    return ", ".join(_literal(unglobbed(path)) for path in objects)


def _may_have_floating(view: View) -> bool:
    columns = _stored(view)
    return not columns or any(
        column.type in _FLOATING or duckdb_type(column.type) == _UNKNOWN for column in columns
    )


def _columns_by_name(view: View, found: Mapping[str, str]) -> str:
    """The expressions that turn the objects' columns into the view's.

    Each object's columns may have another order, be missing, or have another type that holds
    the same values: each is cast to the dataset's type as it is read. Where one of those types is
    not known here and not `found`, DuckDB finds a type for all objects.
    """
    columns = stored_columns(view, found)
    if columns is None:
        if _hides_positions(view):
            raise ValueError("a column has the name of one of DuckDB's columns of positions")
        return ", union_by_name=true" if len(view.objects) > 1 else ""
    entries = ", ".join(
        f"{_literal(name)}: {{'name': {_literal(_inner_name(view, name))},"
        f" 'type': {_literal(type_)},"
        " 'default_value': NULL}"
        for name, type_ in columns
    )
    return f", schema=MAP {{{entries}}}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
