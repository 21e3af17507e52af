"""The feed: events as they are committed, sent to any number of listeners.

Each slot is rendered once for all listeners. A listener that starts in the past reads pages of the
journal until it reaches the slots that are kept here; a listener that falls behind them again is too
slow, and its stream ends. Must never delay a commit: slots arrive here after they are folded, and are
only stored.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.metadata import version

import msgspec

from journal.slot import Slot
from lakehouse.api.history.journal import (
    JournalEvent,
    ListEventsQuery,
    StreamedEvent,
    StreamEnd,
    StreamEventsQuery,
)
from lakehouse.audit import ocsf
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.service import presentation
from lakehouse.service.access.permissions import Permissions, permissions
from lakehouse.service.access.visible import visible_event
from lakehouse.service.caller import Caller
from lakehouse.service.history.journal import JournalReads
from projections import history

KEPT_EVENTS = 10_000
"""How far a listener may lag behind the newest event before its stream ends."""
KEPT_SLOTS = 256
KEPT_SCOPES = 16
"""For how many scopes of listeners each slot is kept in rendered form."""
LISTENERS = 1_000
HEARTBEAT_S = 10.0
PIECE_BYTES = 1024 * 1024
GATHER_S = 0.025
"""How long slots are gathered before the listeners wake: hundreds of wake-ups a slot delay commits."""
PAGE = 1_000
HEARTBEAT = b": heartbeat\n\n"


class _Kept:
    """A slot and, once a listener needs them, its events as they are sent."""

    def __init__(self, slot: Slot) -> None:
        self.first_seq = slot.header.first_seq
        self.last_seq = slot.head.seq
        self._slot = slot
        self._frames: dict[str, list[tuple[JournalEvent, bytes]]] = {}
        """By the scope of the listeners, so that those who see the same share them."""
        self._whole: bytes | None = None

    def detail(self, after: int, query: StreamEventsQuery, held: Permissions) -> bytes:
        """The message to a listener that has events up to `after`; most get all events, as one piece."""
        if after < self.first_seq and _is_all(query) and held.unrestricted:
            if self._whole is None:
                self._whole = b"".join(text for _, text in self.frames(held))
            return self._whole
        return b"".join(
            text if query.format == "json" else ocsf_frame(row)
            for row, text in self.frames(held)
            if row.seq > after and _passes(query, row)
        )

    def frames(self, held: Permissions) -> list[tuple[JournalEvent, bytes]]:
        scope = held.scope
        if scope not in self._frames:
            if len(self._frames) >= KEPT_SCOPES:
                self._frames.clear()
            header = self._slot.header
            seen = [visible_event(event, held) for event in self._slot.events]
            rows = [presentation.journal_event(header, event) for event in seen if event]
            self._frames[scope] = [(row, frame(row, header.lake)) for row in rows]
        return self._frames[scope]


class Feed:
    """The listeners of one node."""

    def __init__(self, node: Node, reads: JournalReads) -> None:
        self._node = node
        self._reads = reads
        self._kept: deque[_Kept] = deque()
        self._more = asyncio.Event()
        self._sent = (0, 0, b"")
        """The last piece that went out, and between which events it lies."""
        self._waking: asyncio.TimerHandle | None = None
        self._next_beat: asyncio.TimerHandle | None = None
        self._listening = 0
        self._beats = 0
        self._closing = False
        self.gate = Limiter(LISTENERS, "listener", retry_after_s=5)
        node.follower.listeners.append(self._hear)

    def close(self) -> None:
        """End all streams: this process stops."""
        self._closing = True
        self._more.set()

    async def listen(self, caller: Caller, query: StreamEventsQuery) -> AsyncIterator[bytes]:
        """Server-sent events: the events after `query.after`, in order and without a gap, and
        heartbeats.

        It ends when the feed is closed, when the listener is more than KEPT_EVENTS behind, or when its
        token is no longer valid; the last message is an `end` that says which.
        """
        after, live, beats = query.after, False, self._beats
        with self._beating():
            while not self._closing:
                piece, held = b"", permissions(self._node, caller)
                if not held.unrestricted and held.name is None:
                    yield end("unauthenticated", after)
                    return
                if after >= self._node.state.head.seq:
                    live = True
                    await self._more.wait()
                elif self._kept and self._kept[0].first_seq <= after + 1:
                    live = True
                    piece, after = self._piece(after, query, held)
                elif live:
                    yield end("too_slow", after)
                    return
                else:
                    piece, after = await self._page(caller, after, query)
                if not piece and self._beats > beats:
                    # Also while events are committed, for a listener whose filter excludes most of
                    # them.
                    piece = HEARTBEAT
                beats = self._beats
                if piece:
                    yield piece
        yield end("shutting_down", after)

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """One timer for all listeners: hundreds, set again at each wake-up, delay commits."""
        self._listening += 1
        self._beat_later()
        try:
            yield
        finally:
            self._listening -= 1

    def _beat_later(self) -> None:
        if self._next_beat is None and self._listening:
            self._next_beat = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)

    def _beat(self) -> None:
        self._next_beat = None
        self._beats += 1
        self._wake()
        self._beat_later()

    async def _page(
        self, caller: Caller, after: int, query: StreamEventsQuery
    ) -> tuple[bytes, int]:
        """The next events of those that are no longer kept, and up to which event they go."""
        wanted = ListEventsQuery(after, PAGE, query.type, query.dataset)
        page = await self._reads.events(caller, wanted)
        lake = self._node.follower.journal.lake.lake
        detail = b"".join(
            frame(row, lake) if query.format == "json" else ocsf_frame(row)
            for row in page.body.events
        )
        return detail, page.seq if page.body.next is None else page.body.next

    def _piece(self, after: int, query: StreamEventsQuery, held: Permissions) -> tuple[bytes, int]:
        """The next events, and up to which event they go. Listeners that keep up share one piece."""
        newest = self._kept[-1].last_seq
        shared = _is_all(query) and held.unrestricted
        if shared and self._sent[:2] == (after, newest):
            return self._sent[2], newest
        detail: list[bytes] = []
        last, size_bytes = after, 0
        for kept in self._since(after):
            detail.append(kept.detail(after, query, held))
            last, size_bytes = kept.last_seq, size_bytes + len(detail[-1])
            if size_bytes > PIECE_BYTES:
                break
        piece = b"".join(detail)
        if shared and last == newest:
            self._sent = (after, newest, piece)
        return piece, last

    def _since(self, after: int) -> list[_Kept]:
        """The kept slots with events after that. A copy: slots may be added while they are sent."""
        found: list[_Kept] = []
        for kept in reversed(self._kept):
            if kept.last_seq <= after:
                break
            found.append(kept)
        return found[::-1]

    def _hear(self, slot: Slot) -> None:
        self._kept.append(_Kept(slot))
        last = slot.head.seq
        while len(self._kept) > KEPT_SLOTS or last - self._kept[0].last_seq > KEPT_EVENTS:
            self._kept.popleft()
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(GATHER_S, self._wake)

    def _wake(self) -> None:
        """One event for all listeners: set it, and make a new one for the next wait."""
        if self._waking is not None:
            self._waking.cancel()
        self._waking = None
        self._more.set()
        self._more = asyncio.Event()


def frame(event: JournalEvent, lake: str) -> bytes:
    """An event as a server-sent event: its seq is the id, its data a CloudEvent (1.0, JSON)."""
    detail = StreamedEvent(
        specversion="1.0",
        id=str(event.seq),
        source=f"urn:lakehouse:{lake}",
        type=event.type,
        time=event.at,
        datacontenttype="application/json",
        seq=event.seq,
        position=event.position,
        at=event.at,
        v=event.v,
        command=event.command,
        actor=event.actor,
        data=event.data,
        subject=_subject(event),
        key=event.key,
        request=event.request,
        reason=event.reason,
        correlation=event.correlation,
        on_behalf_of=event.on_behalf_of,
    )
    return b"id: %d\ndata: %s\n\n" % (event.seq, msgspec.json.encode(detail))


def ocsf_frame(event: JournalEvent) -> bytes:
    """The same with an event of OCSF as its data."""
    detail = ocsf.journal_event(event, version("lakehouse"))
    return b"id: %d\ndata: %s\n\n" % (event.seq, msgspec.json.encode(detail))


def end(code: str, after: int) -> bytes:
    """The last message to a listener: why it ends, and after which event to connect again."""
    return b"event: end\ndata: %s\n\n" % msgspec.json.encode(StreamEnd(code, after))


def _is_all(query: StreamEventsQuery) -> bool:
    return query.type is None and query.dataset is None and query.format == "json"


def _passes(query: StreamEventsQuery, event: JournalEvent) -> bool:
    if query.type not in (None, event.type):
        return False
    if query.dataset is None:
        return True
    entity = history.dataset_entity(query.dataset)
    return any(each.entity == entity for each in event.about)


def _subject(event: JournalEvent) -> str | None:
    """The event's subject, `dataset:<name>` or `key:<key>`; None if it has neither."""
    if event.about:
        return event.about[0].entity
    key = event.data.get("key")
    return f"key:{key}" if isinstance(key, str) else None
