"""The rule that each line of a stream comes in once: its groups follow each other without a gap. Pure.

What is committed of a stream is part of the state, by its idempotency key. Two connections may send the same
stream, the older of which nobody reads any more: the group of one of them then does not follow.
"""

from lakehouse.domain.commands import Context, IngestDataset
from lakehouse.domain.errors import Refused
from projections import idempotency
from projections.fold import State
from projections.idempotency import KeyedRequest


def committed(state: State, context: Context) -> KeyedRequest | Refused | None:
    """The last group of the stream that has the context's key; None before the first."""
    asked = (context.actor, context.key or "", context.request)
    seen = idempotency.find(state.requests, state.access, *asked)
    return reused(seen) if seen is not None and seen.request != context.request else seen


def out_of_turn(state: State, command: IngestDataset, context: Context) -> Refused | None:
    """Why a group is not the next one of its stream, or None. Without a key each is."""
    if not context.key:
        return None
    found = committed(state, context)
    if isinstance(found, Refused):
        return found
    next_line = found.next_line if found is not None else 1
    if next_line == command.first_line:
        return None
    detail = f"another connection continued the stream: line {next_line} is its next one"
    return Refused("not_committed", detail)


def reused(seen: KeyedRequest) -> Refused:
    """The refusal of a key that another request has used."""
    detail = f"the key was used for another request (event {seen.seq})"
    return Refused("idempotency_key_reused", detail)
