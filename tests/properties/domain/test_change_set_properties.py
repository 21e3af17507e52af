"""Any change set is what its changes would be one after the other, or nothing at all."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from builders import BEGAN, EMPTY, LAKE, context
from commands_strategy import COMMANDS, histories
from hypothesis import given as assume_given
from hypothesis import strategies as st

from journal.slot import Slot
from lakehouse.commit.batch import Answered, Recorded, Stamp, build
from lakehouse.domain.commands import Command, CommitChangeSet, UndoChange
from lakehouse.domain.decision import NeedsData, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.undo import inverse
from projections.fold import State, fold

STAMP = Stamp(LAKE.lake, "c", "w", BEGAN + timedelta(days=1))
UNTIMED = {"created_at": "", "updated_at": "", "seq": 0}


def after(slots: list[Slot]) -> State:
    state = EMPTY
    for slot in slots:
        state = fold(state, slot)
    return state


def made_of(state: State, command: Command) -> Recorded | Answered:
    (outcome,) = build(state, [(command, context())], STAMP).outcomes
    assert isinstance(outcome, Recorded | Answered), outcome
    return outcome


def one_by_one(state: State, commands: Sequence[Command]) -> tuple[State, int | None, Any]:
    """The state after these commands, or the index of the first that is refused, and how."""
    for index, command in enumerate(commands):
        outcome = made_of(state, command)
        if isinstance(outcome, Answered) and isinstance(outcome.decision, Refused | NeedsData):
            return state, index, outcome.decision
        state = outcome.state
    return state, None, None


def definitions(state: State) -> dict[str, Any]:
    kinds = {"views": state.catalog.views, "profiles": state.catalog.profiles}
    return {
        kind: {name: msgspec.structs.replace(each, **UNTIMED) for name, each in found.items()}
        for kind, found in kinds.items()
    }


def content(state: State) -> dict[str, Any]:
    """What a state holds, whenever it came."""
    datasets = {
        name: msgspec.structs.replace(
            live,
            **UNTIMED,
            sources=tuple(msgspec.structs.replace(each, seq=0) for each in live.sources),
        )
        for name, live in state.catalog.datasets.items()
    }
    inside = state.inventory
    return {
        **definitions(state),
        "datasets": datasets,
        "keys": dict(inside.keys),
        "references": dict(inside.references),
        "blobs": set(inside.blobs),
        "released": set(inside.released),
        "links": set(state.history.links),
    }


@assume_given(histories(), st.lists(COMMANDS, min_size=1, max_size=6))
def test_it_is_its_changes_one_after_the_other(slots: list[Slot], commands: list[Command]) -> None:
    before = after(slots)
    outcome = made_of(before, CommitChangeSet(tuple(commands)))
    singly, index, refusal = one_by_one(before, commands)
    if isinstance(refusal, Refused):
        assert isinstance(outcome, Answered)
        assert isinstance(outcome.decision, Refused)
        assert outcome.decision.code == refusal.code
        assert all(row["change"] == index for row in outcome.decision.errors)
    elif isinstance(refusal, NeedsData):
        assert isinstance(outcome, Answered)
        assert outcome.decision == NeedsData(refusal.step, f"change {index}: {refusal.detail}")
    else:
        assert content(outcome.state) == content(singly)
        assert outcome.state.head.seq == before.head.seq + isinstance(outcome, Recorded)


@assume_given(histories(), st.lists(COMMANDS, min_size=1, max_size=6))
def test_its_undo_leads_back(slots: list[Slot], commands: list[Command]) -> None:
    before = after(slots)
    outcome = made_of(before, CommitChangeSet(tuple(commands)))
    if not isinstance(outcome, Recorded):
        return
    undone = inverse(outcome.event.data, before)
    assert not isinstance(undone, Refused)
    back = made_of(outcome.state, UndoChange(outcome.event.seq, outcome.event.data, undone))
    if isinstance(back, Answered):
        assert isinstance(back.decision, Unchanged), back
    assert held(back.state) == held(before)


def held(state: State) -> dict[str, Any]:
    """Which rows and keys there are; a restored dataset names one source at most."""
    datasets = {
        name: msgspec.structs.replace(live, **UNTIMED, sources=())
        for name, live in state.catalog.datasets.items()
    }
    return {"datasets": datasets, "keys": dict(state.inventory.keys)} | definitions(state)
