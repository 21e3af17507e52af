"""The SQL text of a dataset's view. Pure: it never runs SQL and never opens an object."""

import re

import msgspec

from journal.events import Column

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
    "binary": "BLOB",
    "large_binary": "BLOB",
    "date32[day]": "DATE",
    "time32[ms]": "TIME",
    "time64[us]": "TIME",
    "timestamp[s]": "TIMESTAMP_S",
    "timestamp[ms]": "TIMESTAMP_MS",
    "timestamp[us]": "TIMESTAMP",
    "timestamp[ns]": "TIMESTAMP_NS",
    "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE",
}
_DECIMAL = re.compile(r"decimal128\((\d{1,2}), (\d{1,2})\)")
_UNKNOWN = '"NULL"'


class Label(msgspec.Struct, frozen=True):
    """A column that the objects do not have: one value for all rows of each object, in their order."""

    name: str
    values: tuple[str | int, ...]


class View(msgspec.Struct, frozen=True):
    """What a view is made of: `objects` are paths or URLs, `columns` is None when not known.

    `schema` is the SQL schema that it stands in; None is the one without a name. `labels` stand
    in front of the objects' own columns, and in `columns` too.
    """

    name: str
    objects: tuple[str, ...]
    columns: tuple[Column, ...] | None = None
    schema: str | None = None
    labels: tuple[Label, ...] = ()


def view_sql(view: View) -> str:
    """Return the statement that makes the dataset's view over its objects.

    Without objects the view is an empty relation of the known types. Binding reads the objects'
    footers, so a view is made only for a query that names it. Raises ValueError when neither
    objects nor columns are known, since such a view has no shape.
    """
    if view.objects:
        return _create(view, f"{_selected(view)} FROM {_read(view.objects)}")
    if not view.columns:
        raise ValueError("neither objects nor columns")
    return stub_sql(view)


def stub_sql(view: View) -> str:
    """Return the statement that makes an empty view of the known types: for listings.

    No object is opened. Where columns are unknown it has one column `?` of type "NULL": a
    listing must neither lose the dataset nor depend on the health of its objects.
    """
    columns = view.columns or (Column("?", "null"),)
    typed = ", ".join(f"CAST(NULL AS {duckdb_type(c.type)}) AS {quoted(c.name)}" for c in columns)
    return _create(view, f"{typed} WHERE false")


def dropped_sql(view: View) -> str:
    """Return the statement that drops the view, if it is there."""
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
    return _DUCKDB.get(arrow, _UNKNOWN)


def _create(view: View, select: str) -> str:
    return f"CREATE OR REPLACE VIEW {_called(view)} AS SELECT {select}"


def _called(view: View) -> str:
    return f"{quoted(view.schema)}.{quoted(view.name)}" if view.schema else quoted(view.name)


def _selected(view: View) -> str:
    labelled = {label.name for label in view.labels}
    labels = [f"{_value_of_object(label)} AS {quoted(label.name)}" for label in view.labels]
    own = [quoted(c.name) for c in view.columns or () if c.name not in labelled]
    return ", ".join(labels + (own or ["*"]))


def _value_of_object(label: Label) -> str:
    # By DuckDB's number of the object: its path, joined or compared, could show in a plan.
    values = ", ".join(str(v) if isinstance(v, int) else _literal(v) for v in label.values)
    return f"list_extract([{values}], CAST(file_index AS BIGINT) + 1)"


def _read(objects: tuple[str, ...]) -> str:
    # By name as soon as there are two: objects of an older schema lack columns or order them
    # otherwise. Hive partitioning off: a bucket under /env=prod/ would grow a column.
    by_name = ", union_by_name=true" if len(objects) > 1 else ""
    paths = ", ".join(_literal(_unglobbed(path)) for path in objects)
    return f"read_parquet([{paths}], hive_partitioning=false{by_name})"


def _unglobbed(path: str) -> str:
    return re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
