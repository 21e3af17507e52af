"""How many rows came and went: by what rewrites counted, forward, backward and to the side."""

from builders import blob, given, item, registered, restored
from deciding import COLUMNS

from journal.events import Data, DatasetDropped, DatasetRewritten, Object, Replacement
from lakehouse.domain.diff import diff
from lakehouse.domain.row_changes import RowChanges, row_changes
from lakehouse.domain.rules.datasets import dataset_id
from projections.fold import State

A = registered("a", item("p", 10), item("q", 20), schema=COLUMNS, row_count=30)


def rewritten(*replaced: Replacement, added: tuple[Object, ...] = ()) -> DatasetRewritten:
    return DatasetRewritten(
        dataset_id("a"), "a", "delete", "f1", COLUMNS, replaced, None, added=added
    )


def became(was: str, now: str, added: int, removed: int, left: int) -> Replacement:
    return Replacement((blob(was),), (item(now, left),), added, removed)


def changes(was: State, now: State) -> RowChanges | None:
    old, new = (
        {each.blob: each.row_count for each in state.catalog.datasets["a"].objects}
        for state in (was, now)
    )
    later = max(was, now, key=lambda state: state.head.seq)
    return row_changes(old, new, later.inventory)


def between(first: int, last: int, *facts: Data) -> RowChanges | None:
    return changes(given(*facts[:first]), given(*facts[:last]))


DELETED = rewritten(became("p", "p2", 0, 3, 7))
UPDATED = rewritten(became("p2", "p3", 2, 2, 7))
WHOLE = rewritten(Replacement((blob("q"),), (), 0, 20))


def test_a_chain_counts_each_of_its_rewrites() -> None:
    assert between(1, 2, A, DELETED) == RowChanges(0, 3)
    assert between(1, 3, A, DELETED, UPDATED) == RowChanges(2, 5)
    assert between(2, 3, A, DELETED, UPDATED) == RowChanges(2, 2)
    assert between(1, 1, A) == RowChanges(0, 0)


def test_an_object_beside_what_was_written_from_it_counts_too() -> None:
    later = given(A, DELETED).inventory
    both = {blob("p"): 10, blob("p2"): 7}
    assert row_changes({}, both, later) == RowChanges(17, 0)


def test_an_object_without_a_row_left_went_as_a_whole() -> None:
    assert between(1, 2, A, WHOLE) == RowChanges(0, 20)


def test_backwards_what_went_comes() -> None:
    facts = (A, DELETED, UPDATED, restored("a", item("p", 10), item("q", 20)))
    assert between(3, 4, *facts) == RowChanges(5, 2)
    assert changes(given(A, DELETED), given(A)) == RowChanges(3, 0)


def test_two_rewrites_of_one_object_meet_in_it() -> None:
    back = restored("a", item("p", 10), item("q", 20))
    other = rewritten(became("p", "px", 1, 4, 7))
    assert between(2, 4, A, DELETED, back, other) == RowChanges(3 + 1, 4)


def test_what_came_and_was_changed_since_came_as_it_is_now() -> None:
    more = rewritten(added=(item("r", 8),))
    fewer = rewritten(became("r", "r2", 1, 3, 6))
    assert between(1, 3, A, more, fewer) == RowChanges(6, 0)
    assert between(2, 3, A, more, fewer) == RowChanges(1, 3)


def test_rows_that_only_moved_are_no_change() -> None:
    compacted = rewritten(Replacement((blob("p"), blob("q")), (item("x", 15), item("y", 15)), 0, 0))
    assert between(1, 2, A, compacted) == RowChanges(0, 0)
    after = rewritten(became("x", "x2", 0, 5, 10))
    assert between(1, 3, A, compacted, after) == RowChanges(0, 5)
    more = rewritten(added=(item("r", 8),))
    changed = rewritten(became("r", "r2", 0, 3, 5))
    whole = rewritten(Replacement((blob("p"), blob("r2")), (item("z", 15),), 0, 0))
    assert between(1, 4, A, more, changed, whole) == RowChanges(5, 0)


def test_other_content_came_and_went_as_a_whole() -> None:
    new = registered("a", item("n", 4), schema=COLUMNS)
    assert between(1, 2, A, new) == RowChanges(4, 30)
    dropped = DatasetDropped("a", dataset_id("a"))
    assert between(2, 4, A, DELETED, dropped, new) == RowChanges(4, 27)


def test_a_number_that_is_not_known_makes_none_known() -> None:
    assert between(1, 2, A, registered("a", item("n", None))) is None


def test_counts_that_do_not_lead_to_the_other_number_of_rows_are_not_shown() -> None:
    """As those of a rewrite some of whose rows were erased since."""
    exact, wrong = became("p", "p2", 0, 3, 7), became("p", "p2", 0, 2, 7)
    for one, shown in ((exact, (0, 3)), (wrong, (None, None))):
        (row,) = diff(given(A), given(A, rewritten(one)))
        assert (row.rows.added, row.rows.removed) == shown
