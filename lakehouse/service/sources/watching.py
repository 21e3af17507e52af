"""Watching in the background: which source is looked at when, and by which process first.

Processes do not agree on it: the one that wrote the journal's last slot looks when a source is due, the
others some seconds later, and whoever is late finds in the events what came in. Must never decide that.
"""

import asyncio

import structlog

from journal.slot import Slot
from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.service.sources.looks import Looks
from projections import sources
from projections.sources import WatchedSource

CHECK_S = 0.5
BEHIND_S = (5.0, 15.0)
"""How much later the processes look that did not write the last slot."""
LAST_PAUSE_S = 3_600.0
"""The longest pause after looks that failed; each is twice the one before."""
MAX_DOUBLINGS = 12

log = structlog.get_logger()


class _Turn:
    """When a source is looked at next, as it was put."""

    def __init__(self, put_seq: int, due_s: float) -> None:
        self.put_seq = put_seq
        self.due_s = due_s
        self.failures = 0
        self.is_running = False


class Watching:
    """Looks at one node's sources when they are due."""

    def __init__(self, node: Node, looks: Looks) -> None:
        self._node = node
        self._looks = looks
        self._turns: dict[str, _Turn] = {}
        self._wrote_last = True
        node.follower.listeners.append(self._note_slot)

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for source in self.due():
                    tasks.create_task(self.look(source))
                await self._node.clock.sleep(CHECK_S)

    def due(self) -> list[WatchedSource]:
        """The sources to look at now; each counts as being looked at until `look` has ended."""
        now_s, live = self._node.clock.monotonic(), self._node.state.sources
        if not live.live and not self._turns:
            return []
        self._looks.forget_others()
        for name in [name for name, turn in self._turns.items() if name not in live.live]:
            if not self._turns[name].is_running:
                del self._turns[name]
        found = []
        for source in sources.in_name_order(live):
            turn = self._turns.get(source.name.lower())
            if turn is None or (turn.put_seq != source.seq and not turn.is_running):
                turn = self._turns[source.name.lower()] = _Turn(source.seq, now_s + self._behind())
            if not turn.is_running and turn.due_s <= now_s:
                turn.is_running = True
                found.append(source)
        return found

    async def look(self, source: WatchedSource) -> None:
        """Look at a source that was due, and decide when it is due again."""
        turn = self._turns[source.name.lower()]
        try:
            await self._looks.look(source)
            turn.failures = 0
        except RefusedError as error:
            turn.failures += 1
            log.warning(
                "source_not_listed",
                source=source.name,
                code=error.refused.code,
                detail=error.refused.detail,
            )
        finally:
            turn.is_running = False
            pause_s = min(LAST_PAUSE_S, source.every_s * 2 ** min(turn.failures, MAX_DOUBLINGS))
            pause_s = max(pause_s, source.every_s) + self._behind()
            turn.due_s = self._node.clock.monotonic() + pause_s

    def _behind(self) -> float:
        return 0.0 if self._wrote_last else self._node.chance.uniform(*BEHIND_S)

    def _note_slot(self, slot: Slot) -> None:
        self._wrote_last = slot.header.writer == self._node.writer.name
