"""Erasures: what the present holds, and what every earlier moment answers since."""

import random
from base64 import b64encode

import msgspec
import pytest
from builders import EMPTY, blob, given, item, registered, slot, stored

from journal.block_hashes import BLOCK_BYTES
from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRenamed,
    DatasetRewritten,
    Erased,
    Object,
    ObjectForgotten,
    ObjectsCollected,
    Replacement,
    RowsErased,
)
from lakehouse.domain.row_changes import RowChanges, row_changes
from lakehouse.domain.rules.datasets import dataset_id
from projections import catalog, inventory
from projections.codec import decode_state, encode_state
from projections.erasure import replacements
from projections.erasure.past import seen_from
from projections.fold import State, fold

HASHES = b64encode(bytes(64)).decode()


def erased(*pairs: tuple[Object | str, Object | None], rows: int = 1) -> RowsErased:
    replaced = tuple(
        Erased(was if isinstance(was, str) else was.blob, by, rows) for was, by in pairs
    )
    return RowsErased(("w",), replaced, "0" * 64, 1, rows * len(replaced))


def appended(name: str, *objects: Object) -> DatasetAppended:
    content = registered(name, *objects)
    return DatasetAppended(**msgspec.structs.asdict(content))


def held(state: State, name: str) -> list[str]:
    dataset = catalog.find(state.catalog, name)
    return [each.blob for each in dataset.objects] if dataset else []


def less(name: str) -> Object:
    return item(name, 4)


def test_a_successor_takes_the_place_of_its_blob_now() -> None:
    state = given(
        registered("w", item("p"), item("q"), row_count=10), erased((item("p"), less("p2")))
    )
    dataset = state.catalog.datasets["w"]
    assert (held(state, "w"), dataset.row_count) == ([blob("p2"), blob("q")], 9)
    assert (dataset.seq, dataset.erased) == (1, 2)
    assert set(state.inventory.keys) == {blob("p2"), blob("q")}
    assert inventory.lost_to(state.inventory, blob("p")) == 2
    assert inventory.is_held(state.inventory, blob("p2"))
    assert not inventory.is_held(state.inventory, blob("p"))


def test_an_object_without_rows_left_leaves_its_dataset() -> None:
    state = given(registered("w", item("p"), row_count=5), erased((item("p"), None), rows=5))
    assert (held(state, "w"), state.catalog.datasets["w"].row_count) == ([], 0)


def test_each_dataset_that_holds_the_object_gets_the_successor() -> None:
    state = given(
        registered("w", item("p")), registered("v", item("p")), erased((item("p"), less("p2")))
    )
    assert held(state, "w") == held(state, "v") == [blob("p2")]
    dropped = given(
        registered("w", item("p")),
        registered("v", item("p")),
        erased((item("p"), less("p2"))),
        DatasetDropped("w", "id"),
    )
    assert inventory.is_held(dropped.inventory, blob("p2"))


def test_quarantine_and_pins_get_their_successors() -> None:
    state = given(
        registered("w", item("p"), quarantine=(item("bad"),)),
        DatasetPinned("w", 1, (blob("p"), blob("bad"))),
        erased((item("p"), less("p2")), (item("bad"), None)),
    )
    assert state.catalog.datasets["w"].quarantine == ()
    assert state.inventory.pins["w@1"] == (2, (blob("p2"),))
    assert dict(state.inventory.pinned) == {blob("p2"): 1}


def test_a_user_s_key_names_the_successor() -> None:
    by = msgspec.structs.replace(less("p2"), key="raw")
    state = given(
        stored("raw"), registered("w", item("raw", own_key=False)), erased((blob("raw"), by))
    )
    now = inventory.current(state.inventory, "raw")
    assert now is not None
    assert (now.blob, now.content_type, now.seq) == (blob("p2"), "text/plain", 1)


def test_gc_ages_a_successor_from_when_its_blob_was_given_up() -> None:
    state = given(
        registered("w", item("p")), DatasetDropped("w", "id"), erased((item("p"), less("p2")))
    )
    found = {each.blob: seq for each, seq in inventory.gc_candidates(state.inventory, 2)}
    assert found == {blob("p2"): 2}


