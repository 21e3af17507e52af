"""Compaction as a decision: what wins over it, what it leaves as it was, and what undo does after it."""

import msgspec
import pytest
from builders import blob, event, given, item, registered, schema
from deciding import COLUMNS, appended, code, ingest, ingested, restore, step, when

from journal.event_lines import decode_event, encode_event
from journal.event_parts import version_of
from journal.events import (
    COMPACT,
    Data,
    DatasetDropped,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    Derivation,
    Lineage,
    ObjectsCollected,
    ObjectsMarked,
    Read,
    Replacement,
    RowRange,
)
from lakehouse.admin.what_if import WhatIf
from lakehouse.domain.commands import RestoreDataset, UndoChange
from lakehouse.domain.decision import DataStep, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rows.commands import CompactDataset, Retyped
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.derivations import has_changed
from lakehouse.domain.rules.undo import inverse
from projections import catalog
from projections.moment import Moment

A = ingested("a", "p")
THREE = (A, appended("a", "q"), appended("a", "r"))
WIDE = schema(id="int64", zip="int32")


def compaction(*parts: str, into: str = "w", **more: object) -> CompactDataset:
    blobs, rows = tuple(map(blob, parts)), (5,) * len(parts)
    command = CompactDataset("A", "f1", blobs, rows, (item(into, sum(rows)),))
    return msgspec.structs.replace(command, **more)


def compacted(*parts: str, into: str = "w", row_count: int | None = 15) -> DatasetRewritten:
    rows = (5,) * len(parts)
    made = Replacement(tuple(map(blob, parts)), (item(into, sum(rows)),), 0, 0, rows)
    return DatasetRewritten(dataset_id("a"), "a", COMPACT, "f1", COLUMNS, (made,), row_count)


class TestDecided:
    def test_the_event_keeps_schema_and_count_and_names_the_rows_of_each_object(self) -> None:
        assert when(compaction("q", "r"), *THREE) == compacted("q", "r")

    def test_an_append_meanwhile_is_no_obstacle(self) -> None:
        assert when(compaction("p", "q"), *THREE) == compacted("p", "q")

    @pytest.mark.parametrize(
        "meanwhile",
        [
            DatasetDropped("a", dataset_id("a")),
            compacted("q", "r", into="x"),
            DatasetRewritten(
                dataset_id("a"), "a", "delete", "f1", COLUMNS,
                (Replacement((blob("q"),), (), 0, 5),), 10,
            ),
            msgspec.structs.replace(appended("a", "s"), schema_fingerprint="f2"),
            ingested("a", "z"),
        ],
    )  # fmt: skip
    def test_any_other_change_of_the_objects_wins(self, meanwhile: Data) -> None:
        assert step(when(compaction("q", "r"), *THREE, meanwhile)) is DataStep.PLAN_AGAIN

    @pytest.mark.parametrize("parts", [("p", "r"), ("q", "p"), ("p", "p"), ("r", "x")])
    def test_only_objects_that_stand_together_in_this_order(self, parts: tuple[str, ...]) -> None:
        assert step(when(compaction(*parts), *THREE)) is DataStep.PLAN_AGAIN

    def test_an_object_that_the_dataset_holds_twice_stays(self) -> None:
        twice = registered("a", item("p"), item("q"), item("p"), schema=COLUMNS)
        assert step(when(compaction("p", "q"), twice)) is DataStep.PLAN_AGAIN

    def test_another_number_of_rows_is_a_fault(self) -> None:
        with pytest.raises(ValueError, match="number of its rows"):
            when(compaction("p", "q", by=(item("w", 9),)), *THREE)

    def test_what_gc_has_marked_is_uploaded_again(self) -> None:
        marked = ObjectsMarked("run", 1, (blob("w"),))
        assert step(when(compaction("p", "q"), *THREE, marked)) is DataStep.UPLOAD_AGAIN

    def test_the_schema_changes_once_no_other_object_is_left(self) -> None:
        retyped = Retyped(WIDE, "f9", frozenset({blob("p")}))
        changed = when(compaction("q", "r", retyped=retyped), *THREE)
        assert isinstance(changed, DatasetRewritten)
        assert (changed.schema, changed.schema_fingerprint) == (WIDE, "f9")
        more = (*THREE, appended("a", "s"))
        kept = compacted("q", "r", row_count=20)
        assert when(compaction("q", "r", retyped=retyped), *more) == kept


