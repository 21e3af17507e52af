"""Rows that were changed: which objects take the place of which, and when rows are found again."""

import msgspec
from builders import blob, event, given, item, registered, source
from deciding import COLUMNS, appended, code, ingest, ingested, restore, step, when

from journal.events import (
    Data,
    DatasetDropped,
    DatasetRestored,
    DatasetRewritten,
    ObjectsMarked,
    Replacement,
    RowStatement,
)
from lakehouse.admin.what_if import WhatIf
from lakehouse.domain.commands import RestoreDataset, RewriteDataset, Rewritten, UndoChange
from lakehouse.domain.decision import DataStep, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.undo import inverse
from projections.moment import Moment

STATEMENT = RowStatement(where="id = 1")
A = ingested("a", "p")
ONE_GONE = Replacement((blob("p"),), (item("p2", 4),), 0, 1)
ALL_GONE = Replacement((blob("p"),), (), 0, 5)


def delete(*replaced: Replacement, **more: object) -> RewriteDataset:
    work = Rewritten(1, "f1", frozenset({blob("p")}), replaced, uploaded=True)
    return RewriteDataset("A", "delete", STATEMENT, msgspec.structs.replace(work, **more))


def deleted(*replaced: Replacement, row_count: int | None = 4) -> DatasetRewritten:
    return DatasetRewritten(
        dataset_id("a"), "a", "delete", "f1", COLUMNS, replaced, row_count, statement=STATEMENT
    )


class TestDecided:
    def test_the_event_has_what_was_found_and_the_rows_of_the_whole(self) -> None:
        assert when(delete(ONE_GONE), A) == deleted(ONE_GONE)

    def test_the_rows_are_found_and_uploaded_first(self) -> None:
        command = RewriteDataset("a", "delete", STATEMENT)
        assert step(when(command, A)) is DataStep.FIND_ROWS
        assert step(when(delete(ONE_GONE, uploaded=False), A)) is DataStep.UPLOAD
        assert code(when(command)) == "dataset_not_found"

    def test_nothing_hit_is_no_event(self) -> None:
        assert when(delete(), A) == Unchanged(None)

    def test_objects_that_were_appended_since_then_are_searched_first(self) -> None:
        facts = (A, appended("a", "q"))
        assert step(when(delete(ONE_GONE), *facts)) is DataStep.FIND_ROWS
        searched = delete(ONE_GONE, examined=frozenset({blob("p"), blob("q")}))
        assert when(searched, *facts) == deleted(ONE_GONE, row_count=9)

    def test_a_count_that_is_not_known_stays_so(self) -> None:
        unknown = registered("a", item("p", None), schema=COLUMNS, row_count=None)
        assert when(delete(ONE_GONE), unknown) == deleted(ONE_GONE, row_count=None)

    def test_a_count_that_was_said_wrongly_is_not_known_any_more(self) -> None:
        wrong = registered("a", item("p", None), schema=COLUMNS, row_count=3)
        assert when(delete(ALL_GONE), wrong) == deleted(ALL_GONE, row_count=None)

    def test_of_two_changes_of_one_object_the_later_is_done_again(self) -> None:
        again = when(delete(ONE_GONE), A, deleted(ALL_GONE, row_count=0))
        assert step(again) is DataStep.FIND_ROWS

    def test_of_changes_of_different_objects_the_later_searches_what_the_first_wrote(self) -> None:
        """Each might make rows that the other would change: one must have been first."""
        facts = (A, appended("a", "q"), deleted(ONE_GONE, row_count=9))
        other = Replacement((blob("q"),), (item("q2", 3),), 0, 2)
        before = delete(other, examined=frozenset({blob("p"), blob("q")}))
        assert step(when(before, *facts)) is DataStep.FIND_ROWS
        searched = delete(other, examined=frozenset(map(blob, ("p", "q", "p2"))))
        assert when(searched, *facts) == deleted(other, row_count=7)

    def test_objects_of_before_that_came_back_are_searched(self) -> None:
        facts = (A, appended("a", "q"), DatasetRestored(1, *_content(A)))
        command = delete(ONE_GONE)
        back = (*facts, DatasetRestored(2, *_content(registered("a", item("p"), item("q")))))
        assert when(command, *facts) == deleted(ONE_GONE)
        assert step(when(command, *back)) is DataStep.FIND_ROWS

    def test_another_schema_lets_them_be_found_again(self) -> None:
        wider = msgspec.structs.replace(appended("a", "q"), schema_fingerprint="f2")
        assert step(when(delete(ONE_GONE), A, wider)) is DataStep.FIND_ROWS

    def test_what_gc_has_marked_is_uploaded_again(self) -> None:
        marked = ObjectsMarked("run", 1, (blob("p2"),))
        assert step(when(delete(ONE_GONE), A, marked)) is DataStep.UPLOAD_AGAIN


