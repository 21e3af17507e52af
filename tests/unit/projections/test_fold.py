"""The fold: equal events give equal states, byte for byte, however they are cut."""

from builders import (
    BEGAN,
    EMPTY,
    LAKE,
    context,
    event,
    given,
    item,
    registered,
    restored,
    slot,
    stored,
)
from commands_strategy import histories
from hypothesis import given as assume_given
from hypothesis import strategies as st

from journal.events import FormatRaised, LakeAdopted
from journal.slot import Slot, decode_slot
from lakehouse.commit.batch import Stamp, build
from lakehouse.domain.commands import DropDataset, RegisterDataset
from projections.codec import state_root
from projections.fold import State, apply, close, counts, fold, fold_to
from projections.moment import Moment


def test_the_empty_state_is_a_value() -> None:
    assert counts(EMPTY) == {
        "datasets": 0, "keys": 0, "versions": 0, "remembered_requests": 0,
    }  # fmt: skip
    assert state_root(EMPTY) == state_root(given())


def test_the_root_tells_states_apart_and_equal_states_not() -> None:
    assert state_root(given(stored("a"))) == state_root(given(stored("a")))
    assert state_root(given(stored("a"))) != state_root(given(stored("b")))
    assert state_root(given(stored("a"))) != state_root(given(stored("a"), stored("b")))


def test_a_slot_may_be_folded_up_to_any_event_of_it() -> None:
    whole = slot(EMPTY, stored("a"), stored("b"), stored("c"))
    assert fold_to(EMPTY, whole, 3) == fold(EMPTY, whole)
    partial = fold_to(EMPTY, whole, 2)
    assert sorted(partial.inventory.keys) == ["a", "b"]
    assert partial.head.seq == 2


def test_a_raised_format_is_remembered_and_never_lowered() -> None:
    assert given(FormatRaised(3), FormatRaised(2)).format == 3


def test_an_adopted_lake_changes_nothing_but_the_head() -> None:
    before, after = given(stored("a")), given(stored("a"), LakeAdopted(1, "f" * 64, "copy"))
    assert after.inventory == before.inventory
    assert after.head.seq == 2


def test_apply_is_total_even_for_what_decide_would_refuse() -> None:
    state = given(restored("never_there", item("x")), registered("a"), registered("A"))
    assert sorted(state.catalog.datasets) == ["a", "never_there"]


@assume_given(histories(), st.data())
def test_any_prefix_and_then_the_rest_is_the_whole(slots: list[Slot], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(slots)))
    prefix = folded(EMPTY, slots[:cut])
    assert folded(prefix, slots[cut:]) == folded(EMPTY, slots)
    assert state_root(folded(prefix, slots[cut:])) == state_root(folded(EMPTY, slots))


@assume_given(histories())
def test_event_by_event_is_the_same_as_slot_by_slot(slots: list[Slot]) -> None:
    for_events = for_slots = EMPTY
    for each in slots:
        running = for_events
        for fact in each.events:
            moment = Moment(each.header.position, fact.seq, each.header.at)
            running = apply(running, fact, moment)
        for_events, for_slots = close(running, each), fold(for_slots, each)
        assert for_events == for_slots


@assume_given(histories())
def test_what_the_catalog_holds_is_there_to_be_read(slots: list[Slot]) -> None:
    """The invariant between projections: no dangling reference, no count that is off."""
    state = folded(EMPTY, slots)
    held: dict[str, int] = {}
    for dataset in state.catalog.datasets.values():
        for each in dataset.objects:
            assert each.blob in state.inventory.blobs
            held[each.blob] = held.get(each.blob, 0) + 1
    assert dict(state.inventory.references) == held
    assert set(state.inventory.keys.values()) <= set(state.inventory.blobs)


def folded(state: State, slots: list[Slot]) -> State:
    for each in slots:
        state = fold(state, each)
    return state


def test_what_a_batch_folds_is_what_its_bytes_fold_to() -> None:
    asked = [
        (RegisterDataset("a", "f", (), None), context("k1")),
        (DropDataset("a"), context()),
        (RegisterDataset("A", "g", (), 3), context()),
    ]
    closed = build(EMPTY, asked, Stamp(LAKE.lake, "c", "w", BEGAN)).closed
    assert closed is not None
    assert fold(EMPTY, decode_slot(closed.body, 1)) == closed.state


def test_events_of_one_slot_see_the_ones_before_them() -> None:
    first = event(EMPTY, registered("a"))
    state = apply(EMPTY, first, Moment(1, 1, "t"))
    assert event(state, registered("a")).about[0].prev == (1, 1)
