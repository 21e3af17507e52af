"""A look at a source: list it, bring in what is new, remember the rest.

Owns what this process remembers of each source. Looks at one source never overlap.
"""

import asyncio
from datetime import timedelta
from typing import Any

import structlog

from journal.slot import format_at
from lakehouse.api.sources import FileReceived
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.sources.entries import Entry, Place, Skipped
from lakehouse.service.sources.intake import Intake, Nothing, Outcome
from lakehouse.service.sources.memory import Listing, Memory, SetAside, pause_s
from lakehouse.service.sources.places import Places
from lakehouse.service.sources.presentation import row, source_body
from projections import sources
from projections.sources import WatchedSource

FILES_AT_ONCE = 4
"""How many files of all sources are read at once."""

log = structlog.get_logger()


class Looks:
    """The looks of one process."""

    def __init__(self, node: Node, places: Places, intake: Intake) -> None:
        self._node = node
        self._places = places
        self._intake = intake
        self._memories: dict[str, Memory] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._reading = asyncio.Semaphore(FILES_AT_ONCE)
        self.files_received = 0
        """Since the process started."""
        self.looks_failed = 0

    def memory(self, source: WatchedSource) -> Memory:
        """What is remembered of the source as it was put last."""
        name = source.name.lower()
        held = self._memories.get(name)
        if held is None or held.put_seq != source.seq:
            held = self._memories[name] = Memory(source.seq)
        return held

    def log(self) -> list[dict[str, Any]]:
        """The rows of `lake.sources`."""
        now = self._node.state.sources
        live = sources.in_name_order(now)
        return [row(source_body(now, each, self.memory(each))) for each in live]

    def set_aside(self) -> int:
        """How many files are set aside, of the sources that there are."""
        live = sources.in_name_order(self._node.state.sources)
        return sum(len(self.memory(each).aside) for each in live)

    def forget_others(self) -> None:
        """Forget the sources that were dropped."""
        live = self._node.state.sources.live
        for name in self._memories.keys() - live.keys():
            del self._memories[name]
            self._locks.pop(name, None)

    async def look(self, source: WatchedSource) -> list[FileReceived]:
        """List the source once, and bring in what is due; what came in.

        Raises RefusedError: `source_unavailable`, `invalid_request`.
        """
        async with self._locks.setdefault(source.name.lower(), asyncio.Lock()):
            memory = self.memory(source)
            try:
                place = self._places.of(source)
                due = await self._list(source, place, memory)
            except RefusedError as error:
                self.looks_failed += 1
                memory.error = (error.refused.code, error.refused.detail)
                raise
            finally:
                memory.looked_at = format_at(self._node.clock.now())
            return await self._take_all(source, place, memory, due)

    async def _list(self, source: WatchedSource, place: Place, memory: Memory) -> list[Entry]:
        now_s = self._node.clock.monotonic()
        listing = Listing(memory, now_s, is_whole=place.is_whole)
        async for piece in place.pieces():
            for each in piece:
                if isinstance(each, Skipped):
                    listing.skip(each)
                else:
                    was = self._intake.received(source, each.key)
                    listing.add(each, was.identity if was else None)
            await asyncio.sleep(0)
        listing.finish()
        return listing.due

    async def _take_all(
        self, source: WatchedSource, place: Place, memory: Memory, due: list[Entry]
    ) -> list[FileReceived]:
        """Bring in files, several at once where their order makes no difference."""
        found: list[FileReceived] = []
        left = iter(due)

        async def work() -> None:
            for entry in left:
                async with self._reading:
                    outcome = await self._intake.take(source, place, entry)
                self._note(source, memory, entry, outcome)
                if isinstance(outcome, FileReceived):
                    found.append(outcome)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(FILES_AT_ONCE if source.mode == "append" else 1):
                tasks.create_task(work())
        return found

    def _note(self, source: WatchedSource, memory: Memory, entry: Entry, outcome: Outcome) -> None:
        key = entry.key
        if isinstance(outcome, Refused):
            memory.waiting.pop(key, None)
            memory.aside[key] = aside = self._aside(memory, entry, outcome)
            log.warning(
                "source_file_set_aside",
                source=source.name,
                file=key,
                code=aside.code,
                tries=aside.tries,
            )
        elif isinstance(outcome, FileReceived | Nothing):
            memory.waiting.pop(key, None)
            memory.aside.pop(key, None)
            if isinstance(outcome, Nothing):
                memory.settled[key] = entry.identity
            else:
                self.files_received += 1
        else:
            memory.waiting[key] = ""

    def _aside(self, memory: Memory, entry: Entry, refused: Refused) -> SetAside:
        was = memory.aside.get(entry.key)
        tries = was.tries + 1 if was and was.entry.identity == entry.identity else 1
        wait_s, clock = pause_s(tries), self._node.clock
        return SetAside(
            *(entry, refused.code, refused.detail, tries, clock.monotonic() + wait_s),
            format_at(clock.now() + timedelta(seconds=wait_s)),
        )
