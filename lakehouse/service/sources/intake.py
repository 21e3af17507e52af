"""One file of a source: read as it was listed, and ingested; or why it was not.

Must never decide whether a file is in already: the rules do, on the state at the commit.
"""

import structlog

from journal.clock import Clock
from journal.event_records import Count
from journal.events import DatasetRewritten, Event
from lakehouse.api.sources import FileReceived
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import BACKGROUND, Caller
from lakehouse.service.ingest.use_case import Ingest
from lakehouse.service.sources.entries import Changed, Entry, Place
from lakehouse.service.sources.options import plan_of
from projections import sources
from projections.sources import Received, WatchedSource

ACTOR = "lakehouse"
"""The actor of its events."""
ROOM_S, PATIENCE_S = 0.2, 30.0
"""How often to look for a free place, and how long to leave all to files that clients wait for."""

log = structlog.get_logger()


class Nothing:
    """The file brings nothing: its content is in, or it has no row to bring."""


class Unsettled:
    """The file, its source or what came in of it changed meanwhile: it is looked at again."""


Outcome = FileReceived | Nothing | Unsettled | Refused


class Intake:
    """Brings files of sources in, through one node's ingest."""

    def __init__(self, node: Node, ingest: Ingest) -> None:
        self._node = node
        self._ingest = ingest

    def received(self, source: WatchedSource, key: str) -> Received | None:
        """The version of a file that came in last."""
        return sources.received(self._node.state.sources, source.name, source.dataset, key)

    async def take(self, source: WatchedSource, place: Place, entry: Entry) -> Outcome:
        """Bring the file in. A refusal is a value: it is the file's, and no other waits for it."""
        was = self.received(source, entry.key)
        if was is not None and was.identity == entry.identity:
            return Nothing()
        caller = Caller(ACTOR, self._node.clock.monotonic(), BACKGROUND, f"source {source.name}")
        try:
            await self._room(self._node.clock)
            plan = plan_of(source, entry, was.seq if was else None)
            async with self._ingest.received(caller, place.chunks(entry)) as upload:
                settled = await self._ingest.receive(caller, plan, upload)
        except Changed:
            return Unsettled()
        except RefusedError as error:
            return Unsettled() if self._is_gone(source) else error.refused
        except KNOWN as error:
            return refusal(error)
        except Exception as error:
            log.exception("source_file_failed", source=source.name, file=entry.key)
            detail = f"this is a bug; the log says more ({type(error).__name__})"
            return Refused("internal_error", detail)
        if settled.event is not None:
            return FileReceived(entry.key, settled.seq, _rows(settled.event))
        return Nothing() if self.received(source, entry.key) == was else Unsettled()

    async def _room(self, clock: Clock) -> None:
        """Wait while clients have many files received, but not for ever."""
        until = clock.monotonic() + PATIENCE_S
        while not self._ingest.has_room and clock.monotonic() < until:
            await clock.sleep(ROOM_S)

    def _is_gone(self, source: WatchedSource) -> bool:
        live = sources.find(self._node.state.sources, source.name)
        return live is None or live.seq != source.seq


def _rows(event: Event) -> Count | None:
    """How many rows the event of an ingest brought."""
    data = event.data
    if isinstance(data, DatasetRewritten):
        return sum(item.row_count or 0 for item in data.added)
    return getattr(data, "row_count", None)