def test_a_staged_blob_is_marked_and_nothing_else() -> None:
    state = given(registered("w", item("p")), erased((blob("staged"), None)))
    assert inventory.lost_to(state.inventory, blob("staged")) == 2
    assert dict(state.inventory.erased) == {}


def test_earlier_moments_hold_the_successors() -> None:
    facts = [
        registered("w", item("p"), row_count=5),
        appended("w", item("q")),
        registered("w", item("r"), row_count=5),
        erased((item("p"), less("p2"))),
    ]
    now = given(*facts)
    for seq, expected in [(1, ["p2"]), (2, ["p2", "q"]), (3, ["r"]), (4, ["r"])]:
        then = seen_from(now, given(*facts[:seq]))
        assert held(then, "w") == [blob(name) for name in expected], seq
        assert then.head == given(*facts[:seq]).head
    assert seen_from(now, given(facts[0])).catalog.datasets["w"].row_count == 4


def test_erasing_again_leads_every_moment_to_the_last_successor() -> None:
    facts = [
        registered("w", item("p"), row_count=5),
        erased((item("p"), less("p2"))),
        erased((less("p2"), item("p3", 3))),
        erased((item("p3", 3), None), rows=3),
    ]
    now = given(*facts[:3])
    assert now.inventory.erased[blob("p")].by == item("p3", 3)
    for seq in (1, 2, 3):
        then = seen_from(now, given(*facts[:seq]))
        assert (held(then, "w"), then.catalog.datasets["w"].row_count) == ([blob("p3")], 3), seq
    last = given(*facts)
    once = seen_from(now, given(facts[0]))
    for then in (given(facts[0]), once):
        seen = seen_from(last, then)
        assert (held(seen, "w"), seen.catalog.datasets["w"].row_count) == ([], 0)


def test_a_moment_s_block_hashes_are_those_of_the_successor() -> None:
    by = msgspec.structs.replace(less("p2"), size_bytes=2 * BLOCK_BYTES, block_hashes=HASHES)
    facts = [registered("w", item("p")), registered("w", item("q")), erased((item("p"), by))]
    then = seen_from(given(*facts), given(facts[0]))
    assert then.inventory.blobs[blob("p2")].block_hashes == HASHES


def test_moments_whose_successor_was_collected_are_not_led_to_it() -> None:
    state = given(
        registered("w", item("p")),
        DatasetDropped("w", "id"),
        erased((item("p"), less("p2"))),
        ObjectsCollected("run", (blob("p"),)),
        ObjectsCollected("run", (blob("p2"),)),
    )
    assert dict(state.inventory.erased) == {}
    assert inventory.lost_to(state.inventory, blob("p")) == 4


def test_names_may_change_before_and_after() -> None:
    facts = [
        registered("old", item("p")),
        DatasetRenamed("old", "w", "id"),
        erased((item("p"), less("p2"))),
        DatasetRenamed("w", "new", "id"),
    ]
    now = given(*facts)
    assert held(now, "new") == [blob("p2")]
    assert held(seen_from(now, given(facts[0])), "old") == [blob("p2")]


def test_a_state_with_erasures_survives_its_bytes() -> None:
    state = given(registered("w", item("p")), erased((item("p"), less("p2"))))
    assert decode_state(b"".join(encode_state(state))) == state


