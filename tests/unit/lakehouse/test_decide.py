"""decide: given these events, when this command, then this event, or this refusal."""

import msgspec
import pytest
from builders import (
    blob,
    context,
    event,
    given,
    item,
    registered,
    restored,
    schema,
    sha,
    slot,
    source,
    stored,
)

from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetRestored,
    Event,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
)
from journal.slot import FORMAT
from lakehouse.commands import (
    AdoptLake,
    Command,
    DropDataset,
    ForgetObject,
    IngestDataset,
    RaiseFormat,
    RegisterDataset,
    RestoreDataset,
    StoreObject,
    Table,
)
from lakehouse.decide import dataset_id, decide
from lakehouse.errors import Refused
from lakehouse.rules.decision import Decision, NeedsData, Replayed, Unchanged
from projections.fold import fold

COLUMNS = schema(id="int64", zip="string")


def when(command: Command, *facts: Data | Event) -> Decision:
    return decide(given(*facts), command, context())


def code(decision: Decision) -> str:
    assert isinstance(decision, Refused), decision
    return decision.code


def put(
    key: str, bytes_name: str, uploaded: bool = True, only_if_absent: bool = False
) -> StoreObject:
    place = blob(bytes_name) if uploaded else None
    return StoreObject(key, 10, sha(bytes_name), "text/plain", place, only_if_absent)


def register(
    name: str, *keys: str, fingerprint: str = "f1", rows: int | None = None
) -> RegisterDataset:
    return RegisterDataset(name, fingerprint, keys, rows)


def ingest(name: str, part: str, **more: object) -> IngestDataset:
    table = Table(COLUMNS, "f1", (item(part),), 5, (), uploaded=True)
    command = IngestDataset(name, "replace", source(part), table, None)
    return msgspec.structs.replace(command, **more)


def ingested(name: str, part: str) -> Data:
    return registered(name, item(part), schema=COLUMNS, source=source(part), row_count=5)


def restore(name: str, as_of_seq: int, *facts: Data | Event) -> RestoreDataset:
    """Of the dataset as it was after the first `as_of_seq` of these facts."""
    was = given(*facts[:as_of_seq]).catalog.datasets[name.lower()]
    return RestoreDataset(as_of_seq, was)


class TestStore:
    def test_new_bytes_are_stored(self) -> None:
        expected = ObjectStored("a", blob("one"), 10, sha("one"), "text/plain")
        assert when(put("a", "one")) == expected
        assert when(put("a", "one"), stored("a", "two")) == expected

    def test_the_same_bytes_change_nothing(self) -> None:
        assert when(put("a", "one"), stored("x"), stored("a", "one")) == Unchanged(2)

    def test_bytes_that_are_not_uploaded_must_be_first(self) -> None:
        assert isinstance(when(put("a", "one", uploaded=False)), NeedsData)

    def test_only_if_absent_is_judged_before_same_bytes(self) -> None:
        assert code(when(put("a", "one", only_if_absent=True), stored("a", "one"))) == "key_exists"
        assert isinstance(when(put("a", "one", only_if_absent=True)), ObjectStored)

    def test_a_marked_blob_is_never_referred_to_again(self) -> None:
        facts = [stored("a", "one"), ObjectForgotten("a"), ObjectsMarked("r", 2, (blob("one"),))]
        decision = when(put("a", "one"), *facts)
        assert isinstance(decision, NeedsData)
        assert "event 3" in decision.why


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
        for later in (_appended("w", "q"), ingested("w", "q")):
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
        facts = (ingested("w", "p"), _appended("w", "q"), *self.DROPPED[1:])
        decision = when(restore("w", 2, *facts), *facts)
        assert isinstance(decision, DatasetRestored)
        assert decision.source is None


