"""The collector of cycles, while a state grows: suspended, and back afterwards whatever happens."""

import gc

import pytest

from projections.states.heap import growing


def test_nothing_looks_for_cycles_meanwhile() -> None:
    assert gc.isenabled()
    with growing():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_looks_again_after_a_fault() -> None:
    with pytest.raises(ValueError, match="damage"), growing():
        raise ValueError("damage")
    assert gc.isenabled()


def test_of_several_at_once_none_leaves_it_suspended() -> None:
    one, other = growing(), growing()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    other.__exit__(None, None, None)
    assert gc.isenabled()


def test_whoever_has_suspended_it_finds_it_so() -> None:
    gc.disable()
    try:
        with growing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
