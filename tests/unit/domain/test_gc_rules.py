"""Marks, removals and pins: what decide lets happen to what nothing refers to."""

from builders import blob, context, given, item, registered, stored

from journal.events import (
    Data,
    DatasetDropped,
    DatasetPinned,
    DatasetUnpinned,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
)
from lakehouse.domain.commands import (
    Command,
    MarkObjects,
    PinDataset,
    RecordCollected,
    UnpinDataset,
)
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused

DROPPED = (registered("w", item("p")), DatasetDropped("w", "id"))


def when(command: Command, *facts: Data) -> Decision:
    return decide(given(*facts), command, context())


def mark(cutoff_seq: int, *names: str) -> MarkObjects:
    return MarkObjects("run", cutoff_seq, tuple(map(blob, names)))


class TestMark:
    def test_what_nothing_needs_since_the_cutoff_is_marked(self) -> None:
        assert when(mark(2, "p"), *DROPPED) == ObjectsMarked("run", 2, (blob("p"),))

    def test_what_was_given_up_after_the_cutoff_is_kept(self) -> None:
        assert when(mark(1, "p"), *DROPPED) == Unchanged(None)

    def test_what_is_needed_is_dropped_from_the_list(self) -> None:
        facts = (*DROPPED, stored("a"), registered("v", item("q")))
        assert when(mark(4, "p", "a", "q"), *facts) == ObjectsMarked("run", 4, (blob("p"),))

    def test_what_was_needed_again_meanwhile_is_kept(self) -> None:
        facts = (*DROPPED, registered("w", item("p")))
        assert when(mark(2, "p"), *facts) == Unchanged(None)
        again = (*facts, DatasetDropped("w", "id"))
        assert when(mark(2, "p"), *again) == Unchanged(None)

    def test_an_object_that_was_never_registered_is_marked(self) -> None:
        assert when(mark(0, "orphan")) == ObjectsMarked("run", 0, (blob("orphan"),))

    def test_a_mark_is_made_once(self) -> None:
        marked = ObjectsMarked("other", 2, (blob("p"),))
        assert when(mark(2, "p"), *DROPPED, marked) == Unchanged(None)
        gone = ObjectsCollected("other", (blob("p"),))
        assert when(mark(2, "p"), *DROPPED, marked, gone) == Unchanged(None)

    def test_a_version_that_a_dataset_holds_under_a_user_s_key_is_kept(self) -> None:
        held = (stored("a"), registered("w", item("a", own_key=False)), ObjectForgotten("a"))
        assert when(mark(3, "a"), *held) == Unchanged(None)
        free = (*held, DatasetDropped("w", "id"))
        assert isinstance(when(mark(4, "a"), *free), ObjectsMarked)


class TestRecord:
    def test_only_what_is_marked_can_be_called_collected(self) -> None:
        command = RecordCollected("run", (blob("p"), blob("q")))
        marked = ObjectsMarked("run", 2, (blob("p"),))
        assert when(command, *DROPPED, marked) == ObjectsCollected("run", (blob("p"),))
        gone = ObjectsCollected("run", (blob("p"),))
        assert when(command, *DROPPED, marked, gone) == Unchanged(None)


class TestPin:
    WAS = given(*DROPPED[:1]).catalog.datasets["w"]
    PINNED = DatasetPinned("w", 1, (blob("p"),))

    def test_what_is_pinned_is_never_marked(self) -> None:
        assert when(PinDataset(1, self.WAS), *DROPPED) == self.PINNED
        assert when(mark(3, "p"), *DROPPED, self.PINNED) == Unchanged(None)

    def test_once_is_enough(self) -> None:
        assert when(PinDataset(1, self.WAS), *DROPPED, self.PINNED) == Unchanged(3)

    def test_what_is_given_up_cannot_be_pinned(self) -> None:
        marked = ObjectsMarked("run", 2, (blob("p"),))
        decision = when(PinDataset(1, self.WAS), *DROPPED, marked)
        assert isinstance(decision, Refused)
        assert decision.code == "objects_collected"

    def test_without_its_pin_it_may_go(self) -> None:
        unpinned = DatasetUnpinned("W", 1)
        assert when(UnpinDataset("W", 1), *DROPPED, self.PINNED) == unpinned
        facts = (*DROPPED, self.PINNED, unpinned)
        assert isinstance(when(mark(2, "p"), *facts), ObjectsMarked)
        decision = when(UnpinDataset("w", 1), *facts)
        assert isinstance(decision, Refused)
        assert decision.code == "pin_not_found"

    def test_of_two_pins_each_keeps_it(self) -> None:
        other = DatasetPinned("v", 9, (blob("p"),))
        facts = (*DROPPED, self.PINNED, other, DatasetUnpinned("w", 1))
        assert when(mark(2, "p"), *facts) == Unchanged(None)
