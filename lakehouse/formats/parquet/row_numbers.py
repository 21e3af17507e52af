"""The numbers of a Parquet file's rows: it has no lines."""

from collections.abc import Sequence

from lakehouse.formats.reader import ReadRequest


def positions(request: ReadRequest, rows: Sequence[int]) -> list[int]:
    """The numbers, from 1, of these rows, which are numbered from 0."""
    return [row + 1 for row in rows]
