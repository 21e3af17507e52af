"""Any history: what may be marked as garbage is what no kept state refers to."""

from builders import EMPTY
from commands_strategy import histories
from hypothesis import given as assume_given

from journal.slot import Slot
from projections import inventory
from projections.fold import State, fold_to


def refers(state: State) -> set[str]:
    """Every blob that a state refers to, the slow way."""
    held = {
        item.blob
        for dataset in state.catalog.datasets.values()
        for item in dataset.objects + dataset.quarantine
    }
    return held | set(state.inventory.keys.values())


@assume_given(histories())
def test_garbage_is_what_no_state_since_the_cutoff_refers_to(slots: list[Slot]) -> None:
    now, states = EMPTY, [EMPTY]
    for slot in slots:
        states += [fold_to(now, slot, event.seq) for event in slot.events]
        now = states[-1]
    # Stored and let go by one event: no state refers to it, and it is kept as if one had.
    brief = {
        blob
        for blob, seq in now.inventory.released.items()
        if blob in now.inventory.blobs and now.inventory.blobs[blob].seq == seq
    }
    for number, cutoff in enumerate(states):
        needed = set().union(*map(refers, states[number:]))
        expected = set(now.inventory.blobs) - needed
        found = {
            stored.blob for stored, _ in inventory.gc_candidates(now.inventory, cutoff.head.seq)
        }
        assert expected - brief <= found <= expected
