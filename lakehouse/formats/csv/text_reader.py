"""The fast reader: a block of whole records as Arrow text, a null for each unquoted empty field.

Of all but small blocks pyarrow's CSV parser does the work, without the GIL, with every column declared
to be text: it converts nothing and guesses nothing. What it refuses, the exact record scanner explains.
"""

import re
from array import array
from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa
import pyarrow.csv

from lakehouse.formats.csv.blocks import Block
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.record_scanner import Record, field_count_problem, records
from lakehouse.formats.csv.small_text import MOST_BYTES, read_small
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.refusals import malformed

_BOM = "\ufeff".encode()
_EMPTY = re.compile(rb"[\r\n]*+")


class TextReader(msgspec.Struct, frozen=True):
    """Reads the blocks of one file: its dialect, its column names, its null tokens."""

    dialect: Dialect
    names: tuple[str, ...]
    null_tokens: tuple[str, ...]
    limits: IngestLimits

    def read(self, block: Block) -> pa.RecordBatch:
        """All rows of `block`, every column text; no rows where it holds empty lines only.

        Raises RefusedError `malformed_csv` with the line of the first record that is damaged or
        has another number of fields than there are columns.
        """
        if not block.whole:
            raise self._explain(block)
        if _EMPTY.fullmatch(block.data):
            return pa.RecordBatch.from_pylist([], schema=self.schema())
        if not _is_utf8(block.data):
            raise self._explain(block)
        small = read_small(block.data, self.dialect, self.schema(), self.null_tokens)
        if small is not None:
            return small
        try:
            return self._parse(block.data)
        except pa.ArrowInvalid as error:
            raise self._explain(block) from error

    def line_of(self, block: Block, row: int) -> int:
        """The physical line on which the block's row number `row` (from 0) begins."""
        return self.lines_of(block, [row])[0]

    def lines_of(self, block: Block, rows: Sequence[int]) -> list[int]:
        """The physical lines on which these rows of the block begin; ascending, from 0."""
        lines: list[int] = []
        if not rows:
            return lines
        for index, record in enumerate(self._records(block)):
            if index == rows[len(lines)]:
                lines.append(record.line)
                if len(lines) == len(rows):
                    return lines
        raise AssertionError(f"the block at line {block.line} has no row {rows[len(lines)]}")

    def _parse(self, data: bytes) -> pa.RecordBatch:
        # A block is a file of its own to pyarrow, which would take U+FEFF off as a BOM.
        data = b"\n" + data if data.startswith(_BOM) else data
        # The streaming reader parses in this thread; the other passes even one block to one more.
        reader = pa.csv.open_csv(
            pa.BufferReader(_arrow_buffer(data)),
            pa.csv.ReadOptions(
                column_names=self.names, use_threads=False, block_size=len(data) + 1
            ),
            # Newlines in values matter to how a file is cut into blocks, and this is one.
            pa.csv.ParseOptions(delimiter=self.dialect.delimiter, newlines_in_values=False),
            pa.csv.ConvertOptions(
                check_utf8=False,
                column_types=self.schema(),
                null_values=["", *self.null_tokens],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        with reader:
            return reader.read_next_batch()

    def schema(self) -> pa.Schema:
        """Every column as text, under its name."""
        return pa.schema([(name, pa.string()) for name in self.names])

    def _records(self, block: Block) -> Iterator[Record]:
        return records(block.data, block.line, self.dialect, self.limits.columns)

    def _explain(self, block: Block) -> Exception:
        """The refusal for the first bad record of a block that could not be read."""
        for record in self._records(block):
            if record.problem:
                return malformed(record.line, record.problem)
            if len(record.cells) != len(self.names):
                return malformed(
                    record.line, field_count_problem(len(record.cells), len(self.names))
                )
        return AssertionError(
            f"pyarrow refused the block at line {block.line}, which the record scanner reads"
        )


def _arrow_buffer(data: bytes) -> pa.Buffer:
    """A copy that Arrow owns.

    A thread of Arrow's may release the reader's buffer after the reader was closed. To free a
    Python object it would need the interpreter, and where that has exited the process aborts.
    """
    buffer = pa.allocate_buffer(len(data))
    memoryview(buffer).cast("B")[:] = data
    return buffer


def _is_utf8(data: bytes) -> bool:
    """Whether all of it is; in a third of the time of cell by cell, and without the GIL."""
    if len(data) <= MOST_BYTES:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        return True
    whole = pa.py_buffer(array("i", [0, len(data)]))
    text = pa.Array.from_buffers(pa.string(), 1, [None, whole, pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
