"""decide: given these events, when this command, then this event, or this refusal."""

import msgspec
from builders import (
    blob,
    context,
    event,
    given,
    item,
    registered,
    sha,
    slot,
    stored,
)
from deciding import COLUMNS, appended, code, ingested, put, register, restore, step, when

from journal.access_events import PrincipalLimits, PrincipalPut
from journal.events import (
    DatasetAppended,
    DatasetDropped,
    DatasetRestored,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
)
from journal.slot import FORMAT
from lakehouse.domain.commands import AdoptLake, DropDataset, ForgetObject, RaiseFormat
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import DataStep, NeedsData, Replayed, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_id
from projections.fold import fold


class TestStore:
    def test_new_bytes_are_stored(self) -> None:
        expected = ObjectStored("a", blob("one"), 10, sha("one"), "text/plain")
        assert when(put("a", "one")) == expected
        assert when(put("a", "one"), stored("a", "two")) == expected

    def test_the_same_bytes_change_nothing(self) -> None:
        assert when(put("a", "one"), stored("x"), stored("a", "one")) == Unchanged(2)

    def test_bytes_that_are_not_uploaded_must_be_first(self) -> None:
        assert step(when(put("a", "one", uploaded=False))) is DataStep.UPLOAD

    def test_only_if_absent_is_judged_before_same_bytes(self) -> None:
        assert code(when(put("a", "one", only_if_absent=True), stored("a", "one"))) == "key_exists"
        assert isinstance(when(put("a", "one", only_if_absent=True)), ObjectStored)

    def test_a_marked_blob_is_never_referred_to_again(self) -> None:
        facts = [stored("a", "one"), ObjectForgotten("a"), ObjectsMarked("r", 2, (blob("one"),))]
        decision = when(put("a", "one"), *facts)
        assert step(decision) is DataStep.UPLOAD_AGAIN
        assert isinstance(decision, NeedsData)
        assert "event 3" in decision.detail


class TestForget:
    def test_a_key_is_forgotten(self) -> None:
        assert when(ForgetObject("a"), stored("a")) == ObjectForgotten("a")

    def test_an_absent_key_is_forgotten_already(self) -> None:
        assert when(ForgetObject("a")) == Unchanged(None)

    def test_a_version_that_a_live_dataset_holds_keeps_its_key(self) -> None:
        held = [stored("a"), registered("w", item("a", own_key=False))]
        assert code(when(ForgetObject("a"), *held)) == "object_in_use"
        assert isinstance(when(ForgetObject("a"), *held, stored("a", "newer")), ObjectForgotten)
        assert isinstance(
            when(ForgetObject("a"), *held, DatasetDropped("w", "id")), ObjectForgotten
        )


class TestRegister:
    def test_it_holds_the_versions_that_are_current(self) -> None:
        decision = when(register("w", "a", rows=7), stored("a", "one"), stored("a", "two"))
        expected = item("two", row_count=None, own_key=False)
        expected = msgspec.structs.replace(expected, key="a")
        assert decision == registered("w", expected, row_count=7)

    def test_absent_keys_are_named(self) -> None:
        decision = when(register("w", "a", "b", "c"), stored("b"))
        assert code(decision) == "object_missing"
        assert isinstance(decision, Refused)
        assert decision.errors == ({"key": "a"}, {"key": "c"})

    def test_the_same_again_changes_nothing(self) -> None:
        facts = [stored("a"), registered("w", item("a", None, own_key=False), row_count=None)]
        assert when(register("w", "a"), *facts) == Unchanged(2)

    def test_a_newer_version_of_the_same_key_is_a_change(self) -> None:
        facts = [stored("a"), registered("w", item("a", None, own_key=False), row_count=None)]
        assert not isinstance(when(register("w", "a"), *facts, stored("a", "new")), Unchanged)

    def test_another_fingerprint_conflicts_until_the_dataset_is_dropped(self) -> None:
        other = register("w", fingerprint="f2")
        assert code(when(other, registered("w"))) == "fingerprint_conflict"
        assert when(other, registered("w"), DatasetDropped("w", "id")) == registered(
            "w", fingerprint="f2", row_count=None
        )

    def test_another_spelling_is_taken_until_the_dataset_is_dropped(self) -> None:
        assert code(when(register("W"), registered("w"))) == "name_taken"
        freed = when(register("W"), registered("w"), DatasetDropped("w", "id"))
        assert freed == registered("W", row_count=None)

    def test_a_known_schema_is_kept_with_its_fingerprint(self) -> None:
        decision = when(register("w"), ingested("w", "p"))
        assert decision == registered("w", schema=COLUMNS, row_count=None)

    def test_ids_come_from_names_alone(self) -> None:
        assert dataset_id("workers") == "4ee908eb-05e4-5c26-a4ad-4ca54bb01062"


