"""Idempotency keys: the request that used each one, and the place of its event. Pure."""

import hashlib

import msgspec
from immutables import Map

from journal.events import Event
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
    """`seen` by the hash of actor and key; `order` numbers them from `evicted` to `count`."""

    seen: Map[str, KeyedRequest] = Map()
    order: Map[int, str] = Map()
    count: int = 0
    evicted: int = 0


EMPTY = Requests()


def identity(actor: str, key: str) -> str:
    """The hash that a key is stored under: keys of different actors never collide."""
    return hashlib.sha256(f"{actor}\n{key}".encode()).hexdigest()


def find(requests: Requests, actor: str, key: str) -> KeyedRequest | None:
    """The request that this actor sent under this key, if it is among those remembered."""
    return requests.seen.get(identity(actor, key))


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


def apply(draft: Draft, event: Event, moment: Moment) -> None:
    """Fold one event; one without a key changes nothing."""
    if event.key is None or event.request is None:
        return
    hashed = identity(event.actor, event.key)
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
