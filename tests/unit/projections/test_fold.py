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

from journal.events import FormatRaised, LakeAdopted
from journal.slot import decode_slot
from lakehouse.commit.batch import Stamp, build
from lakehouse.domain.commands import DropDataset, RegisterDataset
from projections.codec import state_root
from projections.fold import apply, counts, fold, fold_to
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
