"""The inventory's fold: keys, versions, references, and what was given up."""

import pytest
from builders import blob, given, item, registered, sha, stored

from journal.events import DatasetDropped, ObjectForgotten, ObjectsCollected, ObjectsMarked
from projections import inventory

DROP_W = DatasetDropped("w", "id")


def keys(*facts: object) -> list[str]:
    return [each.key for each in inventory.in_key_order(given(*facts).inventory, "", "")]


def test_a_key_names_its_last_version_and_the_old_one_stays() -> None:
    state = given(stored("a", "one"), stored("a", "two"))
    now = inventory.current(state.inventory, "a")
    assert now is not None
    assert (now.sha256, now.seq) == (sha("two"), 2)
    assert set(state.inventory.blobs) == {blob("one"), blob("two")}


def test_a_forgotten_key_names_nothing() -> None:
    state = given(stored("a"), ObjectForgotten("a"))
    assert inventory.current(state.inventory, "a") is None
    assert blob("a") in state.inventory.blobs


def test_ingested_objects_are_keys_while_a_dataset_holds_them() -> None:
    assert keys(registered("w", item("p"))) == [blob("p")]
    assert keys(registered("w", item("p")), DROP_W) == []
    assert keys(registered("w", item("p")), registered("w", item("q"))) == [blob("q")]
    assert keys(registered("w", item("p")), registered("v", item("p")), DROP_W) == [blob("p")]


def test_a_user_s_key_stays_when_its_dataset_goes() -> None:
    assert keys(stored("a"), registered("w", item("a", own_key=False)), DROP_W) == ["a"]


def test_keys_sort_by_their_utf_8_bytes() -> None:
    assert keys(*map(stored, ["b", "a/b", "a-b", "é", "z", "\U0001f600", "￿"])) == [
        "a-b", "a/b", "b", "z", "é", "￿", "\U0001f600",
    ]  # fmt: skip


def test_a_version_is_held_as_long_as_one_dataset_holds_it() -> None:
    held = given(stored("a"), registered("w", item("a", own_key=False)))
    assert inventory.is_held(held.inventory, blob("a"))
    free = given(stored("a"), registered("w", item("a", own_key=False)), DROP_W)
    assert not inventory.is_held(free.inventory, blob("a"))


def test_a_mark_is_final_and_a_removal_names_its_event() -> None:
    facts = [stored("a"), ObjectForgotten("a"), ObjectsMarked("run", 2, (blob("a"),))]
    assert inventory.lost_to(given(*facts).inventory, blob("a")) == 3
    state = given(*facts, ObjectsCollected("run", (blob("a"),)))
    assert inventory.lost_to(state.inventory, blob("a")) == 4
    assert blob("a") not in state.inventory.blobs
    assert not state.inventory.marked


def test_removals_are_forgotten_in_time_and_the_horizon_guards_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inventory, "REMEMBERED_EVENTS", 3)
    old, young = blob("a", mint_seq=2), blob("b", mint_seq=9)
    marked = [ObjectsMarked("r", 1, (old,)), ObjectsCollected("r", (old,))]
    state = given(*marked, stored("x"), stored("y"))
    assert dict(state.inventory.gone) == {old: 2}
    later = given(*marked, stored("x"), stored("y"), stored("z"))
    assert not later.inventory.gone
    assert later.inventory.mark_horizon == 3
    assert inventory.lost_to(later.inventory, old) == 3
    assert inventory.lost_to(later.inventory, young) is None
    assert inventory.lost_to(later.inventory, blob("x")) is None


def test_what_was_released_before_the_cutoff_may_go_unless_it_is_marked() -> None:
    facts = [
        stored("a", "1"),
        stored("a", "2"),
        stored("a", "3"),
        ObjectsMarked("r", 2, (blob("1"),)),
        stored("a", "4"),
    ]
    found = inventory.gc_candidates(given(*facts).inventory, 3)
    assert [(each.blob, seq) for each, seq in found] == [(blob("2"), 3)]


def test_keys_are_listed_by_prefix_and_after_a_key() -> None:
    state = given(stored("a/1"), stored("a/2"), stored("b/3"), stored("a/0"))
    found = inventory.in_key_order(state.inventory, "a/", "a/0")
    assert [each.key for each in found] == ["a/1", "a/2"]


def test_a_deleted_key_s_version_is_released_at_that_event() -> None:
    state = given(stored("a", "1"), stored("x"), ObjectForgotten("a"))
    assert dict(state.inventory.released) == {blob("1"): 3}


def test_of_objects_that_are_released_together_those_held_elsewhere_stay() -> None:
    both, other = registered("w", item("p"), item("q")), registered("v", item("p"))
    state = given(both, other, DROP_W)
    assert dict(state.inventory.references) == {blob("p"): 1}
    assert dict(state.inventory.released) == {blob("q"): 3}
