"""The lines on which rows of a CSV file begin, found by reading the file once more.

Only a refusal that names rows needs it. Must never judge a row: the file was read before.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lakehouse.formats.csv.blocks import blocks
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.header import take_header
from lakehouse.formats.csv.line_count import LineCount
from lakehouse.formats.csv.reader import good_rows
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.options import REJECT
from lakehouse.formats.reader import ReadRequest


def positions(request: ReadRequest, rows: Sequence[int]) -> list[int]:
    """The lines, from 1, of these rows, which are numbered from 0 in ascending order.

    Rows in quarantine do not count. `request` is the one under which the file was read.
    """
    if request.options.on_error == REJECT:
        return list(_lines(request, rows))
    with TemporaryDirectory(dir=request.work_dir()) as place:
        good, _ = good_rows(request, Path(place))
        return list(_lines(good, rows))


def _lines(request: ReadRequest, rows: Sequence[int]) -> Iterator[int]:
    options, limits = request.options, request.limits
    text = partial(request.text, options.encoding)
    dialect = Dialect(options.delimiter, options.encoding)
    found = blocks(text(), dialect, limits, LineCount(text).at)
    header, left = take_header(found, dialect, written=options.header, max_columns=limits.columns)
    reader = TextReader(dialect, header.names, options.null_tokens, limits)
    passed, wanted = 0, iter(rows)
    row = next(wanted, None)
    for block in left:
        if row is None:
            return
        count = reader.read(block).num_rows
        inside = []
        while row is not None and row < passed + count:
            inside.append(row - passed)
            row = next(wanted, None)
        yield from reader.lines_of(block, inside)
        passed += count
