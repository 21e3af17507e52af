"""Change sets, renames and swaps: one event, decided as its changes would be one after the other."""

import pytest
from builders import blob, change_set, given, item, registered, sha
from deciding import COLUMNS, appended, code, ingest, ingested, put, register, restore, when

from journal.events import (
    ChangeSetCommitted,
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    DatasetsSwapped,
    ObjectsMarked,
    ViewPut,
)
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    CommitStaged,
    DropDataset,
    LastChange,
    RenameDataset,
    SwapDatasets,
    UndoChange,
)
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.undo import inverse
from projections import history
from projections.fold import State

A, B = ingested("a", "p"), ingested("b", "q")
DROP_A = DatasetDropped("a", dataset_id("a"))
RENAME = DatasetRenamed("a", "c", dataset_id("c"))
SWAP = DatasetsSwapped("a", "b")
OTHER = "there is another"


def commit(*changes: Command, expect: tuple[tuple[str, int | None], ...] = ()) -> CommitChangeSet:
    return CommitChangeSet(changes, expect)


def undo(seq: int, *facts: Data, known: tuple[LastChange, ...] = ()) -> Decision:
    undone = inverse(facts[seq - 1], given(*facts[: seq - 1]))
    assert not isinstance(undone, Refused), undone
    return when(UndoChange(seq, facts[seq - 1], undone, known), *facts)


def rows_of(state: State) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {
        key: (live.name, live.dataset_id, tuple(each.blob for each in live.objects))
        for key, live in state.catalog.datasets.items()
    }


class TestRename:
    def test_it_needs_a_dataset(self) -> None:
        assert code(when(RenameDataset("a", "c"))) == "dataset_not_found"

    def test_it_is_an_event_with_the_new_names_id(self) -> None:
        assert when(RenameDataset("A", "c"), A) == RENAME

    @pytest.mark.parametrize("to", ["b", "B"])
    def test_another_datasets_name_is_taken_in_any_spelling(self, to: str) -> None:
        assert code(when(RenameDataset("a", to), A, B)) == "name_taken"

    def test_another_spelling_of_its_own_name_is_free(self) -> None:
        assert when(RenameDataset("a", "A"), A) == DatasetRenamed("a", "A", dataset_id("A"))
        state = given(A, DatasetRenamed("a", "A", dataset_id("A")))
        assert rows_of(state) == {"a": ("A", dataset_id("A"), (blob("p"),))}

    def test_its_own_name_changes_nothing(self) -> None:
        assert when(RenameDataset("a", "a"), A) == Unchanged(1)

    def test_the_dataset_is_under_the_new_name_alone(self) -> None:
        assert rows_of(given(A, RENAME)) == {"c": ("c", dataset_id("c"), (blob("p"),))}

    def test_pins_follow(self) -> None:
        pin = DatasetPinned("a", 1, (blob("p"),))
        state = given(A, pin, RENAME)
        assert dict(state.inventory.pins) == {"c@1": (2, (blob("p"),))}
        assert dict(state.inventory.pinned) == {blob("p"): 1}

    def test_a_pin_that_meets_one_of_a_dropped_dataset_keeps_what_both_keep(self) -> None:
        pins = (DatasetPinned("a", 2, (blob("p"),)), DatasetPinned("b", 2, (blob("q"),)))
        drop_b = DatasetDropped("b", dataset_id("b"))
        state = given(A, B, *pins, drop_b, DatasetRenamed("a", "b", dataset_id("b")))
        assert dict(state.inventory.pins) == {"b@2": (4, (blob("q"), blob("p")))}
        assert dict(state.inventory.pinned) == {blob("p"): 1, blob("q"): 1}

    def test_the_history_of_the_new_name_leads_to_the_old_one(self) -> None:
        state = given(A, RENAME)
        about = history.about(state.history, appended("c", "r"))
        assert [(each.entity, each.prev) for each in about] == [("dataset:c", (2, 2))]
        renamed = history.about(given(A).history, RENAME)
        assert [(each.entity, each.prev) for each in renamed] == [
            ("dataset:c", (1, 1)),
            ("dataset:a", (1, 1)),
        ]
        assert history.origins(RENAME) == {"dataset:c": "dataset:a", "dataset:a": "dataset:a"}


class TestSwap:
    def test_both_must_exist(self) -> None:
        refused = when(SwapDatasets("a", "b"), A)
        assert code(refused) == "dataset_not_found"
        assert isinstance(refused, Refused)
        assert "b" in refused.detail

    def test_a_dataset_is_not_swapped_with_itself(self) -> None:
        assert code(when(SwapDatasets("a", "A"), A)) == "invalid_request"

    def test_each_has_the_others_rows_under_its_own_name_and_id(self) -> None:
        assert when(SwapDatasets("A", "B"), A, B) == SWAP
        assert rows_of(given(A, B, SWAP)) == {
            "a": ("a", dataset_id("a"), (blob("q"),)),
            "b": ("b", dataset_id("b"), (blob("p"),)),
        }

    def test_pins_follow_the_rows(self) -> None:
        pins = (DatasetPinned("a", 2, (blob("p"),)), DatasetPinned("b", 2, (blob("q"),)))
        state = given(A, B, *pins, SWAP)
        assert dict(state.inventory.pins) == {"b@2": (3, (blob("p"),)), "a@2": (4, (blob("q"),))}

    def test_histories_cross(self) -> None:
        assert history.origins(SWAP) == {"dataset:a": "dataset:b", "dataset:b": "dataset:a"}