class TestIngest:
    def test_a_file_becomes_a_dataset(self) -> None:
        assert when(ingest("w", "p")) == ingested("w", "p")

    def test_a_file_that_is_not_read_or_not_uploaded_must_be_first(self) -> None:
        table = ingest("w", "p").table
        assert table is not None
        missing = msgspec.structs.replace(table, uploaded=False)
        assert isinstance(when(ingest("w", "p", table=None)), NeedsData)
        assert isinstance(when(ingest("w", "p", table=missing)), NeedsData)

    def test_the_same_source_and_options_are_reused(self) -> None:
        assert when(ingest("w", "p", table=None), ingested("w", "p")) == Unchanged(1)

    def test_other_options_are_another_file(self) -> None:
        other = ingest("w", "p", source=source("p", null="NA"), read_under="f1")
        assert when(other, ingested("w", "p")) == msgspec.structs.replace(
            ingested("w", "p"), source=source("p", null="NA")
        )

    def test_after_an_append_the_first_file_alone_is_not_what_is_live(self) -> None:
        facts = [ingested("w", "p"), _appended("w", "q")]
        decision = when(ingest("w", "p", read_under="f1"), *facts)
        assert decision == ingested("w", "p")

    def test_a_file_read_under_an_older_contract_is_read_again(self) -> None:
        assert isinstance(when(ingest("w", "p"), ingested("w", "q")), NeedsData)
        assert isinstance(when(ingest("w", "p", read_under="f0")), NeedsData)

    @pytest.mark.parametrize("mode", ["replace", "append"])
    def test_another_schema_conflicts_and_names_the_columns(self, mode: str) -> None:
        old = registered("w", item("q"), fingerprint="f0", schema=schema(id="string", zip="string"))
        decision = when(ingest("w", "p", mode=mode, read_under="f0"), old)
        assert code(decision) == "schema_conflict"
        assert isinstance(decision, Refused)
        assert decision.errors == ({"name": "id", "was": "string", "is": "int64"},)

    def test_a_replacement_may_change_the_schema_when_asked_to(self) -> None:
        old = registered("w", item("q"), fingerprint="f0", schema=schema(id="string"))
        decision = when(ingest("w", "p", read_under="f0", schema_change="replace"), old)
        assert decision == ingested("w", "p")

    def test_an_append_may_widen_what_is_there(self) -> None:
        old = registered("w", item("q"), fingerprint="f0", schema=schema(id="bool", zip="string"))
        wide = ingest("w", "p", mode="append", read_under="f0", schema_change="widen")
        assert wide.table is not None
        text = msgspec.structs.replace(
            wide.table, schema=schema(id="string", zip="string", n="bool")
        )
        decision = when(msgspec.structs.replace(wide, table=text), old)
        assert isinstance(decision, DatasetAppended)
        assert (decision.schema_fingerprint, decision.schema) == ("f1", text.schema)
        assert code(when(wide, old)) == "schema_conflict", "bool does not widen to int64"

    def test_integers_are_widened_as_long_as_those_there_are_what_was_looked_at(self) -> None:
        old = registered("w", item("q"), fingerprint="f0", schema=schema(id="int64", zip="string"))
        wide = ingest("w", "p", mode="append", read_under="f0", schema_change="widen")
        assert wide.table is not None
        table = msgspec.structs.replace(wide.table, schema=schema(id="double", zip="string"))
        looked = msgspec.structs.replace(wide, table=table, read_at=1)
        assert isinstance(when(looked, old), DatasetAppended)
        more = msgspec.structs.replace(
            _appended("w", "r"), schema_fingerprint="f0", schema=old.schema
        )
        assert isinstance(when(looked, old, more), NeedsData)

    def test_only_what_is_in_quarantine_can_be_sent_again(self) -> None:
        facts = msgspec.structs.replace(ingested("w", "p"), quarantine=(item("q"),))
        again = ingest("w", "r", mode="append", read_under="f1", retries=(item("q").key,))
        assert isinstance(when(again, facts), DatasetAppended)
        assert code(when(again, ingested("w", "p"))) == "quarantine_not_found"
        assert code(when(again)) == "quarantine_not_found"

    def test_an_opaque_fingerprint_is_compared_as_it_is(self) -> None:
        decision = when(ingest("w", "p", read_under="mine"), registered("w", fingerprint="mine"))
        assert code(decision) == "schema_conflict"

    def test_an_append_adds_and_an_append_to_nothing_makes(self) -> None:
        decision = when(ingest("w", "q", mode="append", read_under="f1"), ingested("w", "p"))
        assert decision == _appended("w", "q")
        assert when(ingest("w", "q", mode="append")) == ingested("w", "q")

    def test_the_same_file_is_appended_twice_unless_dedupe_says_otherwise(self) -> None:
        again = ingest("w", "p", mode="append", read_under="f1")
        assert when(again, ingested("w", "p")) == _appended("w", "p")
        deduped = msgspec.structs.replace(again, dedupe=True)
        assert when(deduped, ingested("w", "p"), _appended("w", "q")) == Unchanged(1)

    def test_what_a_restored_dataset_holds_must_be_looked_up_first(self) -> None:
        facts = (ingested("w", "p"), _appended("w", "q"), restored("w", item("p"), item("q")))
        again = ingest("w", "q", mode="append", read_under="f1")
        again = msgspec.structs.replace(again, dedupe=True)
        for stale in (again, msgspec.structs.replace(again, earlier_at=2)):
            assert isinstance(when(stale, *facts), NeedsData)
        was = given(*facts[:2]).catalog.datasets["w"]
        looked = msgspec.structs.replace(again, earlier=was.sources, earlier_at=3)
        assert when(looked, *facts) == Unchanged(2)
        assert when(looked, *facts, _appended("w", "r")) == Unchanged(2)
        other = msgspec.structs.replace(looked, source=source("z"))
        assert isinstance(when(other, *facts), DatasetAppended)

    def test_columns_in_another_order_conflict_by_their_places(self) -> None:
        old = registered("w", item("q"), fingerprint="f0", schema=tuple(reversed(COLUMNS)))
        decision = when(ingest("w", "p", read_under="f0"), old)
        assert isinstance(decision, Refused)
        assert [row["name"] for row in decision.errors] == ["zip", "id"]

    def test_another_spelling_is_taken(self) -> None:
        assert code(when(ingest("W", "p"), ingested("w", "p"))) == "name_taken"


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

    def test_another_actor_s_key_is_another_key(self) -> None:
        decision = decide(self.KEYED, put("a", "two"), context("k", "r2", actor="another"))
        assert isinstance(decision, ObjectStored)


def _appended(name: str, part: str) -> DatasetAppended:
    fields = (dataset_id(name), name, "f1", COLUMNS, (item(part),), 5, source(part), (), ())
    return DatasetAppended(*fields)


class TestOperators:
    def test_an_adopted_lake_is_recorded_as_it_was_told(self) -> None:
        command = AdoptLake(9, "a" * 64, "restored")
        assert when(command) == LakeAdopted(9, "a" * 64, "restored")

    def test_a_format_that_is_written_already_needs_no_event(self) -> None:
        assert when(RaiseFormat(FORMAT)) == Unchanged(None)

    def test_a_format_that_this_code_cannot_write_is_not_raised(self) -> None:
        assert code(when(RaiseFormat(FORMAT + 1))) == "upgrade_required"
