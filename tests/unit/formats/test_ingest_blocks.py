"""Blocks: where text is cut into whole records, by two ways that must agree, and how it is again."""

from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse.formats.csv import blocks as module
from lakehouse.formats.csv import quotes
from lakehouse.formats.csv.blocks import Block, LineOf, blocks, first_line, reread_blocks
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.line_count import LineCount
from lakehouse.formats.csv.quotes import last_end
from lakehouse.formats.csv.record_scanner import line_ends
from lakehouse.formats.limits import IngestLimits

COMMA = Dialect(",", "utf-8")
SOUP = st.lists(st.sampled_from(['"', '""', ",", "\n", "\r", "\r\n", "x", '"a"', '"b\n"']))

BY_KERNELS = patch.object(quotes, "_SHORT_BYTES", -1)
"""As a long text is looked at."""


@given(SOUP.map("".join))
@example('"a\n",b\n"c\n')
@example('"a"b",\n')
@example('a"b\n"c"\n')
@example('"",""\n"')
def test_the_look_at_quotes_agrees_with_the_automaton(text: str) -> None:
    data = text.encode()
    final = module._final(data)
    if final and b'"' in data:
        # A piece a line, so that it sees every end of a record.
        with patch.object(module, "_PIECE_BYTES", 0):
            stop, sound = module._cut_by_automaton(data, final, COMMA)
        found = last_end(data, ",", final)
        assert found in (None, *((stop,) if sound else ()))
        with BY_KERNELS:
            assert last_end(data, ",", final) == found


@pytest.mark.parametrize("text", ['a,"b"\n', '"a ""b"" c",\n"x\ny"\n', '"",""""\n1,2\n'])
def test_usual_quotes_need_no_automaton(text: str) -> None:
    assert last_end(text.encode(), ",", len(text)) == len(text)


@pytest.mark.parametrize("text", ['a"b\n', '"a"b\n', 'a "b"\n', '"a" \n', '"a"\n"b"c\n"d"\n'])
def test_other_quotes_need_it(text: str) -> None:
    assert last_end(text.encode(), ",", len(text)) is None


def test_an_end_that_is_far_to_seek_is_the_automatons() -> None:
    far = b"x\n" + b'"a",' * 5_000 + b'"b\n'
    assert last_end(far, ",", len(far)) is None
    with BY_KERNELS:
        assert last_end(far, ",", len(far)) is None
    assert [block.whole for block in _cut([far + b'"\n'])] == [True]
    assert [block.whole for block in _cut([far])] == [False]


@given(
    st.lists(st.sampled_from(['"a\nb"', "x,y", "", '"""",z', "long" * 9]), min_size=1),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(1, 20), min_size=1),
    st.integers(0, 5),
    st.booleans(),
)
def test_blocks_are_found_again_in_other_chunks(
    lines: list[str], end: str, sizes: list[int], skipped: int, automaton: bool
) -> None:
    data = (end.join(lines) + end).encode().rstrip(b"\r\n") + end.encode() * skipped
    with patch.object(module, "last_end", (lambda *_: None) if automaton else last_end):
        found = _cut(_chunks(data, sizes))
    assert b"".join(block.data for block in found).rstrip(b"\r\n") == data.rstrip(b"\r\n")
    wanted = found[skipped:]
    again = reread_blocks(
        _chunks(data, sizes[::-1]), [block.range() for block in wanted], first_line
    )
    assert list(again) == wanted


@given(
    st.lists(st.sampled_from(["x", "\n", "\r", "\r\n", "\n\n"]), max_size=12),
    st.lists(st.integers(0, 3), min_size=1).filter(any),
    st.lists(st.integers(0, 12), max_size=6),
)
@example(["\r\n"], [1], [2])
@example(["x", "\r\n", "x"], [2, 0, 1], [3, 1])
def test_the_line_of_an_offset_is_that_of_the_text_before_it(
    parts: list[str], sizes: list[int], places: list[int]
) -> None:
    data = "".join(parts).encode()
    texts = list[int]()

    def text() -> list[bytes]:
        texts.append(1)
        return _chunks(data, sizes)

    count = LineCount(text)
    assert texts == []
    for place in places:
        start = len("".join(parts[:place]).encode())
        assert count.at(start) == 1 + line_ends(data[:start])
    assert len(texts) <= max(1, len(places))


def test_each_block_knows_its_line_and_its_place() -> None:
    data = b'a\r\n"b\nc"\r\nd\r\n'
    found = _cut([data[:9], data[9:]], LineCount(lambda: [data]).at)
    assert [(block.line, block.start, block.data) for block in found] == [
        (1, 0, b"a\r\n"),
        (2, 3, b'"b\nc"\r\nd\r\n'),
    ]


def _cut(chunks: list[bytes], lines: LineOf = first_line) -> list[Block]:
    return list(blocks(chunks, COMMA, IngestLimits(), lines))


def _chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks, start = [], 0
    while start < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[start : start + size])
        start += size
    return chunks