class TestChangeSet:
    @pytest.mark.parametrize("count", [0, 1_001])
    def test_it_has_1_to_1000_changes(self, count: int) -> None:
        assert code(when(commit(*[DropDataset("a")] * count), A)) == "invalid_request"

    def test_each_change_sees_the_ones_before_it(self) -> None:
        decision = when(commit(RenameDataset("a", "c"), RenameDataset("b", "a")), A, B)
        assert decision == change_set(RENAME, DatasetRenamed("b", "a", dataset_id("a")))
        assert isinstance(decision, ChangeSetCommitted)
        assert rows_of(given(A, B, decision)) == {
            "c": ("c", dataset_id("c"), (blob("p"),)),
            "a": ("a", dataset_id("a"), (blob("q"),)),
        }

    def test_all_changes_have_one_seq(self) -> None:
        state = given(A, B, change_set(SWAP, RENAME))
        assert state.head.seq == 3
        assert {live.seq for live in state.catalog.datasets.values()} == {3}

    def test_one_refusal_refuses_all_and_names_its_change(self) -> None:
        refused = when(commit(DropDataset("a"), DropDataset("b"), DropDataset("a")), A, B)
        assert isinstance(refused, Refused)
        assert refused.code == "dataset_not_found"
        assert refused.errors == ({"change": 2, "detail": "there is no dataset a"},)

    def test_the_rows_of_a_refusal_stay_and_name_the_change(self) -> None:
        refused = when(commit(DropDataset("a"), register("x", "k1", "k2")), A)
        assert isinstance(refused, Refused)
        assert refused.errors == ({"change": 1, "key": "k1"}, {"change": 1, "key": "k2"})

    def test_what_changes_nothing_is_left_out(self) -> None:
        assert when(commit(RenameDataset("a", "a"), DropDataset("a")), A) == change_set(DROP_A)
        assert when(commit(RenameDataset("a", "a")), A) == Unchanged(None)

    def test_a_set_of_everything(self) -> None:
        facts = (A, DROP_A, B)
        again = restore("a", 1, *facts)
        changes = (again, SwapDatasets("a", "b"), RenameDataset("a", "x"), DropDataset("b"))
        decision = when(commit(*changes, register("a")), *facts)
        assert isinstance(decision, ChangeSetCommitted)
        assert [each.type for each in decision.changes] == [
            "dataset_restored", "datasets_swapped", "dataset_renamed", "dataset_dropped",
            "dataset_registered",
        ]  # fmt: skip
        state = given(*facts, decision)
        assert {name: rows[2] for name, rows in rows_of(state).items()} == {
            "x": (blob("q"),),
            "a": (),
        }

    def test_about_names_each_entity_once_with_what_it_leads_to(self) -> None:
        state = given(A, B)
        data = change_set(SWAP, RENAME, DatasetDropped("b", dataset_id("b")))
        about = [(each.entity, each.prev) for each in history.about(state.history, data)]
        assert about == [("dataset:a", (2, 2)), ("dataset:b", (1, 1)), ("dataset:c", (2, 2))]


class TestExpectations:
    def test_what_was_seen_is_still_so(self) -> None:
        decision = when(commit(DropDataset("a"), expect=(("a", 1), ("B", 2), ("c", None))), A, B)
        assert decision == change_set(DROP_A)

    def test_each_that_is_not_is_listed(self) -> None:
        expect = (("a", 1), ("b", None), ("c", 7))
        refused = when(commit(DropDataset("a"), expect=expect), A, B, appended("a", "r"))
        assert isinstance(refused, Refused)
        assert refused.code == "expectation_failed"
        assert refused.errors == (
            {"name": "a", "expected": 1, "actual": 3},
            {"name": "b", "expected": None, "actual": 2},
            {"name": "c", "expected": 7, "actual": None},
        )

    def test_a_view_counts_as_a_dataset_does(self) -> None:
        view = ViewPut("v", "SELECT 1", None, None, (), ())
        seen = when(commit(DropDataset("a"), expect=(("V", 2),)), A, view)
        assert seen == change_set(DROP_A)
        for expected in (None, 1):
            decision = when(commit(DropDataset("a"), expect=(("v", expected),)), A, view)
            assert code(decision) == "expectation_failed"

    @pytest.mark.parametrize("seen", [1, 2])
    def test_a_pin_changes_nothing_whether_it_was_seen_or_not(self, seen: int) -> None:
        pin = DatasetPinned("a", 1, (blob("p"),))
        assert when(commit(DropDataset("a"), expect=(("a", seen),)), A, pin) == change_set(DROP_A)

    def test_they_are_judged_before_the_changes(self) -> None:
        assert code(when(commit(DropDataset("x"), expect=(("a", 5),)), A)) == "expectation_failed"


