"""Which row groups of a file are copied as they are stored, and which are decoded and rewritten.

Must never have row groups copied from a file that our writer of this version has not made: the
statistics of another one may be wrong.
"""

from bisect import bisect_left
from itertools import groupby
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.rewriting.row_edits import number
from lakehouse.formats.parquet.rewriting.splicing import Footer, read_footer
from lakehouse.formats.parquet.writer import WRITER

BATCH_ROWS = 16_384
"""That are decoded at once of a file whose row groups may be of any size, with texts of any length."""


class GroupRun(msgspec.Struct, frozen=True):
    """Adjacent row groups that are copied, or that are rewritten together.

    `first_row` is the position of their first row.
    """

    groups: list[int]
    first_row: int
    end_row: int
    size_bytes: int
    """What their values take, as the footer says."""
    hits: int
    """How many of their rows change."""
    is_copied: bool


def planned(
    metadata: pq.FileMetaData,
    changed: pa.Int64Array,
    limits: IngestLimits,
    *,
    may_copy: bool,
    removes: bool = True,
) -> list[GroupRun]:
    """The row groups of a file in order. `changed` are positions of rows, from 0, ascending.

    `removes`: these rows are removed; otherwise they get new values.

    Small ones are rewritten with their neighbours, so that they do not become many.
    """
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    bounds = [0]
    for group in groups:
        bounds.append(bounds[-1] + group.num_rows)
    hits = [bisect_left(changed, bound, key=number) for bound in bounds]

    def is_large(numbers: list[int]) -> bool:
        begin, end = numbers[0], numbers[-1] + 1
        rows = bounds[end] - bounds[begin] - removes * (hits[end] - hits[begin])
        size_bytes = sum(group.total_byte_size for group in groups[begin:end])
        return 2 * rows >= limits.row_group_rows or 2 * size_bytes >= limits.row_group_bytes

    def is_copied(place: int) -> bool:
        return may_copy and hits[place] == hits[place + 1] and is_large([place])

    def shares(numbers: list[int]) -> list[list[int]]:
        """The fewest adjacent row groups each that make a large one; what is left joins the last."""
        found: list[list[int]] = [[]]
        for place in numbers:
            if found[-1] and is_large(found[-1]):
                found.append([])
            found[-1].append(place)
        if len(found) > 1 and not is_large(found[-1]):
            small = found.pop()
            found[-1] += small
        return found

    def run(numbers: list[int], copied: bool) -> GroupRun:
        begin, end = numbers[0], numbers[-1] + 1
        size_bytes = sum(group.total_byte_size for group in groups[begin:end])
        found = hits[end] - hits[begin]
        return GroupRun(numbers, bounds[begin], bounds[end], size_bytes, found, copied)

    runs: list[GroupRun] = []
    for copied, found in groupby(range(len(groups)), is_copied):
        numbers = list(found)
        runs += [run(each, copied) for each in ([numbers] if copied else shares(numbers))]
    return runs


def can_be_copied(path: Path, like: Footer) -> bool:
    """Whether our writer of this version made the file, and would store its columns so now."""
    footer = read_footer(path)
    is_ours = all(footer.value_of(key) == value for key, value in WRITER.items())
    return is_ours and footer.schema == like.schema


def batch_rows(
    metadata: pq.FileMetaData, run: GroupRun, limits: IngestLimits, *, is_ours: bool
) -> int:
    """How many rows are decoded at once: one row group of our writer, which is small; otherwise few.

    A row group that is decoded as one batch is written from it, and nothing has to be put together.
    Of several that become one, a batch would reach from one into the next, and Arrow would hold both.
    """
    group = metadata.row_group(run.groups[0])
    is_small = (
        0 < group.num_rows <= limits.row_group_rows
        and group.total_byte_size <= limits.row_group_bytes
    )
    return group.num_rows if is_ours and is_small and len(run.groups) == 1 else BATCH_ROWS