class TestFolded:
    def test_only_the_objects_and_the_last_event_differ(self) -> None:
        was = given(*THREE).catalog.datasets["a"]
        now = given(*THREE, compacted("p", "q", "r")).catalog.datasets["a"]
        assert now.objects == (item("w", 15),)
        assert (now.seq, now.rows_seq, catalog.last_change(now)) == (4, 3, 3)
        same = {"objects": (), "seq": 0, "updated_at": "", "rows_seq": 0}
        assert msgspec.structs.replace(now, **same) == msgspec.structs.replace(was, **same)

    def test_the_next_change_counts_again(self) -> None:
        now = given(*THREE, compacted("p", "q", "r"), appended("a", "s")).catalog.datasets["a"]
        assert (now.rows_seq, catalog.last_change(now)) == (0, 5)

    def test_two_in_a_row_keep_the_last_change_of_rows(self) -> None:
        once = compacted("p", "q")
        again = msgspec.structs.replace(
            compacted("w", "r", into="x"),
            replaced=(Replacement((blob("w"), blob("r")), (item("x", 15),), 0, 0, (10, 5)),),
        )
        now = given(*THREE, once, again).catalog.datasets["a"]
        assert (now.objects, catalog.last_change(now)) == ((item("x", 15),), 3)

    def test_a_derived_dataset_stays_derived_and_what_reads_it_is_not_stale(self) -> None:
        read = Derivation("FROM a", (), None, (Read("a", 3, None),))
        assert not has_changed(given(*THREE, compacted("p", "q", "r")), read)
        assert has_changed(given(*THREE, compacted("p", "q", "r"), appended("a", "s")), read)

    def test_the_source_is_still_known(self) -> None:
        moved = compacted("p", row_count=5)
        again = ingest("a", "p", read_under="f1")
        assert when(again, A, moved) == Unchanged(1)
        dedupe = ingest("a", "q", mode="append", dedupe=True, read_under="f1")
        assert when(dedupe, *THREE, compacted("p", "q")) == Unchanged(2)

    def test_what_was_restored_without_a_source_is_restored_again(self) -> None:
        facts = (*THREE, compacted("p", "q", "r"))
        back = when(restore("a", 3, *facts), *facts)
        assert isinstance(back, DatasetRestored)
        more = (*facts, back, compacted("p", "q", into="y"))
        again = when(restore("a", 6, *more), *more, DatasetDropped("a", dataset_id("a")))
        assert isinstance(again, DatasetRestored)
        assert again.source is None


class TestUndone:
    def _undo(self, seq: int, *facts: Data) -> UndoChange:
        undone = inverse(facts[seq - 1], given(*facts[: seq - 1]))
        assert not isinstance(undone, Refused)
        return UndoChange(seq, facts[seq - 1], undone)

    def test_it_has_no_inverse(self) -> None:
        found = inverse(compacted("p", "q"), given(*THREE))
        assert isinstance(found, Refused)
        assert found.code == "cannot_undo"

    def test_what_came_before_is_undone(self) -> None:
        facts = (*THREE, compacted("p", "q", "r"))
        back = when(self._undo(3, *facts), *facts)
        assert isinstance(back, DatasetRestored)
        assert back.objects == (item("p"), item("q"))
        renamed = (*THREE, DatasetRenamed("a", "b", dataset_id("b")))
        later = msgspec.structs.replace(compacted("p", "q"), name="b")
        undone = when(self._undo(4, *renamed), *renamed, later)
        assert undone == DatasetRenamed("b", "a", dataset_id("a"))

    def test_a_change_of_rows_still_blocks(self) -> None:
        facts = (*THREE, compacted("p", "q", "r"))
        assert code(when(self._undo(2, *facts), *facts)) == "undo_conflict"

    def test_collected_objects_are_rebuilt_once(self) -> None:
        facts = (*THREE, compacted("p", "q", "r"))
        gone = tuple(map(blob, "pqr"))
        gc = (ObjectsMarked("run", 4, gone), ObjectsCollected("run", gone))
        command = self._undo(3, *facts)
        assert step(when(command, *facts, *gc)) is DataStep.REBUILD
        assert isinstance(command.inverse, RestoreDataset)
        lineage = (Lineage(blob("y"), (RowRange(blob("p"), 0, 5), RowRange(blob("q"), 0, 5))),)
        was = msgspec.structs.replace(command.inverse.was, objects=(item("y", 10),))
        rebuilt = msgspec.structs.replace(command.inverse, was=was, lineage=lineage)
        done = msgspec.structs.replace(command, inverse=rebuilt, rebuilt=True)
        back = when(done, *facts, *gc)
        assert isinstance(back, DatasetRestored)
        assert (back.objects, back.lineage) == ((item("y", 10),), lineage)
        failed = msgspec.structs.replace(command, rebuilt=True)
        assert code(when(failed, *facts, *gc)) == "objects_collected"


def test_an_event_with_a_lineage_has_the_later_version() -> None:
    lineage = (Lineage(blob("y"), (RowRange(blob("p"), 0, 5),)),)
    names = [
        each for each in DatasetRestored.__struct_fields__ if each not in ("as_of_seq", "lineage")
    ]
    back = DatasetRestored(1, *(getattr(A, name) for name in names), lineage=lineage)
    assert version_of(back) == 2
    made = event(given(A), back)
    assert decode_event(encode_event(made)) == made


def test_without_one_of_the_objects_a_compaction_is_left_out() -> None:
    facts = (*THREE, compacted("p", "q"), DatasetDropped("a", dataset_id("a")))
    states = [given(*facts[:count]) for count in range(len(facts) + 1)]
    for without, left in ((2, [(4, "object_missing")]), (3, [])):
        what_if = WhatIf(states[0], frozenset({without}))
        for place, fact in enumerate(facts[:4], 1):
            what_if.add(event(states[place - 1], fact), Moment(place, place, "t"))
        assert [(each.seq, each.code) for each in what_if.left] == left
