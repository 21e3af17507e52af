"""A file of our own without some of its rows, where many row groups keep all theirs: those are copied.

Owns which row groups are copied as they are stored, and which are decoded and rewritten. Must never
copy from a file that our writer of this version has not made: another one's statistics may be wrong.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from io import BytesIO
from itertools import groupby
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.rewriter import rewrite
from lakehouse.formats.parquet.splicing import Footer, Piece, footer_of, read_footer, splice
from lakehouse.formats.parquet.writer import WRITER, write_parquet

Decode = Callable[[list[int]], Iterable[pa.RecordBatch]]
"""All rows of these row groups, in order."""
SPLICED = "spliced.parquet"


class GroupRun(msgspec.Struct, frozen=True):
    """Adjacent row groups that have one fate. `first_row` is the position of their first row."""

    groups: list[int]
    first_row: int
    end_row: int
    is_copied: bool


def planned(
    metadata: pq.FileMetaData, removed: pa.Int64Array, limits: IngestLimits
) -> list[GroupRun]:
    """The row groups of a file in order. Small ones are rewritten, so that they do not become many."""
    runs: list[GroupRun] = []
    bounds = [0]
    for number in range(metadata.num_row_groups):
        bounds.append(bounds[-1] + metadata.row_group(number).num_rows)

    def is_copied(number: int) -> bool:
        group = metadata.row_group(number)
        begin, end = (bisect_left(removed, b, key=_number) for b in bounds[number : number + 2])
        is_large = 2 * group.num_rows >= limits.row_group_rows
        return begin == end and (is_large or 2 * group.total_byte_size >= limits.row_group_bytes)

    for copied, numbers in groupby(range(metadata.num_row_groups), is_copied):
        groups = list(numbers)
        runs.append(GroupRun(groups, bounds[groups[0]], bounds[groups[-1] + 1], copied))
    return runs


def is_ours(path: Path) -> bool:
    """Whether our writer of this version has made the file."""
    footer = read_footer(path)
    return all(footer.value_of(key) == value for key, value in WRITER.items())


def spliced(
    path: Path,
    runs: list[GroupRun],
    decode: Decode,
    removed: pa.Int64Array,
    schema: pa.Schema,
    directory: Path,
    limits: IngestLimits,
) -> tuple[Path, int] | None:
    """The file without the rows `removed`, written into `directory`, and its number of rows.

    None where its columns are stored in another way than those of `schema` would be now.
    """
    like = _template(schema, limits)
    if read_footer(path).schema != like.schema:
        return None
    pieces: list[Piece] = []
    for number, run in enumerate(runs):
        if run.is_copied:
            pieces.append(Piece(path, run.groups))
            continue
        begin, end = (bisect_left(removed, b, key=_number) for b in (run.first_row, run.end_row))
        hits = pc.subtract(removed[begin:end], run.first_row)
        into = directory / f"run-{number:05}"
        into.mkdir()
        for file in rewrite(decode(run.groups), hits, schema, into, limits):
            part = Path(str(file.content))
            pieces.append(Piece(part, range(len(read_footer(part).groups))))
    with (directory / SPLICED).open("wb") as sink:
        rows = splice(pieces, like, sink)
    return directory / SPLICED, rows


def _template(schema: pa.Schema, limits: IngestLimits) -> Footer:
    (empty,) = write_parquet([], schema, None, limits)
    if not isinstance(empty.content, bytes):
        raise TypeError("a file was asked for in memory")
    return footer_of(BytesIO(empty.content))


def _number(position: pa.Int64Scalar) -> int:
    number: int = position.as_py()
    return number
