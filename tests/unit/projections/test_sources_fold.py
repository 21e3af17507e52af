"""The fold of watched sources: definitions, and what came in from each into each dataset."""

import msgspec
from builders import given, item, registered, source

from journal.definition_events import SourceDropped, SourcePut
from journal.event_parts import version_of
from journal.event_records import SourceFile
from journal.events import Data, DatasetRenamed, DatasetRestored, DatasetsSwapped
from lakehouse.domain.rules.datasets import dataset_id
from projections import sources
from projections.sources import Intake, Received, WatchedSource

PUT = SourcePut("In", "/in", "*", "T", "append", (), 60)


def came(dataset: str, content: str, key: str, identity: str) -> Data:
    found = msgspec.structs.replace(source(content), file=SourceFile("In", key, identity))
    return registered(dataset, item(content), source=found)


def test_a_source_is_what_was_put_last() -> None:
    state = given(PUT, msgspec.structs.replace(PUT, every_s=5))
    found = sources.find(state.sources, "in")
    assert found is not None
    terms = ("In", "/in", "*", "T", "append", (), 5)
    assert found == WatchedSource(*terms, found.created_at, found.updated_at, 2)
    assert not given(PUT, SourceDropped("In")).sources.live
    assert given(PUT).history.links["source:in"][1] == 1


def test_the_last_version_of_a_key_and_every_content_are_known() -> None:
    now = given(PUT, came("T", "one", "a", "1"), came("T", "two", "a", "2")).sources
    assert sources.received(now, "in", "t", "a") == Received("2", source("two").sha256, 3)
    assert sources.content_seq(now, "in", "t", source("one").sha256) == 2
    assert sources.content_seq(now, "in", "t", source("two").sha256) == 3
    found = sources.intake(now, "IN", "T")
    assert found == Intake("2", 2, found.last_at if found else "")
    assert sources.received(now, "in", "u", "a") is None


def test_an_event_with_a_file_is_of_version_2() -> None:
    assert version_of(came("T", "one", "a", "1")) == 2
    assert version_of(PUT) == 1


def test_a_restore_brings_nothing_in() -> None:
    content = came("T", "one", "a", "1")
    fields = {name: getattr(content, name) for name in content.__struct_fields__}
    now = given(PUT, DatasetRestored(1, **fields)).sources
    assert not now.intakes


def test_a_rename_takes_along_what_came_in() -> None:
    renamed = DatasetRenamed("T", "U", dataset_id("U"))
    now = given(PUT, came("T", "one", "a", "1"), renamed).sources
    assert sources.received(now, "in", "u", "a") == sources.received(now, "in", "t", "a")
    spelled = given(PUT, came("T", "one", "a", "1"), DatasetRenamed("T", "t", dataset_id("t")))
    assert sources.received(spelled.sources, "in", "t", "a") is not None


def test_a_swap_counts_under_both_names_where_nothing_came_in() -> None:
    facts = (PUT, came("T", "one", "a", "1"), registered("U", item("x")))
    now = given(*facts, DatasetsSwapped("T", "U")).sources
    assert sources.received(now, "in", "u", "a") is not None
    both = given(*facts[:2], came("U", "two", "b", "1"), DatasetsSwapped("T", "U")).sources
    assert sources.received(both, "in", "u", "a") is None