class TestRestore:
    DROPPED = (ingested("w", "p"), DatasetDropped("w", dataset_id("w")))

    def test_a_dropped_dataset_is_what_it_was(self) -> None:
        decision = when(restore("w", 1, *self.DROPPED), *self.DROPPED)
        assert isinstance(decision, DatasetRestored)
        assert decision.as_of_seq == 1
        for name in DatasetAppended.__struct_fields__:
            assert getattr(decision, name) == getattr(self.DROPPED[0], name)

    def test_what_was_appended_or_overwritten_since_is_undone(self) -> None:
        for later in (appended("w", "q"), ingested("w", "q")):
            facts = (ingested("w", "p"), later)
            decision = when(restore("w", 1, *facts), *facts)
            assert isinstance(decision, DatasetRestored)
            assert decision.objects == (item("p"),)

    def test_what_is_so_already_changes_nothing(self) -> None:
        facts = (ingested("w", "p"), stored("x"))
        assert when(restore("w", 1, *facts), *facts) == Unchanged(1)

    def test_another_spelling_has_the_name_now(self) -> None:
        facts = (*self.DROPPED, registered("W"))
        assert code(when(restore("w", 1, *facts), *facts)) == "name_taken"

    def test_marked_and_collected_objects_cannot_be_had(self) -> None:
        marked = ObjectsMarked("r", 2, (blob("p"),))
        for lost in ((marked,), (marked, ObjectsCollected("r", (blob("p"),)))):
            facts = (*self.DROPPED, *lost)
            decision = when(restore("w", 1, *facts), *facts)
            assert code(decision) == "objects_collected"
            assert isinstance(decision, Refused)
            assert decision.errors == ({"key": blob("p"), "event": len(facts)},)

    def test_of_several_sources_none_can_be_named(self) -> None:
        facts = (ingested("w", "p"), appended("w", "q"), *self.DROPPED[1:])
        decision = when(restore("w", 2, *facts), *facts)
        assert isinstance(decision, DatasetRestored)
        assert decision.source is None


class TestDrop:
    def test_a_dataset_is_dropped_in_any_spelling(self) -> None:
        expected = DatasetDropped("w", dataset_id("w"))
        assert when(DropDataset("w"), registered("w")) == expected
        assert when(DropDataset("W"), registered("w")) == expected

    def test_what_is_not_there_is_not_dropped(self) -> None:
        assert code(when(DropDataset("w"))) == "dataset_not_found"


class TestIdempotency:
    STATE = given()
    KEYED = fold(STATE, slot(STATE, event(STATE, stored("a", "one"), key="k", request="r1")))

    def test_the_same_request_is_replayed_whatever_the_state_says(self) -> None:
        drop = DropDataset("nothing")
        assert decide(self.KEYED, drop, context("k", "r1")) == Replayed(1, 1)

    def test_another_request_under_the_key_is_refused(self) -> None:
        decision = decide(self.KEYED, put("a", "two"), context("k", "r2"))
        assert code(decision) == "idempotency_key_reused"

    def test_another_actor_s_key_is_the_same_key_in_an_open_lake(self) -> None:
        decision = decide(self.KEYED, put("a", "two"), context("k", "r2", actor="another"))
        assert code(decision) == "idempotency_key_reused"

    def test_another_principal_s_key_is_another_key(self) -> None:
        first = PrincipalPut("root", "user", True, None, False, PrincipalLimits())
        state = fold(self.STATE, slot(self.STATE, event(self.STATE, first)))
        state = fold(state, slot(state, event(state, stored("a", "one"), key="k", request="r1")))
        decision = decide(state, put("a", "two"), context("k", "r2", actor="another"))
        assert isinstance(decision, ObjectStored)
        assert code(decide(state, put("a", "two"), context("k", "r2"))) == "idempotency_key_reused"


class TestOperators:
    def test_an_adopted_lake_is_recorded_as_it_was_told(self) -> None:
        command = AdoptLake(9, "a" * 64, "restored")
        assert when(command) == LakeAdopted(9, "a" * 64, "restored")

    def test_a_format_that_is_written_already_needs_no_event(self) -> None:
        assert when(RaiseFormat(FORMAT)) == Unchanged(None)

    def test_a_format_that_this_code_cannot_write_is_not_raised(self) -> None:
        assert code(when(RaiseFormat(FORMAT + 1))) == "upgrade_required"
