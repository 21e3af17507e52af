"""The lines of an NDJSON file on which its rows stand, found by reading the file once more.

Only a refusal that names rows needs it. Must never judge a row: the file was read before.
"""

from collections.abc import Iterator, Sequence

from lakehouse.formats.ndjson.reader import good_lines
from lakehouse.formats.reader import ReadRequest


def positions(request: ReadRequest, rows: Sequence[int]) -> list[int]:
    """The lines, from 1, of these rows, which are numbered from 0 in ascending order.

    Rows in quarantine do not count. `request` is the one under which the file was read.
    """
    return list(_lines(request, rows))


def _lines(request: ReadRequest, rows: Sequence[int]) -> Iterator[int]:
    passed, wanted = 0, iter(rows)
    row = next(wanted, None)
    for lines in good_lines(request):
        while row is not None and row < passed + len(lines):
            yield lines[row - passed].line
            row = next(wanted, None)
        if row is None:
            return
        passed += len(lines)
