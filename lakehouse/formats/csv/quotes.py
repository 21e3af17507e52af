"""Where the last whole record of a buffer of CSV ends, by the positions of quotes alone.

It answers for text whose every quote opens a field, closes one or is doubled inside one, as nearly
all text is; for any other it answers None, and the automaton of the dialect decides. It takes half
of the time of the automaton, which visits every byte.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import SupportsInt

import pyarrow as pa
import pyarrow.compute as pc

_QUOTE, _RETURN, _NEWLINE = b'"\r\n'
_QUOTES = re.compile(b'"')
_SHORT_BYTES = 64 * 1024
"""For shorter text the calls of Arrow's kernels take longer than their work."""
_MOST_FIELDS = 1_000
"""Quoted fields behind the last record's end; beyond, the automaton is the cheaper one."""
_WINDOW_BYTES = 1 << 18


def last_end(data: bytes, delimiter: str, final: int) -> int | None:
    """The end of the last record that ends at or before `final`; 0 where none does.

    `data` begins at a record's start and holds a quote; `final` is the end of a line or 0. None
    where some quote is of another kind, or too many quoted fields follow the last end.
    """
    if len(data) <= _SHORT_BYTES:
        return _last_end_of_short(data, delimiter, final)
    values = _bytes(data)
    places = _places(_is(values, _QUOTE))
    if len(places) % 2:
        places = pa.concat_arrays([places, pa.array([len(data)], places.type)])
    opens, closes = (_every_other(places, bits) for bits in (b"\x55", b"\xaa"))
    return (
        _last_gap(data, opens, closes, final)
        if _regular(values, opens, closes, delimiter)
        else None
    )


def _last_end_of_short(data: bytes, delimiter: str, final: int) -> int | None:
    places = [quote.start() for quote in _QUOTES.finditer(data)]
    places += [len(data)] * (len(places) % 2)
    opens, closes = places[::2], places[1::2]
    before = (data[place - 1] for place in opens if place)
    after = (data[place + 1] for place in closes if place + 1 < len(data))
    borders = (ord(delimiter), _RETURN, _NEWLINE, _QUOTE)
    if not all(byte in borders for byte in chain(before, after)):
        return None
    return _last_gap(data, opens, closes, final)


def _regular(values: pa.Array, opens: pa.Array, closes: pa.Array, delimiter: str) -> bool:
    """Whether each quote has the neighbours that its turn, opening or closing, asks for.

    From a record's start on it follows that the turns are right: between a close and the next
    open no quote stands, so that one is at a field's start where a delimiter or a line's end
    stands before it, and a close that another quote follows at once is one half of a doubled one.
    """
    borders = _borders(delimiter)
    first, last = opens[0].as_py(), closes[-1].as_py()
    edges = [*([first - 1] if first else []), *([last + 1] if last + 1 < len(values) else [])]
    after_close, before_open = (
        pc.add(closes.slice(0, len(closes) - 1), 1),
        pc.subtract(opens.slice(1), 1),
    )
    return all(
        pc.all(borders.take(values.take(places)), min_count=0).as_py()
        for places in (after_close, before_open, pa.array(edges, opens.type))
    )


def _last_gap(
    data: bytes, opens: Sequence[SupportsInt], closes: Sequence[SupportsInt], final: int
) -> int | None:
    """The end of the last line outside quotes, sought from the end, one gap after the other."""
    newline, stop = data[final - 1 : final], final
    for index in range(len(closes) - 1, max(-1, len(closes) - 1 - _MOST_FIELDS), -1):
        found = data.rfind(newline, int(closes[index]) + 1, stop)
        if found >= 0:
            return found + 1
        stop = min(final, int(opens[index]))
    return data.rfind(newline, 0, stop) + 1 if len(closes) <= _MOST_FIELDS else None


def _places(mask: pa.BooleanArray) -> pa.Int64Array:
    """Where it is true. To filter numbers that are there costs a third of `indices_nonzero`."""
    numbers = _numbers()
    starts = range(0, len(mask), len(numbers))
    windows = ((start, mask.slice(start, len(numbers))) for start in starts)
    return pa.concat_arrays(
        [pc.add(numbers.slice(0, len(each)).filter(each), start) for start, each in windows]
    )


def _every_other(places: pa.Array, bits: bytes) -> pa.Array:
    """Those places whose bit is set, the first one's being the lowest of the first byte."""
    mask = pa.py_buffer(bits * (len(places) // 8 + 1))
    return places.filter(pa.Array.from_buffers(pa.bool_(), len(places), [None, mask]))


@lru_cache(1)
def _numbers() -> pa.Int64Array:
    """0, 1, 2, … for a window."""
    ones = pa.repeat(pa.scalar(1, pa.int64()), _WINDOW_BYTES)
    return pc.subtract(pc.cumulative_sum(ones), 1)


@lru_cache(8)
def _borders(delimiter: str) -> pa.BooleanArray:
    """By byte: whether it may be next to a quote that opens or closes a field."""
    borders = {ord(delimiter), _RETURN, _NEWLINE, _QUOTE}
    return pa.array([byte in borders for byte in range(256)])


def _bytes(data: bytes) -> pa.Array:
    return pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])


def _is(values: pa.Array, byte: int) -> pa.Array:
    return pc.equal(values, pa.scalar(byte, pa.uint8()))