def _content(data: Data) -> tuple[object, ...]:
    names = [
        each for each in DatasetRestored.__struct_fields__ if each not in ("as_of_seq", "lineage")
    ]
    return tuple(getattr(data, name) for name in names)


class TestFolded:
    def test_successors_stand_where_the_objects_stood(self) -> None:
        was = registered("a", *map(item, "pqrs"), schema=COLUMNS, row_count=20)
        change = deleted(
            Replacement((blob("q"), blob("r")), (item("x", 4), item("y", 4)), 0, 2),
            Replacement((blob("s"),), (), 0, 5),
            row_count=13,
        )
        state = given(was, msgspec.structs.replace(change, added=(item("z", 0),)))
        live = state.catalog.datasets["a"]
        assert [each.blob for each in live.objects] == [*map(blob, "pxyz")]
        assert (live.row_count, live.seq, live.edited_seq) == (13, 2, 2)
        assert set(state.inventory.released) == {*map(blob, "qrs")}
        assert set(state.inventory.references) == {*map(blob, "pxyz")}
        assert set(state.inventory.keys) == {*map(blob, "pxyz")}

    def test_rows_that_only_moved_leave_the_content_as_it_came(self) -> None:
        moved = deleted(Replacement((blob("p"),), (item("x"),), 0, 0), row_count=5)
        assert given(A, moved).catalog.datasets["a"].edited_seq == 0

    def test_of_an_absent_dataset_nothing_is_folded(self) -> None:
        state = given(A, DatasetDropped("a", dataset_id("a")), deleted(ONE_GONE))
        assert not state.catalog.datasets
        assert blob("p2") not in state.inventory.blobs


class TestTheSameFileAgain:
    def test_it_replaces_a_dataset_with_deleted_rows(self) -> None:
        again = ingest("a", "p", read_under="f1")
        assert when(again, A) == Unchanged(1)
        assert when(again, A, deleted(ONE_GONE)) == A

    def test_it_replaces_a_dataset_that_was_restored_to_fewer_rows(self) -> None:
        facts = (A, deleted(ONE_GONE), DatasetDropped("a", dataset_id("a")))
        back = when(restore("a", 2, *facts), *facts)
        assert isinstance(back, DatasetRestored)
        assert when(ingest("a", "p", read_under="f1"), *facts, back) == A

    def test_an_append_that_is_deduplicated_knows_its_source_still(self) -> None:
        again = ingest("a", "p", mode="append", dedupe=True, read_under="f1")
        assert when(again, A, deleted(ONE_GONE)) == Unchanged(1)


class TestUndone:
    def test_it_brings_the_rows_back(self) -> None:
        facts = (A, deleted(ONE_GONE))
        undone = inverse(facts[1], given(A))
        assert isinstance(undone, RestoreDataset)
        back = when(UndoChange(2, facts[1], undone), *facts)
        assert given(*facts, back).catalog.datasets["a"].objects == (item("p"),)

    def test_a_later_change_blocks_it(self) -> None:
        facts = (A, deleted(ONE_GONE), appended("a", "q"))
        undone = inverse(facts[1], given(A))
        assert not isinstance(undone, Refused)
        assert code(when(UndoChange(2, facts[1], undone), *facts)) == "undo_conflict"


class TestWhatIf:
    def _without(self, seq: int, *facts: Data) -> WhatIf:
        states = [given(*facts[:count]) for count in range(len(facts) + 1)]
        what_if = WhatIf(states[0], frozenset({seq}))
        for place, fact in enumerate(facts, 1):
            what_if.add(event(states[place - 1], fact), Moment(place, place, "t"))
        return what_if

    def test_without_the_append_the_rows_of_the_rest_are_deleted_all_the_same(self) -> None:
        what_if = self._without(2, A, appended("a", "q"), deleted(ONE_GONE, row_count=9))
        live = what_if.now.catalog.datasets["a"]
        assert (live.objects, live.row_count) == ((item("p2", 4),), 4)
        assert what_if.left == []

    def test_without_the_object_the_change_is_left_out(self) -> None:
        facts = (A, ingested("a", "q"), deleted(Replacement((blob("q"),), (), 0, 5), row_count=0))
        what_if = self._without(2, *facts)
        assert [(each.seq, each.code) for each in what_if.left] == [(3, "object_missing")]
        assert what_if.now.catalog.datasets["a"].objects == (item("p"),)


def test_a_source_that_was_restored_keeps_its_place_for_dedupe() -> None:
    many = (A, appended("a", "q"), DatasetDropped("a", dataset_id("a")))
    back = when(restore("a", 2, *many), *many)
    assert isinstance(back, DatasetRestored)
    state = given(*many, back, deleted(ONE_GONE, row_count=9))
    assert [each.seq for each in state.catalog.datasets["a"].sources] == [4]
    assert source("p").sha256 not in {each.sha256 for each in state.catalog.datasets["a"].sources}
