"""Each line of a stream comes in once: which group follows, by what is committed under its key."""

import msgspec
from builders import EMPTY, context, event, slot
from deciding import appended, code, ingest

from journal.event_parts import line_after
from journal.events import DatasetAppended, Source
from lakehouse.domain.commands import Context, IngestDataset
from lakehouse.domain.decide import decide
from projections.fold import State, fold

KEYED = context("k")


def streamed(lines: str, key: str | None = "k") -> State:
    """A state in which these lines of a stream are committed."""
    data = msgspec.structs.replace(appended("d", "p1"), source=Source("s", 1, (("lines", lines),)))
    return fold(EMPTY, slot(EMPTY, event(EMPTY, data, key=key)))


def group(first: int) -> IngestDataset:
    return ingest("d", "p2", mode="append", first_line=first, read_under="f1")


def is_event(state: State, command: IngestDataset, context: Context) -> bool:
    return isinstance(decide(state, command, context), DatasetAppended)


def test_the_group_after_the_last_is_committed_under_the_same_key() -> None:
    assert is_event(streamed("1-5"), group(5), KEYED)


def test_a_group_that_came_already_or_leaves_a_gap_is_not_committed() -> None:
    for first in (1, 4, 6):
        assert code(decide(streamed("1-5"), group(first), KEYED)) == "not_committed"


def test_a_new_stream_begins_with_line_1() -> None:
    first = msgspec.structs.replace(group(1), read_under=None)
    assert is_event(EMPTY, first, KEYED)
    later = msgspec.structs.replace(first, first_line=2)
    assert code(decide(EMPTY, later, KEYED)) == "not_committed"


def test_a_key_of_another_request_is_refused() -> None:
    decision = decide(streamed("1-5"), group(5), context("k", "another"))
    assert code(decision) == "idempotency_key_reused"


def test_without_a_key_any_group_is_committed() -> None:
    for first in (1, 5, 9):
        assert is_event(streamed("1-5", None), group(first), context())


def test_the_line_after_a_group_is_read_from_its_source() -> None:
    data = appended("d", "p1")
    assert line_after(data) == 0
    for lines, after in (("1-5", 5), ("5-500", 500), ("", 0), ("x-y", 0)):
        source = Source("s", 1, (("format", "ndjson"), ("lines", lines)))
        assert line_after(msgspec.structs.replace(data, source=source)) == after
