"""The formats of a result, by name: their media types, and what each cannot hold. Data only.

ROWS and SCHEMA are not among FORMATS: the first is for the rows of a dataset, the second for what a
statement would return; no client can ask for them.
"""

import msgspec

_NOT_IN_JSON = frozenset({"interval", "variant", "geometry"})
_NOT_IN_ARROW = _NOT_IN_JSON | {
    "uhugeint", "bignum", "bit", "time with time zone", "uuid",
}  # fmt: skip
"""HUGEINT, the type of a sum of integers, becomes a decimal after DuckDB (`arrow.py`)."""
_NOT_IN_PARQUET = _NOT_IN_ARROW | {"union"}

ROWS, SCHEMA = "rows", "arrow_schema"
ROWS_AS_TEXT = frozenset({"uuid", "enum"})
"""DuckDB's types that are text in a dataset."""
NOT_IN_DATASETS = _NOT_IN_PARQUET - ROWS_AS_TEXT | {"tuple"}
"""DuckDB's types that no column of a dataset can have, nor any part of one."""


class Format(msgspec.Struct, frozen=True):
    """`as_text`: DuckDB's types that are cast to VARCHAR, by the ids of DuckDBPyType."""

    name: str
    media_type: str
    as_text: frozenset[str]


FORMATS = {
    each.name: each
    for each in (
        Format("json", "application/json", _NOT_IN_JSON),
        Format("ndjson", "application/x-ndjson", _NOT_IN_JSON),
        Format("csv", "text/csv", _NOT_IN_JSON),
        Format("arrow", "application/vnd.apache.arrow.stream", _NOT_IN_ARROW),
        Format("parquet", "application/vnd.apache.parquet", _NOT_IN_PARQUET),
    )
}
"""In the order of preference, where a client has none."""


def as_text(name: str) -> frozenset[str]:
    """The types that are cast to VARCHAR in the format of that name, in ROWS or in SCHEMA."""
    if name == ROWS:
        return ROWS_AS_TEXT
    return FORMATS["arrow" if name == SCHEMA else name].as_text


def named(text: str) -> Format | None:
    """The format of that name or media type, in any case."""
    wanted = text.strip().lower()
    return next((each for each in FORMATS.values() if wanted in (each.name, each.media_type)), None)
