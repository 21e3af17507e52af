"""Idempotency keys: the request that used each one, and the place of its event. Pure.

In a lake without principals actors are names that callers give, so that all share their keys: a
request that is sent again under another name is refused, not made twice. A principal has its own.
"""

import hashlib

import msgspec
from immutables import Map

from journal.events import Event
from projections.access import Access
from projections.moment import Moment
from projections.overlay import Overlay

REMEMBERED = 100_000
"""How many keyed changes are remembered; eviction is part of the fold, so every node agrees."""


class KeyedRequest(msgspec.Struct, frozen=True, gc=False):
    """The hash of the request that used a key, the place of its event, its number in `order`."""

    request: str
    position: int
    seq: int
    number: int


class Requests(msgspec.Struct, frozen=True):
    """`seen` by the hash of owner and key; `order` numbers them from `evicted` to `count`."""

    seen: Map[str, KeyedRequest] = Map()
    order: Map[int, str] = Map()
    count: int = 0
    evicted: int = 0


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

    def finish(self) -> Requests:
        """The requests after the events; the draft must not be used again."""
        return Requests(self.seen.finish(), self.order.finish(), self.count, self.evicted)


def apply(draft: Draft, event: Event, moment: Moment, *, shared: bool) -> None:
    """Fold one event; one without a key changes nothing. `shared`: the lake had no principals."""
    if event.key is None or event.request is None:
        return
    hashed = _identity(EVERYONE if shared else event.actor, event.key)
    draft.seen.put(hashed, KeyedRequest(event.request, moment.position, moment.seq, draft.count))
    draft.order.put(draft.count, hashed)
    draft.count += 1
    if draft.count - draft.evicted > REMEMBERED:
        _evict_oldest(draft)


def _evict_oldest(draft: Draft) -> None:
    oldest = draft.order.find(draft.evicted)
    if oldest is not None:
        seen = draft.seen.find(oldest)
        if seen is not None and seen.number == draft.evicted:
            draft.seen.drop(oldest)
    draft.order.drop(draft.evicted)
    draft.evicted += 1
