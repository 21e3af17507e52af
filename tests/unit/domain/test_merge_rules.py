"""decide: a file whose rows take the place of some of the dataset's."""

import msgspec
import pytest
from builders import blob, given, item, source
from deciding import appended, code, ingest, ingested, step, when

from journal.event_records import Replacement, RowStatement
from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetRewritten,
    Object,
    ObjectsMarked,
)
from lakehouse.domain.commands import CommitStaged, IngestDataset, Rewritten
from lakehouse.domain.decision import DataStep, Unchanged
from lakehouse.domain.rules.change_sets import commit_staged
from lakehouse.domain.rules.datasets import dataset_id
from projections import catalog
from projections.fold import State

KEY = RowStatement(key=("id",))
THERE = (ingested("w", "p"), appended("w", "q"))
"""Two objects, of five rows each."""


def swapped(part: str, by: str, removed: int = 2) -> Replacement:
    return Replacement((blob(part),), (item(by, 5 - removed),), 0, removed)


def found(*replaced: Replacement, examined: str = "pq", **more: object) -> Rewritten:
    blobs = frozenset(map(blob, examined))
    return msgspec.structs.replace(Rewritten(2, "f1", blobs, replaced, uploaded=True), **more)


def merge(part: str = "m", rewritten: Rewritten | None = None, **more: object) -> IngestDataset:
    given_: dict[str, object] = {"mode": "merge", "statement": KEY, "read_under": "f1"}
    return ingest("w", part, **given_ | {"rewritten": rewritten} | more)


def rewritten_dataset(
    *replaced: Replacement, rows: int, added: tuple[Object, ...] = (item("m"),)
) -> DatasetRewritten:
    fields = (dataset_id("w"), "w", "merge", "f1", merge().table.schema, replaced, rows, added)  # type: ignore[union-attr]
    return DatasetRewritten(*fields, source("m"), (), (), (), KEY)


def test_the_rows_are_found_before_the_file_is_uploaded() -> None:
    assert step(when(merge(), *THERE)) is DataStep.FIND_ROWS
    table = msgspec.structs.replace(merge().table, uploaded=False)  # type: ignore[type-var]
    command = merge(rewritten=found(), table=table)
    assert step(when(command, *THERE)) is DataStep.UPLOAD
    command = merge(rewritten=found(swapped("p", "n"), uploaded=False))
    assert step(when(command, *THERE)) is DataStep.UPLOAD


def test_objects_are_replaced_and_the_files_follow() -> None:
    command = merge(rewritten=found(swapped("p", "n")))
    assert when(command, *THERE) == rewritten_dataset(swapped("p", "n"), rows=13)
    state = given(*THERE, rewritten_dataset(swapped("p", "n"), rows=13))
    assert blobs(state) == [blob("n"), blob("q"), blob("m")]


def test_an_absent_dataset_is_made() -> None:
    command = merge(rewritten=found(examined="", read_at=0), read_under=None)
    assert isinstance(when(command), DatasetAppended)
    assert step(when(merge(read_under=None))) is DataStep.FIND_ROWS


def test_objects_that_came_meanwhile_are_searched_too() -> None:
    later = appended("w", "r")
    assert step(when(merge(rewritten=found()), *THERE, later)) is DataStep.FIND_ROWS
    replaced = rewritten_dataset(swapped("q", "n"), rows=13)
    assert step(when(merge(rewritten=found()), *THERE, replaced)) is DataStep.FIND_ROWS


def test_what_another_change_has_removed_is_not_removed_again() -> None:
    gone = rewritten_dataset(Replacement((blob("p"),), (), 0, 5), rows=5, added=())
    decision = when(merge(rewritten=found(swapped("p", "n"), swapped("q", "o"))), *THERE, gone)
    assert decision == rewritten_dataset(swapped("q", "o"), rows=8)


def test_rows_found_under_another_schema_are_found_again() -> None:
    command = merge(rewritten=found(read_under="f0"))
    assert step(when(command, *THERE)) is DataStep.FIND_ROWS


def test_without_rows_to_bring_or_remove_nothing_changes() -> None:
    empty = msgspec.structs.replace(merge().table, row_count=0, objects=(item("m", 0),))  # type: ignore[type-var]
    assert when(merge(rewritten=found(), table=empty), *THERE) == Unchanged(2)
    decision = when(merge(rewritten=found(swapped("p", "n")), table=empty), *THERE)
    assert decision == rewritten_dataset(swapped("p", "n"), rows=8, added=())


def test_the_same_file_is_a_duplicate_only_with_dedupe() -> None:
    again = merge("p", rewritten=found())
    assert isinstance(when(again, *THERE), DatasetRewritten)
    assert when(msgspec.structs.replace(again, dedupe=True), *THERE) == Unchanged(1)


def test_what_gc_has_marked_is_uploaded_again() -> None:
    marked = (DatasetDropped("v", "id"), ObjectsMarked("r", 3, (blob("n"),)))
    facts = (ingested("v", "n"), *THERE, *marked)
    command = merge(rewritten=found(swapped("p", "n")))
    assert step(when(command, *facts)) is DataStep.UPLOAD_AGAIN


@pytest.mark.parametrize("key", ["ID", "none"])
def test_a_key_names_columns_exactly(key: str) -> None:
    command = merge(statement=RowStatement(key=("zip", key)), rewritten=found())
    assert code(when(command, *THERE)) == "invalid_request"


@pytest.mark.parametrize("type_", ["list<item: int64>", "struct<a: int64>", "map<string, int64>"])
def test_a_key_has_single_values(type_: str) -> None:
    columns = (msgspec.structs.replace(merge().table.schema[0], type=type_),)  # type: ignore[union-attr]
    table = msgspec.structs.replace(merge().table, schema=columns)  # type: ignore[type-var]
    assert code(when(merge(table=table), *THERE)) == "invalid_request"


def test_a_resolved_quarantine_leaves_the_dataset() -> None:
    aside = msgspec.structs.replace(THERE[1], quarantine=(item("bad"),))
    resolving = source("m", retries=blob("bad"))
    command = merge(rewritten=found(), retries=(blob("bad"),), source=resolving)
    decision = when(command, THERE[0], aside)
    assert isinstance(decision, DatasetRewritten)
    state = given(THERE[0], aside, decision)
    live = catalog.find(state.catalog, "w")
    assert live is not None
    assert live.quarantine == ()
    assert blob("bad") in state.inventory.released


class TestStaged:
    def staged(self, rewritten: Rewritten) -> CommitStaged:
        return CommitStaged("x", merge(rewritten=rewritten))

    def commit(self, rewritten: Rewritten, *facts: Data) -> object:
        return commit_staged(given(*facts), self.staged(rewritten))

    def test_it_is_committed_on_the_dataset_as_it_was(self) -> None:
        decision = self.commit(found(swapped("p", "n")), *THERE)
        assert decision == rewritten_dataset(swapped("p", "n"), rows=13)

    @pytest.mark.parametrize(
        "later",
        [
            appended("w", "r"),
            rewritten_dataset(Replacement((blob("p"),), (), 0, 5), rows=5, added=()),
            DatasetDropped("w", dataset_id("w")),
        ],
    )
    def test_any_change_of_the_dataset_refuses_it(self, later: Data) -> None:
        assert code(self.commit(found(), *THERE, later)) == "expectation_failed"  # type: ignore[arg-type]


def blobs(state: State) -> list[str]:
    live = catalog.find(state.catalog, "w")
    return [each.blob for each in live.objects] if live else []
