"""When an erasure is decided, and what other changes make of erased objects."""

import msgspec
from builders import blob, given, item, registered, stored
from deciding import code, step, when

from journal.events import (
    DatasetDropped,
    DatasetPinned,
    DatasetRestored,
    Erased,
    Object,
    ObjectForgotten,
    ObjectsMarked,
    ObjectStored,
    RowsErased,
)
from lakehouse.domain.commands import (
    EraseRows,
    PinDataset,
    RestoreDataset,
    StoreObject,
    UndoChange,
)
from lakehouse.domain.decision import DataStep, Unchanged
from lakehouse.domain.rules.undo import inverse

P = registered("w", item("p"))


def erase(*pairs: tuple[str, Object | None], staged: tuple[Erased, ...] = ()) -> EraseRows:
    replaced = tuple(Erased(blob(was), by, 1) for was, by in pairs)
    return EraseRows("w", replaced, staged, "0" * 64, 1)


def done(was: str, by: Object | None) -> RowsErased:
    return RowsErased(("w",), (Erased(blob(was), by, 1),), "0" * 64, 1, 1)


def test_it_names_each_live_dataset_that_holds_such_an_object() -> None:
    decision = when(erase(("p", item("p2"))), P, registered("v", item("p")))
    assert decision == msgspec.structs.replace(done("p", item("p2")), names=("w", "v"))


def test_without_rows_nothing_happens() -> None:
    assert when(erase(), P) == Unchanged(None)


def test_rows_are_found_again_when_an_object_was_replaced_or_marked() -> None:
    command = erase(("p", item("p2")))
    assert step(when(command, P, done("p", item("other")))) is DataStep.FIND_ROWS
    marked = [P, DatasetDropped("w", "id"), ObjectsMarked("run", 2, (blob("p"),))]
    assert step(when(command, *marked)) is DataStep.FIND_ROWS
    assert step(when(command, P, ObjectsMarked("run", 1, (blob("p2"),)))) is DataStep.FIND_ROWS


def test_a_staged_file_that_was_committed_meanwhile_is_not_discarded() -> None:
    command = erase(staged=(Erased(blob("p"), None, 2),))
    assert step(when(command, P)) is DataStep.FIND_ROWS
    decision = when(command, registered("w", item("q")))
    assert isinstance(decision, RowsErased)
    assert (decision.replaced, decision.rows) == ((Erased(blob("p"), None, 2),), 2)


def test_an_erasure_cannot_be_undone() -> None:
    refused = inverse(done("p", item("p2")), given(P))
    assert code(refused) == "cannot_undo"  # type: ignore[arg-type]


def test_an_erasure_does_not_stand_in_the_way_of_undoing_what_came_before() -> None:
    facts = [P, registered("w", item("q")), done("p", item("p2"))]
    undone = inverse(facts[1], given(P))
    decision = when(UndoChange(2, facts[1], undone), *facts)  # type: ignore[arg-type]
    assert isinstance(decision, DatasetRestored)
    assert decision.objects == (item("p2"),)


def test_a_restore_that_was_asked_before_the_erasure_brings_the_successor() -> None:
    facts = [P, DatasetDropped("w", "id"), done("p", item("p2"))]
    was = given(P).catalog.datasets["w"]
    decision = when(RestoreDataset(1, was), *facts)
    assert isinstance(decision, DatasetRestored)
    assert decision.objects == (item("p2"),)
    pinned = when(PinDataset(1, was), *facts)
    assert isinstance(pinned, DatasetPinned)
    assert pinned.blobs == (blob("p2"),)


def test_a_key_that_is_brought_back_names_the_successor() -> None:
    by = msgspec.structs.replace(item("p2"), key="raw")
    facts = [stored("raw"), registered("w", item("raw", own_key=False)), done("raw", by)]
    gone = [*facts, DatasetDropped("w", "id"), ObjectForgotten("raw")]
    command = StoreObject("raw", 10, item("raw").sha256, "text/plain", blob("raw"))
    decision = when(command, *gone)
    assert isinstance(decision, ObjectStored)
    assert (decision.blob, decision.sha256) == (blob("p2"), item("p2").sha256)
