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
from lakehouse.formats.parquet.splicing import Footer, read_footer
from lakehouse.formats.parquet.writer import WRITER


class GroupRun(msgspec.Struct, frozen=True):
    """Adjacent row groups that are copied, or that are rewritten together.

    `first_row` is the position of their first row.
    """

    groups: list[int]
    first_row: int
    end_row: int
    size_bytes: int
    """What their values take, as the footer says."""
    is_copied: bool


def planned(
    metadata: pq.FileMetaData, removed: pa.Int64Array, limits: IngestLimits, *, may_copy: bool
) -> list[GroupRun]:
    """The row groups of a file in order. `removed` are positions of rows, from 0, ascending.

    Small ones are rewritten with their neighbours, so that they do not become many.
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    bounds = [0]
    for group in groups:
        bounds.append(bounds[-1] + group.num_rows)
    hits = [bisect_left(removed, bound, key=_number) for bound in bounds]

    def is_large(numbers: list[int]) -> bool:
        begin, end = numbers[0], numbers[-1] + 1
        rows = bounds[end] - bounds[begin] - (hits[end] - hits[begin])
        size_bytes = sum(group.total_byte_size for group in groups[begin:end])
        return 2 * rows >= limits.row_group_rows or 2 * size_bytes >= limits.row_group_bytes

    def is_copied(number: int) -> bool:
        return may_copy and hits[number] == hits[number + 1] and is_large([number])

    def shares(numbers: list[int]) -> list[list[int]]:
        """The fewest adjacent row groups each that make a large one; what is left joins the last."""
        found: list[list[int]] = [[]]
        for number in numbers:
            if found[-1] and is_large(found[-1]):
                found.append([])
            found[-1].append(number)
        if len(found) > 1 and not is_large(found[-1]):
            small = found.pop()
            found[-1] += small
        return found

    def run(numbers: list[int], copied: bool) -> GroupRun:
        begin, end = numbers[0], numbers[-1] + 1
        size_bytes = sum(group.total_byte_size for group in groups[begin:end])
        return GroupRun(numbers, bounds[begin], bounds[end], size_bytes, copied)

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


def _number(position: pa.Int64Scalar) -> int:
    number: int = position.as_py()
    return number
