"""Where the lines of a stream are cut into groups, and when these are due."""

from lakehouse.service.streaming.line_buffer import Group, LineBuffer


def buffer(first: int = 1) -> LineBuffer:
    return LineBuffer(first, group_bytes=10, wait_s=1.0)


def test_a_group_has_the_whole_lines_and_is_due_by_its_oldest_row() -> None:
    lines = buffer(5)
    lines.add(b"ab", 1.0)
    assert (lines.due_s, lines.take()) == (None, None)
    lines.add(b"c\nde", 2.0)
    lines.add(b"f\ng", 2.5)
    assert lines.due_s == 3.0
    assert lines.take() == Group(b"abc\ndef\n", 5, 7)
    assert (lines.due_s, lines.open_bytes, lines.next_line) == (None, 1, 7)
    lines.add(b"\n", 4.0)
    assert (lines.due_s, lines.take()) == (5.0, Group(b"g\n", 7, 8))


def test_only_whole_lines_make_a_group_full() -> None:
    lines = buffer()
    lines.add(b"0123456789", 0.0)
    assert not lines.is_full
    lines.add(b"\n", 0.0)
    assert lines.is_full


def test_empty_lines_are_counted_and_not_kept() -> None:
    lines = buffer()
    lines.add(b"\n \r\n\t\n", 0.0)
    assert (len(lines), lines.due_s, lines.next_line) == (0, None, 4)
    lines.add(b"\nx\n", 1.0)
    assert lines.take() == Group(b"\nx\n", 1, 6)


def test_the_end_ends_a_last_line() -> None:
    lines = buffer()
    lines.add(b"a\nb", 0.0)
    lines.end(0.0)
    lines.end(0.0)
    assert lines.take() == Group(b"a\nb\n", 1, 3)
    assert lines.take() is None


def test_lines_that_are_committed_are_passed_over_wherever_they_are_cut() -> None:
    text = b"one\n\nthree\nfour\nfive"
    for size in range(1, len(text) + 1):
        lines = LineBuffer(2, group_bytes=1000, wait_s=1.0, next_line=5)
        for at in range(0, len(text), size):
            lines.add(text[at : at + size], 0.0)
        lines.end(0.0)
        assert lines.take() == Group(b"four\nfive\n", 5, 7), size


def test_a_stream_may_end_within_the_lines_that_are_committed() -> None:
    for text, next_line in ((b"a\nb", 3), (b"a\nb\n", 3), (b"a", 2), (b"", 1)):
        lines = LineBuffer(1, group_bytes=1000, wait_s=1.0, next_line=9)
        lines.add(text, 0.0)
        lines.end(0.0)
        assert (lines.take(), lines.next_line) == (None, next_line)
