"""Derivations: what a refresh needs, when nothing has changed, what is a cycle, in which order."""

import msgspec
import pytest
from builders import given, item, registered
from deciding import COLUMNS, appended, code, ingested, when

from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    Derivation,
    ProfilePut,
    Read,
    ViewPut,
)
from lakehouse.domain.commands import IngestDataset, RefreshDataset, Table
from lakehouse.domain.decision import DataStep, Decision, NeedsData, Unchanged
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.derivations import refresh_order
from projections import catalog

BASE = ingested("base", "p")
VIEW = ViewPut("view", "SELECT 1", None, None, (), ())


def read(name: str, seq: int, as_of: int | None = None) -> Read:
    return Read(name, seq, dataset_id(name), as_of)


def of(*reads: Read, as_of: int | None = None) -> Derivation:
    return Derivation("SELECT 1", None, as_of, reads)


def derived(name: str, *reads: Read, as_of: int | None = None) -> Data:
    return registered(name, item(name), schema=COLUMNS, derivation=of(*reads, as_of=as_of))


def command(name: str, derivation: Derivation, mode: str = "replace") -> IngestDataset:
    table = Table(COLUMNS, "f1", (item(f"new {name}"),), 1, (), uploaded=True)
    return IngestDataset(name, mode, None, table, "f1", derivation=derivation)


def refresh(*facts: Data) -> Decision:
    return when(RefreshDataset("d"), *facts)


def needs(decision: Decision) -> DataStep:
    assert isinstance(decision, NeedsData), decision
    return decision.step


class TestRefresh:
    def test_what_is_no_result_of_one_statement_is_refused(self) -> None:
        made = derived("d", read("base", 1))
        assert code(refresh()) == "dataset_not_found"
        assert code(refresh(ingested("d", "p"))) == "cannot_refresh"
        assert code(refresh(BASE, made, appended("d", "q"))) == "cannot_refresh"

    def test_nothing_changed_makes_no_event(self) -> None:
        assert refresh(BASE, derived("d", read("base", 1))) == Unchanged(2)
        assert refresh(BASE, derived("d", read("base", 1)), ingested("x", "q")) == Unchanged(2)

    @pytest.mark.parametrize(
        ("reads", "change"),
        [
            (read("base", 1), appended("base", "q")),
            (read("base", 1), DatasetDropped("base", dataset_id("base"))),
            (Read("view", 2, None), msgspec.structs.replace(VIEW, sql="SELECT 2")),
            (Read("profile:books", 3, None), ProfilePut("books", (), "hidden")),
            (Read("lake.events", 3, None), ingested("x", "q")),
            (Read("information_schema", 3, None), ingested("x", "q")),
        ],
    )
    def test_another_version_of_what_it_reads_is_read_anew(self, reads: Read, change: Data) -> None:
        facts = (BASE, VIEW, ProfilePut("books", (), "visible"))
        assert needs(refresh(*facts, derived("d", reads), change)) is DataStep.READ_FILE

    def test_the_past_does_not_change(self) -> None:
        change = appended("base", "q")
        assert refresh(BASE, derived("d", read("base", 1), as_of=1), change) == Unchanged(2)
        assert refresh(BASE, derived("d", read("base", 1, as_of=1)), change) == Unchanged(2)

    def test_a_result_of_an_older_state_of_the_dataset_is_decided_again(self) -> None:
        facts = (BASE, derived("d", read("base", 1)), appended("base", "q"))
        again = derived("d", read("base", 1))
        run = RefreshDataset("d", None, command("d", of(read("base", 3))), read_at=2)
        assert isinstance(when(run, *facts), DatasetRegistered)
        assert needs(when(run, *facts, again)) is DataStep.READ_FILE


class TestCycles:
    def test_a_replacement_that_reads_its_own_result_is_refused(self) -> None:
        facts = (BASE, derived("d", read("base", 1)), derived("e", read("d", 2)))
        assert code(when(command("d", of(read("D", 2))), *facts)) == "derivation_cycle"
        assert code(when(command("d", of(read("e", 3))), *facts)) == "derivation_cycle"

    @pytest.mark.parametrize(
        ("derivation", "mode"),
        [
            (of(read("e", 3)), "append"),
            (of(read("e", 3), as_of=3), "replace"),
            (of(read("e", 3, as_of=3)), "replace"),
            (of(read("base", 1)), "replace"),
        ],
    )
    def test_what_is_never_refreshed_into_itself_is_none(
        self, derivation: Derivation, mode: str
    ) -> None:
        facts = (BASE, derived("d", read("base", 1)), derived("e", read("d", 2)))
        made = when(command("d", derivation, mode), *facts)
        assert isinstance(made, DatasetRegistered | DatasetAppended)
        assert (made.derivation, made.source) == (derivation, None)


class TestTheFold:
    def test_a_rename_and_a_restore_keep_the_statement_and_an_append_ends_it(self) -> None:
        made = derived("d", read("base", 1))
        assert isinstance(made, DatasetRegistered)
        renamed = given(BASE, made, DatasetRenamed("d", "e", dataset_id("e")))
        kept = catalog.find(renamed.catalog, "e")
        assert kept is not None and kept.derivation == made.derivation
        mixed = (BASE, made, appended("d", "q"))
        ended = catalog.find(given(*mixed).catalog, "d")
        assert ended is not None and ended.derivation is None
        fields = (made.dataset_id, "d", "f1", COLUMNS, made.objects, 1, None, (), ())
        back = DatasetRestored(2, *fields, derivation=made.derivation)
        found = catalog.find(given(*mixed, back).catalog, "d")
        assert found is not None and found.derivation == made.derivation

    def test_appended_rows_are_not_the_whole_result(self) -> None:
        added = appended("d", "q")
        assert isinstance(added, DatasetAppended)
        found = catalog.find(given(msgspec.structs.replace(added, derivation=of())).catalog, "d")
        assert found is not None and found.derivation is None


class TestTheOrder:
    def test_each_comes_after_what_it_reads(self) -> None:
        state = given(
            BASE,
            derived("a", read("B", 3)),
            derived("b", read("c", 4), read("base", 1)),
            derived("c", read("base", 1)),
        )
        assert refresh_order(state) == ("c", "b", "a")

    def test_a_cycle_ends(self) -> None:
        state = given(derived("a", read("b", 2)), derived("b", read("a", 1)))
        assert sorted(refresh_order(state)) == ["a", "b"]
