"""Watched sources: their definitions, and that each content comes in once."""

import msgspec
import pytest
from builders import given, item, registered, source
from deciding import code, when

from journal.definition_events import SourceDropped, SourcePut
from journal.event_records import SourceFile
from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetRegistered,
    DatasetRenamed,
    Object,
)
from lakehouse.admin.what_if import command_of
from lakehouse.domain.commands import IngestDataset, Table, UndoChange
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.undo import inverse
from lakehouse.domain.sources.commands import DropSource, PutSource, Sighting

TERMS = ("in", "/in", "**/*.csv", "t", "append", (("null", "NA"),), 60)
PUT, WATCHED = PutSource(*TERMS), SourcePut(*TERMS)


def came(content: str, key: str, identity: str, *, event: str = "append") -> Data:
    """The event of a file that came in."""
    found = msgspec.structs.replace(source(content), file=SourceFile("in", key, identity))
    whole = registered("t", item(content), source=found)
    if event == "replace":
        return whole
    return DatasetAppended(**{name: getattr(whole, name) for name in whole.__struct_fields__})


def take(
    content: str,
    key: str,
    identity: str,
    *,
    before: int | None = None,
    put: int = 1,
    mode: str = "append",
) -> IngestDataset:
    """The ingest of a file that was read and uploaded; `before`: the event of its last version."""
    objects: tuple[Object, ...] = (item(content),)
    return IngestDataset(
        "t",
        mode,
        msgspec.structs.replace(source(content), file=SourceFile("in", key, identity)),
        Table((), "f1", objects, 1, (), uploaded=True),
        "f1",
        sighting=Sighting(put, before),
    )


def decided(command: IngestDataset, *facts: Data) -> Decision:
    return when(command, WATCHED, *facts)


class TestDefinitions:
    def test_a_source_is_put_replaced_and_dropped(self) -> None:
        assert when(PUT) == WATCHED
        assert when(PUT, WATCHED) == Unchanged(1)
        other = msgspec.structs.replace(PUT, every_s=5)
        assert when(other, WATCHED) == msgspec.structs.replace(WATCHED, every_s=5)
        assert when(DropSource("IN"), WATCHED) == SourceDropped("in")
        assert code(when(DropSource("in"))) == "source_not_found"
        assert code(when(msgspec.structs.replace(PUT, name="IN"), WATCHED)) == "name_taken"

    @pytest.mark.parametrize(
        ("facts", "undone"),
        [
            ((WATCHED,), SourceDropped("in")),
            ((WATCHED, SourceDropped("in")), WATCHED),
            ((WATCHED, msgspec.structs.replace(WATCHED, uri="/b")), WATCHED),
        ],
    )
    def test_the_last_event_of_a_source_is_undone(
        self, facts: tuple[Data, ...], undone: Data
    ) -> None:
        seq = len(facts)
        command = inverse(facts[-1], given(*facts[:-1]))
        assert not isinstance(command, Refused)
        assert when(UndoChange(seq, facts[-1], command), *facts) == undone

    def test_an_event_that_another_one_follows_is_not_undone(self) -> None:
        facts = (WATCHED, SourceDropped("in"))
        command = inverse(facts[0], given())
        assert not isinstance(command, Refused)
        assert code(when(UndoChange(1, facts[0], command), *facts)) == "undo_conflict"

    def test_what_if_sends_the_same_again(self) -> None:
        state = given()
        assert command_of(WATCHED, state, state) == PUT
        assert command_of(SourceDropped("in"), state, state) == DropSource("in")


class TestFiles:
    def test_a_new_file_comes_in(self) -> None:
        found = decided(take("one", "a.csv", "1"), registered("t", item("x")))
        assert isinstance(found, DatasetAppended)
        assert found.source is not None
        assert found.source.file == SourceFile("in", "a.csv", "1")

    def test_the_same_version_comes_in_once(self) -> None:
        """Two processes, or one whose answer was lost: the later one finds the event."""
        assert decided(take("one", "a.csv", "1"), came("one", "a.csv", "1")) == Unchanged(2)

    @pytest.mark.parametrize("key", ["a.csv", "copy.csv"])
    def test_the_same_content_comes_in_once_under_any_name_and_time(self, key: str) -> None:
        before = 2 if key == "a.csv" else None
        command = take("one", key, "2", before=before)
        assert decided(command, came("one", "a.csv", "1")) == Unchanged(2)

    def test_a_changed_file_comes_in(self) -> None:
        command = take("two", "a.csv", "2", before=2)
        assert isinstance(decided(command, came("one", "a.csv", "1")), DatasetAppended)

    def test_a_file_that_another_process_brought_in_meanwhile_is_looked_at_again(self) -> None:
        """What this one has read may be the older version: it must not come in after the newer."""
        facts = (came("one", "a.csv", "1"), came("three", "a.csv", "3"))
        assert decided(take("two", "a.csv", "2", before=2), *facts) == Unchanged(None)

    def test_appended_content_does_not_come_back(self) -> None:
        facts = (came("one", "a.csv", "1"), came("two", "a.csv", "2"))
        assert decided(take("one", "a.csv", "3", before=3), *facts) == Unchanged(2)

    def test_a_file_that_changes_back_replaces_again(self) -> None:
        facts = (came("one", "a", "1", event="replace"), came("two", "a", "2", event="replace"))
        found = decided(take("one", "a", "3", before=3, mode="replace"), *facts)
        assert isinstance(found, DatasetRegistered)
        same = decided(take("two", "a", "3", before=3, mode="replace"), *facts)
        assert same == Unchanged(3)
        copy = decided(take("one", "b", "1", mode="replace"), *facts)
        assert copy == Unchanged(2)

    def test_what_was_undone_or_dropped_does_not_come_in_again(self) -> None:
        facts = (came("one", "a.csv", "1"), DatasetDropped("t", dataset_id("t")))
        assert decided(take("one", "a.csv", "1"), *facts) == Unchanged(2)
        assert decided(take("one", "a.csv", "2", before=2), *facts) == Unchanged(2)

    def test_a_source_that_is_put_again_goes_on_where_it_was(self) -> None:
        facts = (came("one", "a.csv", "1"), SourceDropped("in"), WATCHED)
        assert decided(take("one", "a.csv", "1", put=4), *facts) == Unchanged(2)

    def test_a_source_that_was_dropped_or_changed_brings_nothing_in(self) -> None:
        facts = (registered("t", item("x")), SourceDropped("in"))
        assert code(decided(take("one", "a.csv", "1"), *facts)) == "source_not_found"
        changed = msgspec.structs.replace(WATCHED, uri="/b")
        assert code(decided(take("one", "a.csv", "1"), changed)) == "source_not_found"

    def test_another_dataset_gets_all_files_and_a_renamed_one_none_again(self) -> None:
        other = msgspec.structs.replace(take("one", "a.csv", "1"), name="u", read_under=None)
        facts = (came("one", "a.csv", "1"), DatasetRenamed("t", "u", dataset_id("u")))
        assert isinstance(decided(other, facts[0]), DatasetAppended)
        assert decided(other, *facts) == Unchanged(2)

    def test_an_ingest_by_a_client_is_none_of_a_sources(self) -> None:
        command = msgspec.structs.replace(
            take("one", "a.csv", "1"), source=source("one"), sighting=None
        )
        assert isinstance(decided(command, came("one", "a.csv", "1")), DatasetAppended)
