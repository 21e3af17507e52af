"""The cells of a small block, by the grammar's own expression: the twin of pyarrow's in `text_reader`.

pyarrow passes each block to a thread of its own and back. Beside busy threads that takes longer than
the parsing of a few kilobytes, which here keeps the thread and the interpreter's lock. Pure. Must never
explain what is damaged: it answers None.
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa

from lakehouse.formats.csv.dialect import QUOTE, Dialect

MOST_BYTES = 16 * 1024
"""In larger blocks pyarrow takes less CPU time, its thread included."""
_DOUBLED = QUOTE * 2


def read_small(
    data: bytes, dialect: Dialect, schema: pa.Schema, null_tokens: Sequence[str]
) -> pa.RecordBatch | None:
    """The rows of a whole block of UTF-8; None for a larger one, a damaged one, one with empty lines.

    An unquoted field that is empty or a null token is null.
    """
    if len(data) > MOST_BYTES:
        return None
    # The last match is the empty one at the end of the text.
    fields = dialect.field().findall(data)[:-1]
    written, ends = [each[0] for each in fields], [each[3] for each in fields]
    columns = len(schema)
    whole = sum(map(len, written)) + sum(map(len, ends)) == len(data)
    if not whole or not _are_rows(ends, columns, dialect.delimiter.encode()):
        return None
    if columns == 1 and b"" in written:
        return None
    texts = _texts(
        [each for place in range(columns) for each in written[place::columns]], null_tokens
    )
    rows = len(ends) // columns
    arrays = [texts.slice(place * rows, rows) for place in range(columns)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _are_rows(ends: list[bytes], columns: int, delimiter: bytes) -> bool:
    """Whether each row has as many fields as there are columns, by what ends each field."""
    inner = all({*ends[place::columns]} == {delimiter} for place in range(columns - 1))
    return inner and not len(ends) % columns and delimiter not in ends[columns - 1 :: columns]


def _texts(written: list[bytes], null_tokens: Sequence[str]) -> pa.StringArray:
    """Fields as they are written, as one array: to make one costs as much as to fill it."""
    nulls = {b"", *(each.encode() for each in null_tokens if not each.startswith('"'))}
    valid = pa.array([each not in nulls for each in written], pa.bool_())
    cells = [each if each[:1] != QUOTE else each[1:-1].replace(_DOUBLED, QUOTE) for each in written]
    offsets = array("i", accumulate(map(len, cells), initial=0))
    buffers = [valid.buffers()[1], pa.py_buffer(offsets), pa.py_buffer(b"".join(cells))]
    return pa.Array.from_buffers(pa.string(), len(cells), buffers)
