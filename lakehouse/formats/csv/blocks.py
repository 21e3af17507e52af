"""Blocks: a stream of UTF-8 text cut into pieces that each hold whole records.

Between blocks no state is carried but the offset, so blocks can be read in parallel and a refusal
can be explained from one block alone, once its line is counted. It reads quotes and newlines,
never cells: how many fields a record has is the reader's to judge.

A block without a quote needs no check. One whose quotes all open, close or double is checked by
their positions alone; any other goes through one RE2 automaton, in a few pieces, without the GIL.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.csv.dialect import QUOTE, QUOTED, START, Dialect
from lakehouse.formats.csv.quotes import last_end
from lakehouse.formats.csv.record_scanner import records
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.refusals import malformed

_PIECE_BYTES = 1 << 18


LineOf = Callable[[int], int]
"""The number, from 1, of the line that begins at an offset of the text."""


def first_line(start: int) -> int:
    """Line 1 for every offset: for callers that count lines themselves."""
    return 1


class Block(msgspec.Struct, frozen=True):
    """Records as bytes, the first of them at the offset `start` of the text.

    A block that is not `whole` begins at a record's start and holds one that cannot be read; it
    is the last.
    """

    data: bytes
    line_of: LineOf
    start: int = 0
    whole: bool = True

    @property
    def line(self) -> int:
        """The first record's physical line. Counted on demand: only refusals need it."""
        return self.line_of(self.start)

    def range(self) -> "BlockRange":
        """Where it stands, for `reread_blocks`."""
        return BlockRange(self.start, len(self.data))


class BlockRange(msgspec.Struct, frozen=True):
    """A block without its bytes: how to find it again. The text's last newline may be ours."""

    start: int
    size_bytes: int


def blocks(
    chunks: Iterable[bytes], dialect: Dialect, limits: IngestLimits, line_of: LineOf
) -> Iterator[Block]:
    """Cut `chunks` at ends of records; a record beyond `limits.record_bytes` is malformed.

    Raises LargeRecordError as `limits` says. The records do not depend on the chunks; where blocks end does.
    """
    rest, fresh, start = b"", b"", 0
    for chunk in chunks:
        fresh += chunk
        # A long record is scanned again only when it has doubled, or may be too long: linear.
        if len(fresh) < len(rest) and len(rest) + len(fresh) <= limits.record_bytes:
            continue
        buffer, fresh = rest + fresh, b""
        stop, readable = _cut(buffer, dialect)
        done, rest = buffer[:stop], buffer[stop:]
        del buffer
        if done:
            yield Block(done, line_of, start)
        start += stop
        if not readable:
            yield Block(rest, line_of, start, whole=False)
            return
        if len(rest) > limits.record_bytes:
            raise _too_long(Block(rest, line_of, start), dialect, limits)
        limits.check_large(len(rest))
    yield from _last(Block(rest + fresh, line_of, start), dialect)


def reread_blocks(
    chunks: Iterable[bytes], ranges: Iterable[BlockRange], line_of: LineOf
) -> Iterator[Block]:
    """The blocks of the same text once more; `ranges` are in its order."""
    buffer, start, more = b"", 0, iter(chunks)
    for block in ranges:
        stop = block.start + block.size_bytes
        while start + len(buffer) < stop and (chunk := next(more, None)) is not None:
            passed = min(len(buffer), block.start - start)
            buffer, start = buffer[passed:] + chunk, start + passed
        data, buffer = buffer[block.start - start : stop - start], buffer[stop - start :]
        start = stop
        data = data if len(data) == block.size_bytes else data + b"\n"
        yield Block(data, line_of, block.start)


def _last(left: Block, dialect: Dialect) -> Iterator[Block]:
    # Every record ends in a newline from here on, the last one too.
    data, start = left.data, left.start
    data = data if data.endswith(b"\n") or not data else data + b"\n"
    stop, _ = _cut(data, dialect)
    if stop:
        yield Block(data[:stop], left.line_of, start)
    if stop < len(data):
        yield Block(data[stop:], left.line_of, start + stop, whole=False)


def _too_long(block: Block, dialect: Dialect, limits: IngestLimits) -> RefusedError:
    # Short records may come before the long one, in the piece that it begins in.
    line = block.line
    for record in records(block.data, line, dialect, limits.columns):
        line = record.line
    most = limits.record_bytes
    return malformed(line, f"a record of more than {most} bytes; is a quote left open?")


def _cut(buffer: bytes, dialect: Dialect) -> tuple[int, bool]:
    """Where the last record known to be whole ends, and whether the text up to there is readable."""
    final = _final(buffer)
    if not final or QUOTE not in buffer:
        return final, True
    stop = last_end(buffer, dialect.delimiter, final)
    return _cut_by_automaton(buffer, final, dialect) if stop is None else (stop, True)


def _cut_by_automaton(buffer: bytes, final: int, dialect: Dialect) -> tuple[int, bool]:
    ends, grammar = _piece_ends(buffer, final), dialect.transitions()
    pieces = _pieces(buffer, ends)
    state, stop = START, 0
    for index, end in enumerate(ends):
        after = _after(pieces.slice(index, 1), state, grammar)
        if after is None:
            return stop, False
        state, stop = after, end if after == START else stop
    return stop, True


def _after(
    piece: pa.BinaryArray, before: str, grammar: Mapping[tuple[str, str], str]
) -> str | None:
    """The state after one piece, or None where no record can be read so."""
    # A record's end first: a newline inside quotes is the rarer one, even where there are many.
    for after in (START, QUOTED):
        if pc.match_substring_regex(piece, grammar[before, after])[0].as_py():
            return after
    return None


def _final(buffer: bytes) -> int:
    """The end of the last line; 0 where none is known to end."""
    newline = b"\n" if b"\n" in buffer else b"\r"
    # Whether a CR at the very end is a CRLF, only the next chunk tells.
    return buffer.rfind(newline, 0, len(buffer) - (newline == b"\r")) + 1


def _piece_ends(buffer: bytes, final: int) -> list[int]:
    """Ends of pieces of about 256 KiB, each after a newline, the last at `final`."""
    newline, ends = buffer[final - 1 : final], list[int]()
    while not ends or ends[-1] < final:
        found = buffer.find(newline, (ends[-1] if ends else 0) + _PIECE_BYTES, final)
        ends.append(found + 1 if found >= 0 else final)
    return ends


def _pieces(buffer: bytes, ends: list[int]) -> pa.BinaryArray:
    offsets = pa.py_buffer(array("i", [0, *ends]))
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, offsets, pa.py_buffer(buffer)])
