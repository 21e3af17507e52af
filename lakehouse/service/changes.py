"""What every change has in common: who asks, decide, bring the data, commit, and what came of it."""

import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from journal.bucket.keys import Tag
from journal.clock import random_name, uuid7
from journal.events import Event
from lakehouse.commit.batch import Recorded
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, Context
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import NeedsData, Replayed, Unchanged
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller
from projections.fold import State

ATTEMPTS = 8
"""How often a change may find that its data must be read or uploaded: 3 times each, and to spare."""
UPLOADS_AGAIN = 3
"""How often of those because a collection has marked what was uploaded."""

NOTHING_SHA256 = hashlib.sha256().hexdigest()
"""The payload of a change that has none."""


class Settled(msgspec.Struct, frozen=True):
    """What came of a change that was not refused.

    `seq` is the receipt's: of the event that made it so, or the head's where there is none.
    `state` is the state right after that event, or the one that proved that nothing was needed;
    `event` is None in the latter case, `fresh` tells whether this caller made the event.
    """

    seq: int
    state: State
    event: Event | None
    fresh: bool


async def settle(
    node: Node,
    command: Command,
    caller: Caller,
    payload_sha256: str,
    advance: Callable[[Command], Awaitable[Command]] | None = None,
) -> Settled:
    """Carry a change through. `advance` brings data closer whenever deciding finds it wanting.

    Raises RefusedError.
    """
    context, marked = _context(node, caller, payload_sha256), 0
    for _ in range(ATTEMPTS):
        decision = decide(node.state, command, context)
        if isinstance(decision, NeedsData) and advance is not None:
            marked += decision.again
            if marked > UPLOADS_AGAIN:
                break
            command = await advance(command)
            continue
        outcome = await node.writer.submit(command, context, caller.accepted_s)
        if isinstance(outcome, Recorded):
            return Settled(outcome.event.seq, outcome.state, outcome.event, fresh=True)
        match outcome.decision:
            case Refused() as refused:
                raise RefusedError(refused)
            case Unchanged(since):
                seq = outcome.state.head.seq if since is None else since
                return Settled(seq, outcome.state, None, fresh=False)
            case Replayed(position, seq):
                return await _replayed(node, position, seq)
            case NeedsData():
                continue
    raise RefusedError(Refused("not_committed", "the data had to be brought too often"))


def mint(node: Node) -> Tag:
    """A tag that makes a blob's key fresh."""
    lake = node.follower.journal.lake.lake
    return Tag(lake[:8], node.state.head.seq, random_name(node.chance, 12))


def _context(node: Node, caller: Caller, payload_sha256: str) -> Context:
    command_id = uuid7(node.clock.now(), node.chance)
    if caller.idempotency_key is None:
        return caller.context(command_id)
    return caller.context(command_id, caller.request_hash(payload_sha256))


async def _replayed(node: Node, position: int, seq: int) -> Settled:
    _, event = await node.past.event_at((position, seq))
    return Settled(seq, await node.past.state_at(seq), event, fresh=False)
