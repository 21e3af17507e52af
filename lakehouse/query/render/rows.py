"""Whole batches as text: arrays, objects, lines of CSV. Pure.

Owns the text between the values; `json_columns` renders the values.
"""

from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.query.render.json_columns import TEXT, Array, joined, json_text, member
from lakehouse.query.render.render_small import VALUES, json_texts

_NEEDS_QUOTES = '^$|[",\r\n]'


def rows_json(batch: pa.RecordBatch) -> bytes:
    """Return the rows as JSON arrays with commas between them, without outer brackets."""
    if _is_few(batch):
        return f"[{'],['.join(_joined([json_texts(column) for column in batch.columns]))}]".encode()
    rows = _rows([json_text(column) for column in batch.columns], "],[")
    return b"".join((b"[", rows, b"]"))


def rows_ndjson(batch: pa.RecordBatch, names: Sequence[str]) -> bytes:
    """Return the rows as JSON objects, one a line."""
    if _is_few(batch):
        return _few_objects(batch, names)
    columns = [
        member(name, json_text(column)) for name, column in zip(names, batch.columns, strict=True)
    ]
    return b"".join((b"{", _rows(columns, "}\n{"), b"}\n"))


def rows_csv(batch: pa.RecordBatch) -> bytes:
    """Return the rows as lines of CSV: null is an empty field, the empty string is `""`."""
    return b"".join((_rows([_field(column) for column in batch.columns], "\n"), b"\n"))


def header_csv(names: Sequence[str]) -> bytes:
    """Return the first line of CSV."""
    fields: list[str] = _quoted(pa.array(names, TEXT)).to_pylist()
    return (",".join(fields) + "\n").encode()


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return `names` with one that was there before suffixed by the first free `_2`, `_3` …"""
    taken, found = set(names), set[str]()
    given: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in found or (number > 1 and candidate in taken):
            number += 1
            candidate = f"{name}_{number}"
        found.add(candidate)
        given.append(candidate)
    return tuple(given)


def _is_few(batch: pa.RecordBatch) -> bool:
    return bool(batch.num_rows * batch.num_columns <= VALUES)


def _joined(columns: list[list[str]]) -> Iterator[str]:
    return map(",".join, zip(*columns, strict=True))


def _few_objects(batch: pa.RecordBatch, names: Sequence[str]) -> bytes:
    keys = [msgspec.json.encode(name).decode() for name in names]
    columns = [
        [f"{key}:{text}" for text in json_texts(column)]
        for key, column in zip(keys, batch.columns, strict=True)
    ]
    return "".join(f"{{{row}}}\n" for row in _joined(columns)).encode()


def _field(column: Array) -> Array:
    if pa.types.is_dictionary(column.type):
        return pc.fill_null(pc.take(_quoted(column.dictionary.cast(TEXT)), column.indices), "")
    if _is_text(column.type):
        return pc.fill_null(_quoted(_storage(column).cast(TEXT)), "")
    text = json_text(column)
    # Quoted values that are not strings (a date, a decimal) contain nothing to escape.
    plain = _quoted(text) if pa.types.is_nested(column.type) else pc.ascii_trim(text, '"')
    return pc.if_else(column.is_valid(), plain, "")


def _quoted(text: Array) -> Array:
    special = pc.match_substring_regex(text, _NEEDS_QUOTES)
    if not pc.any(special, min_count=0).as_py():
        return text
    return pc.if_else(special, joined('"', [pc.replace_substring(text, '"', '""')], '"'), text)


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _storage(column: Array) -> Array:
    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


def _rows(columns: list[Array], between: str) -> memoryview:
    """Every row's values with commas between them, and `between` between the rows."""
    rows = columns[0]
    if len(columns) > 1:
        rows = pc.binary_join_element_wise(*columns, pa.scalar(",", TEXT))
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(rows)], pa.int64()), rows)
    return memoryview(pc.binary_join(whole, pa.scalar(between, TEXT)).buffers()[2] or b"")
