"""The feed: events as they come, to any number of listeners, from one place that wakes them all.

Each slot is rendered once, whoever listens. Who begins in the past is served from the journal, page by
page, until it has reached what is kept here; who falls behind that again was too slow, and is told so.
Must never hold a commit up: it hears of slots after they are folded, and only notes them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import msgspec

from journal.slot import Slot
from lakehouse.api import receipts
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Body, Json
from lakehouse.service.journal import JournalReads
from projections import history

KEPT_EVENTS = 10_000
"""How far a listener may lag behind the newest event before it is let go."""
KEPT_SLOTS = 256
LISTENERS = 1_000
HEARTBEAT_S = 10.0
PIECE_BYTES = 1024 * 1024
GATHER_S = 0.025
"""For how long slots are gathered before all are woken: hundreds of wake-ups a slot slow commits down."""
PAGE = 1_000
HEARTBEAT = b": heartbeat\n\n"


class Subscription(msgspec.Struct, frozen=True):
    """What a listener wants to hear: events after a seq, that pass the filters."""

    after: int = 0
    type: str | None = None
    dataset: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is filtered out."""
        return self.type is None and self.dataset is None

    def passes(self, event: Body) -> bool:
        """Whether it wants this one."""
        if self.type not in (None, event["type"]):
            return False
        return self.dataset is None or _subject(event) == history.dataset_entity(self.dataset)


class _Kept:
    """A slot and, once somebody asked for them, its events as they are sent."""

    def __init__(self, slot: Slot) -> None:
        self.first_seq = slot.header.first_seq
        self.last_seq = slot.head.seq
        self._slot = slot
        self._frames: list[tuple[Body, bytes]] | None = None
        self._whole: bytes | None = None

    def detail(self, after: int, wish: "Subscription") -> bytes:
        """What a listener that has heard up to `after` is sent; most want all of it, as one piece."""
        if after < self.first_seq and wish.is_all:
            if self._whole is None:
                self._whole = b"".join(text for _, text in self.frames())
            return self._whole
        return b"".join(
            text for row, text in self.frames() if _seq(row) > after and wish.passes(row)
        )

    def frames(self) -> list[tuple[Body, bytes]]:
        if self._frames is None:
            header = self._slot.header
            rows = [receipts.event(header, event) for event in self._slot.events]
            self._frames = [(row, frame(row, header.lake)) for row in rows]
        return self._frames


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
        self.gate = Limiter(LISTENERS, "listeners", retry_after_s=5)
        node.follower.listeners.append(self._hear)

    def close(self) -> None:
        """Let every listener go: this process is stopping."""
        self._closing = True
        self._more.set()

    async def listen(self, wish: Subscription) -> AsyncIterator[bytes]:
        """Events after `wish.after` in order and without a gap, with heartbeats between; then its end.

        What it yields is server-sent events. It goes on until closed, or until the listener is
        more than KEPT_EVENTS behind, which is told by an event of type `end`.
        """
        after, live, beats = wish.after, False, self._beats
        with self._beating():
            while not self._closing:
                piece = b""
                if after >= self._node.state.head.seq:
                    live = True
                    await self._more.wait()
                elif self._kept and self._kept[0].first_seq <= after + 1:
                    live = True
                    piece, after = self._piece(after, wish)
                elif live:
                    yield end("too_slow", after)
                    return
                else:
                    piece, after = await self._page(after, wish)
                if not piece and self._beats > beats:
                    # Also of a busy lake, for who wants to hear of little of it.
                    piece = HEARTBEAT
                beats = self._beats
                if piece:
                    yield piece
        yield end("shutting_down", after)

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """One timer for all who listen: hundreds, set again at each wake-up, slow commits down."""
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

    async def _page(self, after: int, wish: Subscription) -> tuple[bytes, int]:
        """What to send next of what is kept no more, and up to which event it goes."""
        page = await self._reads.events(after, PAGE, wish.type, wish.dataset)
        lake = self._node.follower.journal.lake.lake
        detail = b"".join(frame(row, lake) for row in page.rows)
        return detail, page.next if isinstance(page.next, int) else page.seq

    def _piece(self, after: int, wish: Subscription) -> tuple[bytes, int]:
        """What to send next, and up to which event it goes. Those who keep up are sent the same."""
        newest = self._kept[-1].last_seq
        if wish.is_all and self._sent[:2] == (after, newest):
            return self._sent[2], newest
        detail: list[bytes] = []
        last, size_bytes = after, 0
        for kept in self._since(after):
            detail.append(kept.detail(after, wish))
            last, size_bytes = kept.last_seq, size_bytes + len(detail[-1])
            if size_bytes > PIECE_BYTES:
                break
        piece = b"".join(detail)
        if wish.is_all and last == newest:
            self._sent = (after, newest, piece)
        return piece, last

    def _since(self, after: int) -> list[_Kept]:
        """The kept slots that hold events after that. A copy: more may come while they are sent."""
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
        """One event for all who wait: set, and a new one for the next wait."""
        if self._waking is not None:
            self._waking.cancel()
        self._waking = None
        self._more.set()
        self._more = asyncio.Event()


def frame(event: Body, lake: str) -> bytes:
    """An event as a server-sent event: its seq is the id, its data a CloudEvent (1.0, JSON)."""
    body: Body = {
        "specversion": "1.0",
        "id": str(event["seq"]),
        "source": f"urn:lakehouse:{lake}",
        "type": event["type"],
        "time": event["at"],
        "subject": _subject(event),
        "datacontenttype": "application/json",
        **{name: value for name, value in event.items() if name not in ("about", "type", "data")},
        "data": event["data"],
    }
    detail = {name: value for name, value in body.items() if value is not None}
    return b"id: %d\ndata: %s\n\n" % (_seq(event), msgspec.json.encode(detail))


def end(code: str, after: int) -> bytes:
    """The last words to a listener: why, and after which event to ask again."""
    return b"event: end\ndata: %s\n\n" % msgspec.json.encode({"code": code, "after": after})


def _seq(row: Body) -> int:
    seq = row["seq"]
    return seq if isinstance(seq, int) else 0


def _subject(event: Body) -> Json:
    """What the event is about, if about anything: `dataset:<name>`, or `key:<key>`."""
    about, data = event["about"], event["data"]
    if isinstance(about, list | tuple) and about and isinstance(about[0], dict):
        return about[0]["entity"]
    if isinstance(data, dict) and isinstance(key := data.get("key"), str):
        return f"key:{key}"
    return None
