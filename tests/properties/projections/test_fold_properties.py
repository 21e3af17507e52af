"""Any history folds to the same state, however it is cut."""

from builders import (
    EMPTY,
)
from commands_strategy import histories
from hypothesis import given as assume_given
from hypothesis import strategies as st

from journal.slot import Slot
from projections.codec import state_root
from projections.fold import State, apply, close, fold
from projections.moment import Moment


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
