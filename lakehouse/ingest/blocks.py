"""Blocks: a stream of UTF-8 text cut into pieces that each hold whole records.

Between blocks no state is carried but the line number, so blocks can be read side by side and a
refusal can be explained from one block alone. It looks at quotes and newlines, never at cells:
how many fields a record has is the reader's to judge.

The check of the quotes is one RE2 automaton over a few pieces of the block, which runs at memory
speed without the GIL; a block without a quote needs none.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.errors import RefusedError
from lakehouse.ingest.dialect import QUOTE, QUOTED, START, Dialect
from lakehouse.ingest.limits import Limits
from lakehouse.ingest.records import line_ends, records
from lakehouse.ingest.refusals import malformed

_PIECE_BYTES = 1 << 18


class Block(msgspec.Struct, frozen=True):
    """Records as bytes; `line` is the physical line of the first byte, from 1.

    A block that is not `whole` begins at a record's start and holds one that cannot be read; it
    is the last.
    """

    data: bytes
    line: int
    whole: bool = True


def blocks(chunks: Iterable[bytes], dialect: Dialect, limits: Limits) -> Iterator[Block]:
    """Cut `chunks` at ends of records; a record beyond `limits.record_bytes` is malformed.

    The records do not depend on the chunks; where blocks end does.
    """
    grammar = dialect.transitions()
    rest, fresh, line = b"", b"", 1
    for chunk in chunks:
        fresh += chunk
        # A long record is looked at again only when it has doubled: linear, not quadratic.
        if len(fresh) < len(rest):
            continue
        buffer, fresh = rest + fresh, b""
        stop, sound = _cut(buffer, grammar)
        yield from _some(buffer[:stop], line)
        line += line_ends(buffer[:stop])
        rest = buffer[stop:]
        if not sound:
            yield Block(rest, line, whole=False)
            return
        if len(rest) > limits.record_bytes:
            raise _too_long(rest, line, dialect, limits)
    yield from _last(rest + fresh, line, grammar)


def _last(data: bytes, line: int, grammar: Mapping[tuple[str, str], str]) -> Iterator[Block]:
    # Every record ends in a newline from here on, the last one too.
    data = data if data.endswith(b"\n") or not data else data + b"\n"
    stop, _ = _cut(data, grammar)
    yield from _some(data[:stop], line)
    if stop < len(data):
        yield Block(data[stop:], line + line_ends(data[:stop]), whole=False)


def _some(data: bytes, line: int) -> Iterator[Block]:
    if data:
        yield Block(data, line)


def _too_long(rest: bytes, line: int, dialect: Dialect, limits: Limits) -> RefusedError:
    # Short records may stand before the long one, in the piece that it begins in.
    for record in records(rest, line, dialect, limits.columns):
        line = record.line
    most = limits.record_bytes
    return malformed(line, f"a record of more than {most} bytes; is a quote left open?")


def _cut(buffer: bytes, grammar: Mapping[tuple[str, str], str]) -> tuple[int, bool]:
    """Where the last record known to be whole ends, and whether what was looked at is sound."""
    ends = _piece_ends(buffer)
    if not ends or QUOTE not in buffer:
        return (ends[-1] if ends else 0), True
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


def _piece_ends(buffer: bytes) -> list[int]:
    """Ends of pieces of about 256 KiB, each after a newline, the last after the last newline."""
    newline = b"\n" if b"\n" in buffer else b"\r"
    # Whether a CR at the very end is a CRLF, only the next chunk tells.
    final = buffer.rfind(newline, 0, len(buffer) - (newline == b"\r")) + 1
    ends: list[int] = []
    while not ends or ends[-1] < final:
        found = buffer.find(newline, (ends[-1] if ends else 0) + _PIECE_BYTES, final)
        ends.append(found + 1 if found >= 0 else final)
    return ends if final else []


def _pieces(buffer: bytes, ends: list[int]) -> pa.BinaryArray:
    offsets = pa.py_buffer(array("i", [0, *ends]))
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, offsets, pa.py_buffer(buffer)])
