"""The path of every change: decide, do the steps that its data needs, commit, report.

Owns the two ends of that path: `settle` commits, `foresee` only reports what would happen. Must never
choose the step that a command needs: the decision names it.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import assert_never

import msgspec

from journal.bucket.keys import Tag
from journal.clock import random_name, uuid7
from journal.events import Event
from lakehouse.commit.batch import Answered, CommandFailed, Recorded, Stamp, build
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, Context
from lakehouse.domain.decide import decide, replayed
from lakehouse.domain.decision import DataStep, NeedsData, Replayed, Unchanged
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.access.permissions import permissions, shown_to
from lakehouse.service.caller import Caller
from lakehouse.tracing import span
from projections.fold import State

ATTEMPTS = 40
"""How many steps a change may need: reading and uploading 3 times each; a change of rows 3 more for each
change of the same dataset that another process makes meanwhile."""
UPLOADS_AGAIN = 3
"""How many of those may upload again because gc has marked what was uploaded."""

NOTHING_SHA256 = hashlib.sha256().hexdigest()
"""The SHA-256 of the payload of a change that has none."""


class Settled(msgspec.Struct, frozen=True):
    """The outcome of a change that was not refused.

    `seq` is that of the event that made the change true, or the head's if there is none.
    `state` is the state right after that event, or the one that proved that no event was needed;
    `event` is None in the latter case. `fresh`: whether this call made the event.
    """

    seq: int
    state: State
    event: Event | None
    fresh: bool


class Foreseen(msgspec.Struct, frozen=True):
    """What would come of a change: the states `before` and `after`, its event, or its refusal.

    Neither event nor refusal: the change would change nothing. `command` has what its steps added.
    """

    command: Command

    before: State
    after: State
    event: Event | None
    refused: Refused | None


Advance = Callable[[Command, DataStep], Awaitable[Command]]
"""Does the one step that a command needs, and returns the command with its result."""
TOO_MANY_STEPS = Refused(
    "not_committed",
    f"its data was still not ready after {ATTEMPTS} steps; other changes interfered",
)


async def settle(
    node: Node,
    command: Command,
    caller: Caller,
    payload_sha256: str,
    advance: Advance | None = None,
) -> Settled:
    """Carry out a change: decide, do the steps that its data still needs, commit.

    Raises RefusedError.
    """
    context, marked = _context(node, caller, payload_sha256), 0
    for _ in range(ATTEMPTS):
        # A change without such steps is decided once, by the writer.
        needed = decide(node.state, command, context) if advance is not None else None
        if isinstance(needed, NeedsData) and advance is not None:
            marked += needed.step is DataStep.UPLOAD_AGAIN
            if marked > UPLOADS_AGAIN:
                break
            command = await advance(command, needed.step)
            continue
        with span("commit"):
            outcome = await node.writer.submit(command, context, caller.accepted_s)
        if isinstance(outcome, Recorded):
            return Settled(outcome.event.seq, outcome.state, outcome.event, fresh=True)
        match outcome.decision:
            case Refused() as refused:
                raise RefusedError(shown_to(permissions(node, caller), refused))
            case Unchanged(since):
                seq = outcome.state.head.seq if since is None else since
                return Settled(seq, outcome.state, None, fresh=False)
            case Replayed(position, seq):
                return await _replayed(node, position, seq)
            case NeedsData():
                continue
            case _:
                assert_never(outcome.decision)
    raise RefusedError(TOO_MANY_STEPS)


async def foresee(
    node: Node, command: Command, advance: Advance | None = None, *, on: State | None = None
) -> Foreseen:
    """What would come of a change now: decided and folded on the committed state, never committed.

    `on`: another state to decide it on. Under no idempotency key. A refusal is an answer here, one that
    `advance` raises too.
    """
    for _ in range(ATTEMPTS):
        before = on or node.state
        outcome = _decided(node, before, command)
        if isinstance(outcome, Recorded):
            return Foreseen(command, before, outcome.state, outcome.event, None)
        match outcome.decision:
            case Refused() as refused:
                return Foreseen(command, before, before, None, refused)
            case Unchanged() | Replayed():
                return Foreseen(command, before, before, None, None)
            case NeedsData(step):
                if advance is None:
                    break
                try:
                    command = await advance(command, step)
                except RefusedError as error:
                    return Foreseen(command, before, before, None, error.refused)
            case _:
                assert_never(outcome.decision)
    return Foreseen(command, node.state, node.state, None, TOO_MANY_STEPS)


def mint(node: Node) -> Tag:
    """A tag that makes a blob's key fresh."""
    lake = node.follower.journal.lake.lake
    return Tag(lake[:8], node.state.head.seq, random_name(node.chance, 12))


def _context(node: Node, caller: Caller, payload_sha256: str) -> Context:
    command_id = uuid7(node.clock.now(), node.chance)
    if caller.idempotency_key is None:
        return caller.context(command_id)
    return caller.context(command_id, caller.request_hash(payload_sha256))


def has_made(node: Node, caller: Caller, payload: bytes) -> bool:
    """Whether the event of this request, under its idempotency key, is in the node's state.

    Raises RefusedError `idempotency_key_reused`.
    """
    return _found(node, caller, payload) is not None


async def made_before(node: Node, caller: Caller, payload: bytes) -> Settled | None:
    """The outcome of this request, if its event, under its idempotency key, is in the node's state.

    For changes whose command can be made on the state before them alone. Raises RefusedError
    `idempotency_key_reused`.
    """
    found = _found(node, caller, payload)
    return None if found is None else await _replayed(node, found.position, found.seq)


def _found(node: Node, caller: Caller, payload: bytes) -> Replayed | None:
    context = _context(node, caller, hashlib.sha256(payload).hexdigest())
    found = replayed(node.state, context)
    if isinstance(found, Refused):
        raise RefusedError(found)
    return found


def _decided(node: Node, state: State, command: Command) -> Recorded | Answered:
    """What becomes of a command on this state, in a batch that is never put."""
    stamp = Stamp(node.follower.journal.lake.lake, "", "", node.clock.now())
    (outcome,) = build(state, [(command, Context("", ""))], stamp).outcomes
    if isinstance(outcome, CommandFailed):
        raise outcome.error
    return outcome


async def _replayed(node: Node, position: int, seq: int) -> Settled:
    _, event = await node.past.event_at((position, seq))
    return Settled(seq, await node.past.state_at(seq), event, fresh=False)
