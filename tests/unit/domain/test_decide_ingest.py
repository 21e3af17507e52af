"""decide: what becomes of a file, by the dataset that is there."""

import msgspec
import pytest
from builders import (
    blob,
    given,
    item,
    registered,
    restored,
    schema,
    source,
)
from deciding import COLUMNS, appended, code, ingest, ingested, step, when

from journal.events import DatasetAppended, DatasetDropped, ObjectsMarked
from lakehouse.domain.decision import DataStep, Unchanged
from lakehouse.domain.errors import Refused


def test_a_file_becomes_a_dataset() -> None:
    assert when(ingest("w", "p")) == ingested("w", "p")


def test_a_file_that_is_not_read_or_not_uploaded_must_be_first() -> None:
    table = ingest("w", "p").table
    assert table is not None
    missing = msgspec.structs.replace(table, uploaded=False)
    assert step(when(ingest("w", "p", table=None))) is DataStep.READ_FILE
    assert step(when(ingest("w", "p", table=missing))) is DataStep.UPLOAD


def test_the_same_source_and_options_are_reused() -> None:
    assert when(ingest("w", "p", table=None), ingested("w", "p")) == Unchanged(1)


def test_other_options_are_another_file() -> None:
    other = ingest("w", "p", source=source("p", null="NA"), read_under="f1")
    assert when(other, ingested("w", "p")) == msgspec.structs.replace(
        ingested("w", "p"), source=source("p", null="NA")
    )


def test_after_an_append_the_first_file_alone_is_not_what_is_live() -> None:
    facts = [ingested("w", "p"), appended("w", "q")]
    decision = when(ingest("w", "p", read_under="f1"), *facts)
    assert decision == ingested("w", "p")


def test_objects_that_gc_has_marked_are_uploaded_again() -> None:
    facts = (ingested("v", "p"), DatasetDropped("v", "id"), ObjectsMarked("r", 2, (blob("p"),)))
    assert step(when(ingest("w", "p"), *facts)) is DataStep.UPLOAD_AGAIN
    table = ingest("w", "q").table
    assert table is not None
    aside = msgspec.structs.replace(table, quarantine=(item("p"),))
    assert step(when(ingest("w", "q", table=aside), *facts)) is DataStep.UPLOAD_AGAIN


def test_a_file_read_under_an_older_contract_is_read_again() -> None:
    assert step(when(ingest("w", "p"), ingested("w", "q"))) is DataStep.READ_UNDER_CONTRACT
    assert step(when(ingest("w", "p", read_under="f0"))) is DataStep.READ_UNDER_CONTRACT


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_another_schema_conflicts_and_names_the_columns(mode: str) -> None:
    old = registered("w", item("q"), fingerprint="f0", schema=schema(id="string", zip="string"))
    decision = when(ingest("w", "p", mode=mode, read_under="f0"), old)
    assert code(decision) == "schema_conflict"
    assert isinstance(decision, Refused)
    assert decision.errors == ({"name": "id", "problem": "type", "was": "string", "is": "int64"},)


def test_a_replacement_may_change_the_schema_when_asked_to() -> None:
    old = registered("w", item("q"), fingerprint="f0", schema=schema(id="string"))
    decision = when(ingest("w", "p", read_under="f0", schema_change="replace"), old)
    assert decision == ingested("w", "p")


def test_an_append_may_widen_what_is_there() -> None:
    old = registered("w", item("q"), fingerprint="f0", schema=schema(id="bool", zip="string"))
    wide = ingest("w", "p", mode="append", read_under="f0", schema_change="widen")
    assert wide.table is not None
    text = msgspec.structs.replace(wide.table, schema=schema(id="string", zip="string", n="bool"))
    decision = when(msgspec.structs.replace(wide, table=text), old)
    assert isinstance(decision, DatasetAppended)
    assert (decision.schema_fingerprint, decision.schema) == ("f1", text.schema)
    assert code(when(wide, old)) == "schema_conflict", "bool does not widen to int64"


def test_integers_are_widened_as_long_as_those_there_are_what_was_looked_at() -> None:
    old = registered("w", item("q"), fingerprint="f0", schema=schema(id="int64", zip="string"))
    wide = ingest("w", "p", mode="append", read_under="f0", schema_change="widen")
    assert wide.table is not None
    table = msgspec.structs.replace(wide.table, schema=schema(id="double", zip="string"))
    looked = msgspec.structs.replace(wide, table=table, read_at=1)
    assert isinstance(when(looked, old), DatasetAppended)
    more = msgspec.structs.replace(appended("w", "r"), schema_fingerprint="f0", schema=old.schema)
    assert step(when(looked, old, more)) is DataStep.CHECK_VALUES


def test_only_what_is_in_quarantine_can_be_sent_again() -> None:
    facts = msgspec.structs.replace(ingested("w", "p"), quarantine=(item("q"),))
    again = ingest("w", "r", mode="append", read_under="f1", retries=(item("q").key,))
    assert isinstance(when(again, facts), DatasetAppended)
    assert code(when(again, ingested("w", "p"))) == "quarantine_not_found"
    assert code(when(again)) == "quarantine_not_found"


def test_an_opaque_fingerprint_is_compared_as_it_is() -> None:
    decision = when(ingest("w", "p", read_under="mine"), registered("w", fingerprint="mine"))
    assert code(decision) == "schema_conflict"


def test_an_append_adds_and_an_append_to_nothing_makes() -> None:
    decision = when(ingest("w", "q", mode="append", read_under="f1"), ingested("w", "p"))
    assert decision == appended("w", "q")
    assert when(ingest("w", "q", mode="append")) == appended("w", "q")


def test_the_same_file_is_appended_twice_unless_dedupe_says_otherwise() -> None:
    again = ingest("w", "p", mode="append", read_under="f1")
    assert when(again, ingested("w", "p")) == appended("w", "p")
    deduped = msgspec.structs.replace(again, dedupe=True)
    assert when(deduped, ingested("w", "p"), appended("w", "q")) == Unchanged(1)


def test_what_a_restored_dataset_holds_must_be_looked_up_first() -> None:
    facts = (ingested("w", "p"), appended("w", "q"), restored("w", item("p"), item("q")))
    again = ingest("w", "q", mode="append", read_under="f1")
    again = msgspec.structs.replace(again, dedupe=True)
    for stale in (again, msgspec.structs.replace(again, earlier_at=2)):
        assert step(when(stale, *facts)) is DataStep.FIND_SOURCES
    was = given(*facts[:2]).catalog.datasets["w"]
    looked = msgspec.structs.replace(again, earlier=was.sources, earlier_at=3)
    assert when(looked, *facts) == Unchanged(2)
    assert when(looked, *facts, appended("w", "r")) == Unchanged(2)
    other = msgspec.structs.replace(looked, source=source("z"))
    assert isinstance(when(other, *facts), DatasetAppended)


def test_a_table_in_another_order_than_the_datasets_is_refused() -> None:
    old = registered("w", item("q"), fingerprint="f0", schema=tuple(reversed(COLUMNS)))
    decision = when(ingest("w", "p", read_under="f0"), old)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.errors) == ("schema_conflict", ())
    assert decision.detail == "w: the same columns in another order"


def test_another_spelling_is_taken() -> None:
    assert code(when(ingest("W", "p"), ingested("w", "p"))) == "name_taken"