@pytest.mark.parametrize("seed", range(20))
def test_each_moment_of_a_random_history_is_as_if_the_rows_had_never_been(seed: int) -> None:
    """The model: a blob is a set of rows. Resolved moments equal those of the model, erased."""
    world = random.Random(seed)
    rows: dict[str, frozenset[int]] = {}
    states: list[State] = [EMPTY]
    contents: list[dict[str, list[frozenset[int]]]] = []
    names, made = ["w", "v"], 0

    def fresh(numbers: frozenset[int]) -> Object:
        nonlocal made
        made += 1
        found = item(f"b{made}", len(numbers))
        rows[found.blob] = numbers
        return found

    for _ in range(40):
        now = states[-1]
        name = world.choice(names)
        live = catalog.find(now.catalog, name)
        step = world.random()
        if step < 0.25 and live is not None:
            person = world.randrange(8)
            hit = [each for each in rows if person in rows[each] and each in now.inventory.blobs]
            hit = [each for each in hit if each not in now.inventory.marked]
            pairs = [
                (each, fresh(rows[each] - {person}) if len(rows[each]) > 1 else None)
                for each in hit
            ]
            fact: Data = erased(*pairs)
            contents = [
                {n: [each - {person} for each in parts] for n, parts in then.items()}
                for then in contents
            ]
        elif step < 0.35 and live is not None:
            fact = DatasetDropped(live.name, "id")
        else:
            part = fresh(frozenset(world.sample(range(8), world.randrange(1, 4))))
            count = len(rows[part.blob])
            if live is not None and step < 0.7:
                fact = msgspec.structs.replace(appended(name, part), row_count=count)
            else:
                fact = registered(name, part, row_count=count)
        after = fold(now, slot(now, fact))
        states.append(after)
        contents.append(
            {
                n: [rows[each] for each in held(after, n)]
                for n in names
                if n in after.catalog.datasets
            }
        )
    for seq, expected in enumerate(contents, 1):
        then = seen_from(states[-1], states[seq])
        for name in names:
            found = [rows[each] for each in held(then, name)]
            wanted = [each for each in expected.get(name, []) if each]
            assert found == wanted, (seed, seq, name)
            dataset = catalog.find(then.catalog, name)
            if dataset is not None:
                assert dataset.row_count == sum(map(len, wanted)), (seed, seq, name)


def test_what_forgets_a_key_after_an_erasure_gives_the_successor_up() -> None:
    by = msgspec.structs.replace(less("p2"), key="raw")
    state = given(
        stored("raw"),
        registered("w", item("raw", own_key=False)),
        erased((blob("raw"), by)),
        DatasetDropped("w", "id"),
        ObjectForgotten("raw"),
    )
    assert state.inventory.released[blob("p2")] == 5


def test_rows_that_came_and_went_are_counted_without_those_that_were_erased() -> None:
    """Of five rows a delete removed two, one of which and one other were erased since."""
    replaced = (Replacement((blob("p"),), (item("d", 3),), 0, 2),)
    facts = [
        registered("w", item("p"), row_count=5),
        DatasetRewritten(dataset_id("w"), "w", "delete", "f1", None, replaced, 3),
        RowsErased(
            ("w",),
            (Erased(blob("p"), item("p2", 3), 2), Erased(blob("d"), item("d2", 2), 1)),
            "0" * 64,
            2,
            3,
        ),
    ]
    now = given(*facts)
    was, then = (seen_from(now, given(*facts[:seq])).catalog.datasets["w"] for seq in (1, 2))
    rows = [{each.blob: each.row_count for each in side.objects} for side in (was, then)]
    assert row_changes(*rows, now.inventory) == RowChanges(0, 1)


def test_a_blob_that_was_replaced_is_needed_up_to_the_erasure() -> None:
    state = given(registered("w", item("p")), erased((item("p"), less("p2"))))
    found = [inventory.is_unneeded(state.inventory, blob("p"), cutoff) for cutoff in (1, 2)]
    assert found == [False, True]


def test_what_a_moment_had_erased_itself_is_not_replaced_there_again() -> None:
    facts = [
        registered("w", item("p")),
        registered("v", item("q")),
        erased((item("p"), less("p2"))),
        erased((item("q"), less("q2"))),
    ]
    then = seen_from(given(*facts), given(*facts[:3]))
    assert (held(then, "w"), held(then, "v")) == ([blob("p2")], [blob("q2")])
    assert blob("p2") not in then.inventory.released


def test_rows_are_found_where_they_are_now() -> None:
    state = given(
        registered("w", item("p"), item("q")), erased((item("p"), less("p2")), (item("q"), None))
    )
    found = [replacements.present(blob(name), state.inventory.erased.get) for name in "pqr"]
    assert found == [blob("p2"), blob("q"), blob("r")]
