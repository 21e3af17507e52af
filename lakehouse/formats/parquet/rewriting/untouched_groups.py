"""Which row groups of a file are copied as they are stored, and which are decoded and rewritten.

Must never have row groups copied from a file that our writer of this version has not made: the
statistics of another one may be wrong.
"""

from itertools import accumulate, groupby
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.rewriting.row_edits import MarkedRows
from lakehouse.formats.parquet.rewriting.splicing import Footer, read_footer
from lakehouse.formats.parquet.writer import WRITER

BATCH_ROWS = 16_384
"""That are decoded at once of a file whose row groups may be of any size, with texts of any length."""


class GroupRun(msgspec.Struct, frozen=True):
    """A row group that is copied, or adjacent ones that are rewritten together.

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
    changed: MarkedRows,
    limits: IngestLimits,
    *,
    may_copy: bool,
    removes: bool = True,
) -> list[GroupRun]:
    """The row groups of a file in order.

    `removes`: the rows that are `changed` are removed; otherwise they get new values. Small
    row groups are rewritten with their neighbours, so that they do not become many.
    """
    groups = _RowGroups(metadata, changed, limits, removes=removes)

    def is_copied(place: int) -> bool:
        run = groups.run([place], copied=True)
        return may_copy and not run.hits and groups.is_large(run)

    runs: list[GroupRun] = []
    for copied, found in groupby(range(metadata.num_row_groups), is_copied):
        numbers = list(found)
        if copied:
            runs += [groups.run([number], copied=True) for number in numbers]
        else:
            runs += groups.shares(numbers)
    return runs


class _RowGroups:
    """The row groups of a file, by their places."""

    def __init__(
        self,
        metadata: pq.FileMetaData,
        changed: MarkedRows,
        limits: IngestLimits,
        *,
        removes: bool,
    ) -> None:
        groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
        self._sizes = [group.total_byte_size for group in groups]
        self._bounds = [0, *accumulate(group.num_rows for group in groups)]
        self._hits = [changed.before(bound) for bound in self._bounds]
        self._limits = limits
        self._removes = removes

    def run(self, numbers: list[int], *, copied: bool) -> GroupRun:
        """These adjacent row groups as one run."""
        begin, end = numbers[0], numbers[-1] + 1
        return GroupRun(
            numbers,
            self._bounds[begin],
            self._bounds[end],
            sum(self._sizes[begin:end]),
            self._hits[end] - self._hits[begin],
            copied,
        )

    def is_large(self, run: GroupRun) -> bool:
        """Whether what becomes of the run is at least half as large as a row group may be."""
        rows = run.end_row - run.first_row - self._removes * run.hits
        limits = self._limits
        return 2 * rows >= limits.row_group_rows or 2 * run.size_bytes >= limits.row_group_bytes

    def shares(self, numbers: list[int]) -> list[GroupRun]:
        """The fewest adjacent row groups each that make a large one; what is left joins the last."""
        found = [self.run(numbers[:1], copied=False)]
        for place in numbers[1:]:
            joined = [] if self.is_large(found[-1]) else found.pop().groups
            found.append(self.run([*joined, place], copied=False))
        if len(found) > 1 and not self.is_large(found[-1]):
            small = found.pop()
            found[-1] = self.run(found[-1].groups + small.groups, copied=False)
        return found


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
