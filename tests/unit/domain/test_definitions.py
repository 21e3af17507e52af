"""Views and profiles: one name space with datasets, no cycles, and undo."""

import pytest
from builders import change_set, given, registered
from deciding import code, ingest, register, restore, when

from journal.events import (
    Alias,
    ChangeSetCommitted,
    Data,
    DatasetDropped,
    ProfileDropped,
    ProfilePut,
    ViewDropped,
    ViewPut,
)
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    DropDataset,
    DropProfile,
    DropView,
    PutProfile,
    PutView,
    RenameDataset,
    UndoChange,
)
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.undo import inverse

NAMES = (Alias("people", "blue", None),)
BOOKS = ProfilePut("books", NAMES, "visible")


def put(name: str, *reads: str, sql: str = "SELECT 1") -> PutView:
    return PutView(name, sql, None, None, (), reads)


def view(name: str, *reads: str, sql: str = "SELECT 1") -> ViewPut:
    return ViewPut(name, sql, None, None, (), reads)


def undo(seq: int, *facts: Data) -> Decision:
    undone = inverse(facts[seq - 1], given(*facts[: seq - 1]))
    assert not isinstance(undone, Refused), undone
    return when(UndoChange(seq, facts[seq - 1], undone), *facts)


class TestViews:
    def test_a_view_is_put_replaced_and_dropped(self) -> None:
        assert when(put("v")) == view("v")
        assert when(put("v", sql="SELECT 2"), view("v")) == view("v", sql="SELECT 2")
        assert when(put("v"), view("v")) == Unchanged(1)
        assert when(DropView("V"), view("v")) == ViewDropped("v")
        assert code(when(DropView("v"))) == "view_not_found"
        state = given(view("v"), view("v", sql="SELECT 2"))
        assert (state.catalog.views["v"].sql, state.catalog.views["v"].seq) == ("SELECT 2", 2)
        assert not given(view("v"), ViewDropped("v")).catalog.views

    def test_it_has_no_name_of_a_dataset_nor_of_another_spelling(self) -> None:
        assert code(when(put("W"), registered("w"))) == "name_taken"
        assert code(when(put("V"), view("v"))) == "name_taken"

    @pytest.mark.parametrize(
        "command",
        [
            register("V"),
            ingest("v", "p"),
            RenameDataset("w", "v"),
            restore("v", 1, registered("v")),
        ],
    )
    def test_no_dataset_gets_its_name(self, command: Command) -> None:
        assert code(when(command, registered("w"), view("v"))) == "name_taken"

    def test_its_name_is_free_in_the_change_set_that_drops_it(self) -> None:
        decision = when(
            CommitChangeSet((DropView("v"), RenameDataset("w", "v"))), registered("w"), view("v")
        )
        assert isinstance(decision, ChangeSetCommitted)

    @pytest.mark.parametrize("reads", [("v",), ("b",), ("x", "a")])
    def test_it_cannot_read_itself_through_any_number_of_views(
        self, reads: tuple[str, ...]
    ) -> None:
        facts = (view("a", "b"), view("b", "V".lower()))
        refused = when(put("v", *reads), *facts)
        assert isinstance(refused, Refused)
        assert refused.code == "view_cycle"
        assert refused.detail.endswith("v")

    def test_what_it_reads_may_be_dropped(self) -> None:
        facts = (registered("w"), view("v", "w"))
        assert when(DropDataset("w"), *facts) == DatasetDropped("w", dataset_id("w"))
        state = given(*facts, DatasetDropped("w", dataset_id("w")))
        assert list(state.catalog.views) == ["v"]


class TestProfiles:
    def test_a_profile_is_put_replaced_and_dropped(self) -> None:
        assert when(PutProfile("books", NAMES, "visible")) == BOOKS
        assert when(PutProfile("books", NAMES, "visible"), BOOKS) == Unchanged(1)
        assert when(DropProfile("books"), BOOKS) == ProfileDropped("books")
        assert code(when(DropProfile("books"))) == "profile_not_found"

    def test_its_name_is_no_dataset_s(self) -> None:
        assert when(PutProfile("w", NAMES, "hidden"), registered("w")) == ProfilePut(
            "w", NAMES, "hidden"
        )


class TestUndo:
    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            ((view("v"),), ViewDropped("v")),
            ((view("v"), view("v", sql="SELECT 2")), view("v")),
            ((view("v"), ViewDropped("v")), view("v")),
            ((BOOKS,), ProfileDropped("books")),
            ((BOOKS, ProfilePut("books", (), "hidden")), BOOKS),
            ((BOOKS, ProfileDropped("books")), BOOKS),
        ],
    )
    def test_it_leads_back(self, facts: tuple[Data, ...], expected: Data) -> None:
        assert undo(len(facts), *facts) == expected

    @pytest.mark.parametrize(
        "facts",
        [
            (view("v"), view("v", sql="SELECT 2")),
            (view("v"), change_set(ViewDropped("v"))),
            (BOOKS, ProfileDropped("books")),
            (change_set(view("v"), BOOKS), ProfileDropped("books")),
        ],
    )
    def test_a_later_change_is_in_the_way(self, facts: tuple[Data, ...]) -> None:
        decision = undo(1, *facts)
        assert not isinstance(decision, ViewDropped | ProfileDropped | ChangeSetCommitted)
