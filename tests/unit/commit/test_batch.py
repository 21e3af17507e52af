"""Batches: each command on the state that the last one leaves, in one slot's bytes."""

import msgspec
import pytest
from builders import BEGAN, EMPTY, LAKE, blob, context, sha

from journal.slot import decode_slot
from lakehouse.commit import batch
from lakehouse.commit.batch import Answered, Batch, CommandFailed, Recorded, Stamp, build
from lakehouse.domain.commands import Command, Context, DropDataset, RegisterDataset, StoreObject
from lakehouse.domain.decision import Replayed, Unchanged
from lakehouse.domain.errors import Refused
from projections.fold import fold

STAMP = Stamp(LAKE.lake, "mine", "w-1", BEGAN)


def register(name: str, fingerprint: str = "f") -> RegisterDataset:
    return RegisterDataset(name, fingerprint, (), None)


def put(key: str, size: int = 10) -> StoreObject:
    return StoreObject(key, size, sha(key), "x", blob(key))


def built(*commands: Command | tuple[Command, Context]) -> Batch:
    asked = [each if isinstance(each, tuple) else (each, context()) for each in commands]
    return build(EMPTY, asked, STAMP)


def test_later_commands_see_the_earlier_ones() -> None:
    batch = built(register("w"), register("w"), register("W"), DropDataset("w"), register("W"))
    kinds = [
        each.event.type if isinstance(each, Recorded) else each.decision  # type: ignore[union-attr]
        for each in batch.outcomes
    ]
    assert kinds[0] == "dataset_registered"
    assert kinds[1] == Unchanged(1)
    assert isinstance(kinds[2], Refused)
    assert kinds[3:] == ["dataset_dropped", "dataset_registered"]


def test_one_slot_holds_the_events_in_order_at_one_time() -> None:
    closed = built(register("a"), register("b"), DropDataset("a")).closed
    assert closed is not None
    read = decode_slot(closed.body, 1)
    assert read == closed.slot
    assert [each.seq for each in read.events] == [1, 2, 3]
    assert read.events[2].about[0].prev == (1, 1)
    assert read.header.commit == "mine"
    assert fold(EMPTY, read) == closed.state


def test_the_same_key_twice_in_one_batch_is_one_event() -> None:
    batch = built((register("a"), context("k", "r")), (register("a"), context("k", "r")))
    second = batch.outcomes[1]
    assert isinstance(second, Answered)
    assert second.decision == Replayed(1, 1)


def test_without_an_event_there_is_no_slot() -> None:
    batch = built(DropDataset("nothing"))
    assert batch.closed is None
    assert len(batch.outcomes) == 1


def test_a_command_that_makes_decide_raise_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = batch.decide

    def brittle(state: object, command: Command, context: Context) -> object:
        if command == register("poison"):
            raise ZeroDivisionError
        return decide(state, command, context)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "decide", brittle)
    outcomes = built(register("a"), register("poison"), register("b")).outcomes
    assert [type(each) for each in outcomes] == [Recorded, CommandFailed, Recorded]


def test_a_command_that_no_line_can_hold_fails_alone() -> None:
    odd = msgspec.structs.replace(context(), reason="half a surrogate: \udcff")
    outcomes = built(register("a"), (register("odd"), odd), register("b")).outcomes
    assert [type(each) for each in outcomes] == [Recorded, CommandFailed, Recorded]


def test_a_command_whose_event_no_reader_takes_fails_alone() -> None:
    odd = RegisterDataset("odd", "f", (), -1)
    outcomes = built(register("a"), odd, register("b")).outcomes
    assert [type(each) for each in outcomes] == [Recorded, CommandFailed, Recorded]


def test_what_does_not_fit_waits_for_the_next_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_EVENTS", 2)
    assert len(built(put("a"), DropDataset("x"), put("b"), put("c"), put("d")).outcomes) == 3
    monkeypatch.setattr(batch, "BATCH_BYTES", 600)
    assert len(built(put("a"), put("b"), put("c")).outcomes) == 1


def test_a_large_command_has_its_own_slot_and_too_large_a_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "BATCH_BYTES", 100)
    monkeypatch.setattr(batch, "COMMAND_BYTES", 1_000)
    large = msgspec.structs.replace(put("a"), content_type="x" * 400)
    assert len(built(large, put("b")).outcomes) == 1
    outcome = built(msgspec.structs.replace(put("a"), content_type="x" * 2_000), put("b")).outcomes
    assert isinstance(outcome[0], Answered)
    assert isinstance(outcome[0].decision, Refused)
    assert outcome[0].decision.code == "command_too_large"
    assert isinstance(outcome[1], Recorded)


def test_a_batch_names_the_commit_that_its_slot_names() -> None:
    for commands in ([], [(register("a"), context())]):
        assert build(EMPTY, commands, STAMP).commit == STAMP.commit
