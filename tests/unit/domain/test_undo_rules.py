"""Undo: the inverse of each event, and which later changes are in its way."""

import pytest
from builders import blob, given, item, stored
from deciding import appended, code, ingested, restore, step, when

from journal.events import (
    Data,
    DatasetDropped,
    DatasetPinned,
    DatasetRestored,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
)
from lakehouse.domain.commands import DropDataset, ForgetObject, LastChange, StoreObject, UndoChange
from lakehouse.domain.decision import DataStep, Decision
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.undo import inverse

PIN = DatasetPinned("w", 1, (blob("p"),))
UNPIN = DatasetUnpinned("w", 1)
DROP = DatasetDropped("w", dataset_id("w"))


def undo(seq: int, *facts: Data, last_change: tuple[int, int] | None = None) -> Decision:
    """Of event `seq` of these facts, on the state after all of them."""
    undone = inverse(facts[seq - 1], given(*facts[: seq - 1]))
    assert not isinstance(undone, Refused), undone
    known = (LastChange("dataset:w", *last_change),) if last_change else ()
    return when(UndoChange(seq, facts[seq - 1], undone, known), *facts)


class TestDatasets:
    def test_a_first_registration_is_undone_by_a_drop(self) -> None:
        assert undo(1, ingested("w", "p")) == DROP

    @pytest.mark.parametrize("later", [ingested("w", "q"), appended("w", "q"), DROP])
    def test_the_last_change_is_undone_by_a_restore(self, later: Data) -> None:
        decision = undo(2, ingested("w", "p"), later)
        assert isinstance(decision, DatasetRestored)
        assert (decision.as_of_seq, decision.objects) == (1, (item("p"),))

    @pytest.mark.parametrize("later", [ingested("w", "r"), appended("w", "r")])
    def test_a_later_change_of_its_rows_is_in_the_way(self, later: Data) -> None:
        decision = undo(2, ingested("w", "p"), appended("w", "q"), later)
        assert code(decision) == "undo_conflict"
        assert isinstance(decision, Refused)
        assert "event 3 changed w after event 2" in decision.detail

    @pytest.mark.parametrize("later", [(PIN,), (PIN, UNPIN), (UNPIN, PIN, UNPIN)])
    def test_pins_are_never_in_the_way(self, later: tuple[Data, ...]) -> None:
        decision = undo(2, ingested("w", "p"), appended("w", "q"), *later)
        assert isinstance(decision, DatasetRestored)

    def test_other_datasets_are_never_in_the_way(self) -> None:
        assert undo(1, ingested("w", "p"), ingested("v", "q"), stored("k")) == DROP

    def test_behind_a_pin_of_a_dropped_dataset_the_last_change_is_looked_up(self) -> None:
        facts = (ingested("w", "p"), DROP, PIN)
        assert step(undo(2, *facts)) is DataStep.FIND_LAST_CHANGE
        stale = undo(2, *facts, UNPIN, last_change=(3, 2))
        assert step(stale) is DataStep.FIND_LAST_CHANGE
        assert isinstance(undo(2, *facts, last_change=(3, 2)), DatasetRestored)
        assert code(undo(1, *facts, last_change=(3, 2))) == "undo_conflict"

    def test_what_gc_has_marked_since_cannot_be_restored(self) -> None:
        facts = (ingested("w", "p"), DROP, ObjectsMarked("r", 2, (blob("p"),)))
        assert code(undo(2, *facts)) == "objects_collected"


class TestKeys:
    def test_a_first_version_is_undone_by_a_delete(self) -> None:
        assert undo(1, stored("k")) == ObjectForgotten("k")

    def test_another_version_is_undone_by_the_one_before(self) -> None:
        assert undo(2, stored("k", "1"), stored("k", "2")) == stored("k", "1")

    def test_a_delete_is_undone_by_the_version_before(self) -> None:
        assert undo(2, stored("k", "1"), ObjectForgotten("k")) == stored("k", "1")

    def test_later_versions_and_deletes_are_in_the_way(self) -> None:
        assert code(undo(1, stored("k", "1"), stored("k", "2"))) == "undo_conflict"
        assert code(undo(1, stored("k", "1"), ObjectForgotten("k"))) == "undo_conflict"
        gone = (stored("k", "1"), ObjectForgotten("k"), stored("k", "2"))
        decision = undo(2, *gone)
        assert isinstance(decision, Refused)
        assert decision.detail.startswith("event 3 changed key 'k' after event 2")

    def test_a_version_that_gc_has_marked_is_not_stored_again(self) -> None:
        marked = ObjectsMarked("r", 2, (blob("1"),))
        decision = undo(2, stored("k", "1"), stored("k", "2"), marked)
        assert code(decision) == "objects_collected"
        assert isinstance(decision, Refused)
        assert "event 3" in decision.detail

    def test_a_key_that_came_from_an_ingest_is_stored_with_a_type_of_bytes(self) -> None:
        state = given(ingested("w", "p"))
        assert inverse(ObjectForgotten(blob("p")), state) == StoreObject(
            blob("p"), 10, item("p").sha256, "application/octet-stream", blob("p")
        )


class TestPins:
    def test_a_pin_is_undone_by_an_unpin(self) -> None:
        assert undo(2, ingested("w", "p"), PIN, appended("w", "q")) == UNPIN

    def test_a_pin_that_is_no_more_is_not_undone(self) -> None:
        assert code(undo(2, ingested("w", "p"), PIN, UNPIN)) == "pin_not_found"

    def test_a_later_pin_of_the_same_version_is_in_the_way(self) -> None:
        assert code(undo(2, ingested("w", "p"), PIN, UNPIN, PIN)) == "undo_conflict"


@pytest.mark.parametrize(
    "final",
    [
        ObjectsMarked("r", 1, ()),
        ObjectsCollected("r", ()),
        UNPIN,
        FormatRaised(1),
        LakeAdopted(1, "a" * 64, ""),
    ],
    ids=lambda each: each.TYPE,
)
def test_some_events_have_no_inverse(final: Data) -> None:
    refused = inverse(final, given())
    assert isinstance(refused, Refused)
    assert refused.code == "cannot_undo"
    assert refused.detail.startswith(f"{final.TYPE}: ")
    command = UndoChange(1, final, ForgetObject("absent"))
    assert code(when(UndoChange(1, final, DropDataset("absent")))) == "dataset_not_found"
    assert not isinstance(when(command), ObjectStored)


def test_a_restore_is_undone_by_a_restore() -> None:
    facts = (ingested("w", "p"), appended("w", "q"))
    back = when(restore("w", 1, *facts), *facts)
    assert isinstance(back, DatasetRestored)
    decision = undo(3, *facts, back)
    assert isinstance(decision, DatasetRestored)
    assert decision.objects == (item("p"), item("q"))