class TestStaged:
    def test_an_unknown_id_is_refused(self) -> None:
        refused = when(commit(CommitStaged("id", None)))
        assert isinstance(refused, Refused)
        assert refused.code == "staged_not_found"
        assert refused.errors[0]["change"] == 0

    def test_it_becomes_what_the_ingest_would_have_become(self) -> None:
        decision = when(commit(CommitStaged("id", ingest("a", "p")), DropDataset("b")), B)
        assert isinstance(decision, ChangeSetCommitted)
        assert isinstance(decision.changes[0].data, DatasetRegistered)

    def test_it_is_used_once(self) -> None:
        staged = CommitStaged("id", ingest("a", "p", mode="append"))
        assert code(when(commit(staged, staged))) == "staged_not_found"
        assert code(when(commit(staged), appended("a", "p"), DROP_A)) == "staged_not_found"

    def test_what_gc_has_marked_has_expired(self) -> None:
        marked = ObjectsMarked("run", 0, (blob("p"),))
        assert (
            code(when(commit(CommitStaged("id", ingest("a", "p"))), marked)) == "staged_not_found"
        )

    def test_a_schema_that_is_still_the_datasets_fits_whatever_came_between(self) -> None:
        staged = CommitStaged("id", ingest("a", "r", mode="append", read_under=OTHER))
        decision = when(commit(staged), A)
        assert isinstance(decision, ChangeSetCommitted)
        assert isinstance(decision.changes[0].data, DatasetAppended)

    def test_another_schema_is_a_conflict(self) -> None:
        other = registered("a", item("x"), fingerprint="f2", schema=COLUMNS[:1])
        staged = CommitStaged("id", ingest("a", "r", mode="append"))
        assert code(when(commit(staged), other)) == "schema_conflict"

    def test_a_restored_dataset_whose_sources_are_unknown_is_an_expectation_that_failed(
        self,
    ) -> None:
        two = (appended("a", "p"), appended("a", "q"), DROP_A)
        again = when(restore("a", 2, *two), *two)
        assert isinstance(again, DatasetRestored)
        staged = CommitStaged("id", ingest("a", "r", mode="append", dedupe=True))
        assert code(when(commit(staged), *two, again)) == "expectation_failed"


class TestUndo:
    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            ((A, RENAME), DatasetRenamed("c", "a", dataset_id("a"))),
            ((A, B, SWAP), SWAP),
        ],
    )
    def test_of_a_single_change_of_names(self, facts: tuple[Data, ...], expected: Data) -> None:
        assert undo(len(facts), *facts) == expected

    def test_of_a_set_is_one_change_that_leads_back(self) -> None:
        facts = (A, B, change_set(RENAME, DatasetRenamed("b", "a", dataset_id("a"))))
        decision = undo(3, *facts)
        assert isinstance(decision, ChangeSetCommitted)
        assert rows_of(given(*facts, decision)) == rows_of(given(A, B))

    def test_of_a_set_that_dropped_and_made_things(self) -> None:
        done = when(commit(DropDataset("a"), register("x"), SwapDatasets("x", "b")), A, B)
        assert isinstance(done, ChangeSetCommitted)
        decision = undo(3, A, B, done)
        assert isinstance(decision, ChangeSetCommitted)
        assert rows_of(given(A, B, done, decision)) == rows_of(given(A, B))

    @pytest.mark.parametrize("later", [appended("c", "r"), registered("a", item("x"))])
    def test_a_later_change_of_any_of_its_names_is_in_the_way(self, later: Data) -> None:
        facts = (A, B, change_set(RENAME, DatasetDropped("b", dataset_id("b"))), later)
        assert code(undo(3, *facts)) == "undo_conflict"

    def test_a_pin_of_a_dropped_name_is_not_once_it_is_known_to_be_one(self) -> None:
        facts = (A, B, change_set(DROP_A), DatasetPinned("a", 1, (blob("p"),)))
        known = (LastChange("dataset:a", 4, 3),)
        assert isinstance(undo(3, *facts, known=known), ChangeSetCommitted)

    def test_the_undo_can_be_undone(self) -> None:
        done = change_set(SWAP, RENAME)
        undone = undo(3, A, B, done)
        assert isinstance(undone, ChangeSetCommitted)
        again = undo(4, A, B, done, undone)
        assert isinstance(again, ChangeSetCommitted)
        assert rows_of(given(A, B, done, undone, again)) == rows_of(given(A, B, done))


def test_a_stored_object_is_no_less_a_change_of_a_set() -> None:
    decision = when(commit(put("k", "one"), register("x", "k")))
    assert isinstance(decision, ChangeSetCommitted)
    state = given(decision)
    assert state.inventory.keys["k"] == blob("one")
    assert state.catalog.datasets["x"].objects[0].sha256 == sha("one")
