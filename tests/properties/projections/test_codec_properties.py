"""Any state survives its bytes."""

from builders import EMPTY
from commands_strategy import histories
from hypothesis import given as assume_given

from journal.slot import Slot
from projections.codec import decode_state, encode_state, state_root
from projections.fold import fold


@assume_given(histories())
def test_any_state_survives_its_bytes(slots: list[Slot]) -> None:
    state = EMPTY
    for each in slots:
        state = fold(state, each)
    read = decode_state(b"".join(encode_state(state)))
    assert read == state
    assert state_root(read) == state_root(state)
