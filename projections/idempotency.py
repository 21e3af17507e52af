"""Idempotency keys: the request that used each one, and the place of its event. Pure.

In a lake without principals actors are names that callers give, so that all share their keys: a
request that is sent again under another name is refused, not made twice. A principal has its own.

A stream uses its key for each of its groups. What is remembered of it is the last one, and as long as that:
however many groups it has, it counts as one request.
"""

import hashlib

import msgspec
from immutables import Map

from journal.event_parts import line_after
from journal.events import Event
from projections.access import Access
from projections.moment import Moment
from projections.overlay import Overlay

REMEMBERED = 100_000
"""How many keyed requests are remembered; eviction is part of the fold, so every node agrees."""
_STEPS = 64
"""How many numbers one event passes at most: those that streams have left are free."""


class KeyedRequest(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The hash of the request that used a key, the place of its event, its number in `order`.

    `next_line`: the line of a stream that follows what is committed of it; 0 for other requests.
    """

    request: str
    position: int
    seq: int
    number: int
    next_line: int = 0


class Requests(msgspec.Struct, frozen=True):
    """`seen` by the hash of owner and key; `order` numbers them from `evicted` to `count`, of which
    streams have left as many as `left`."""

    seen: Map[str, KeyedRequest] = Map()
    order: Map[int, str] = Map()
    count: int = 0
    evicted: int = 0
    left: int = 0


EMPTY = Requests()
EVERYONE = ""
"""The owner of the keys of a lake without principals."""


def find(
    requests: Requests, access: Access, actor: str, key: str, request: str | None
) -> KeyedRequest | None:
    """The request that used this key before, as far as it concerns the actor.

    A request that was sent before the lake had principals is found by its hash, which contains its
    actor; others of that time do not concern a principal.
    """
    shared = requests.seen.get(_identity(EVERYONE, key))
    if not access.principals:
        return shared
    own = requests.seen.get(_identity(actor, key))
    return shared if own is None and shared is not None and shared.request == request else own


def _identity(owner: str, key: str) -> str:
    """The hash that a key is stored under: keys of different owners never collide."""
    return hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()


class Draft:
    """Requests while events are folded into them."""

    def __init__(self, requests: Requests) -> None:
        self.seen = Overlay(requests.seen)
        self.order = Overlay(requests.order)
        self.count = requests.count
        self.evicted = requests.evicted
        self.left = requests.left

    def finish(self) -> Requests:
        """The requests after the events; the draft must not be used again."""
        seen, order = self.seen.finish(), self.order.finish()
        return Requests(seen, order, self.count, self.evicted, self.left)


def apply(draft: Draft, event: Event, moment: Moment, *, shared: bool) -> None:
    """Fold one event; one without a key changes nothing. `shared`: the lake had no principals."""
    if event.key is None or event.request is None:
        return
    hashed = _identity(EVERYONE if shared else event.actor, event.key)
    next_line = line_after(event.data)
    if next_line and (before := draft.seen.find(hashed)) is not None:
        draft.order.drop(before.number)
        draft.left += 1
    place = (moment.position, moment.seq, draft.count)
    draft.seen.put(hashed, KeyedRequest(event.request, *place, next_line))
    draft.order.put(draft.count, hashed)
    draft.count += 1
    for _ in range(_STEPS):
        if draft.count - draft.evicted - draft.left <= REMEMBERED:
            return
        _evict_oldest(draft)


def _evict_oldest(draft: Draft) -> None:
    oldest = draft.order.find(draft.evicted)
    if oldest is None:
        draft.left -= 1
    else:
        seen = draft.seen.find(oldest)
        if seen is not None and seen.number == draft.evicted:
            draft.seen.drop(oldest)
        draft.order.drop(draft.evicted)
    draft.evicted += 1
