"""The use-cases: the only door, for HTTP, the command line and whatever comes later."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused
from lakehouse.metrics import Metrics, Standing
from lakehouse.objects.object_reader import ObjectReader
from lakehouse.query.engine import QueryEngine
from lakehouse.service.catalog import Catalog
from lakehouse.service.feed import Feed
from lakehouse.service.gc.collector import GarbageCollector, GcWaits
from lakehouse.service.ingest.quarantine import Quarantine
from lakehouse.service.ingest.rejections import Rejections
from lakehouse.service.ingest.use_case import Ingest
from lakehouse.service.journal import JournalReads
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.provenance import Provenance
from lakehouse.service.sql.use_case import Sql
from lakehouse.service.storage import Storage
from lakehouse.service.time_travel import TimeTravel
from projections.fold import counts

MIB = 1024 * 1024
READY_S = 5.0


class ServiceLimits(msgspec.Struct, frozen=True):
    """Bounds of one service. Sizes in bytes."""

    object_bytes: int = 256 * MIB
    upload_bytes: int = 8 * 1024 * MIB
    """A CSV, as received and as decoded."""
    cache_bytes: int = 64 * MIB
    """Results that are kept for who asks the same again."""
    puts: int = 4
    ingests: int = 32
    """How many may be received at once; as many as there are threads are read at once."""
    waits: GcWaits = GcWaits()


class Service:
    """Everything that can be asked of one node. HTTP and the command line hold one each.

    `pool` does blocking work; `lane`, of one thread, reads small files one after the other.
    """

    def __init__(
        self,
        node: Node,
        engine: QueryEngine,
        reader: ObjectReader,
        pool: Executor,
        lane: Executor,
        spool_dir: Path,
        system_dir: Path,
        limits: ServiceLimits,
    ) -> None:
        self.node = node
        self.pool = pool
        self.spool_dir = spool_dir
        self.limits = limits
        self.puts = Limiter(limits.puts, "PUTs", retry_after_s=5)
        self.ingests = Limiter(limits.ingests, "ingests", retry_after_s=5)
        self.objects = VerifiedObjects(node, reader)
        self.storage = Storage(node, self.objects)
        self.catalog = Catalog(node)
        self.journal = JournalReads(node)
        self.past = TimeTravel(node)
        self.why = Provenance(node, engine)
        self.feed = Feed(node, self.journal)
        self.rejections = Rejections(node.clock)
        self.ingest = Ingest(
            *(node, self.objects, pool, lane, spool_dir, limits.upload_bytes, self.rejections)
        )
        self.quarantine = Quarantine(node, self.objects, pool, spool_dir)
        rejected = self.rejections.remembered
        self.sql = Sql(node, engine, pool, system_dir, limits.cache_bytes, rejected)
        self.collection = GarbageCollector(node, self.sql.queries, limits.waits)
        self.metrics = Metrics(self._standing)

    def _standing(self) -> list[Standing]:
        """How things stand, for whoever watches."""
        writer, state, reader = self.node.writer, self.node.state, self.objects.reader
        there = counts(state)
        return [
            ("lakehouse_journal_seq", "The last event that is folded.", state.head.seq),
            ("lakehouse_journal_slot", "The last slot that is folded.", state.head.position),
            ("lakehouse_datasets", "Datasets that live.", there["datasets"]),
            ("lakehouse_keys", "Keys that name an object.", there["keys"]),
            ("lakehouse_versions", "Versions that may still be read.", there["versions"]),
            ("lakehouse_slots_committed_total", "Slots committed here.", writer.counts.slots),
            ("lakehouse_events_committed_total", "Events committed here.", writer.counts.events),
            ("lakehouse_races_lost_total", "Slots that another won.", writer.counts.races_lost),
            ("lakehouse_changes_waiting", "Changes that wait to be decided.", writer.waiting),
            ("lakehouse_halted", "1 when this process takes no changes.", bool(writer.fault)),
            ("lakehouse_objects_damaged_total", "Reads that met damage.", reader.damaged),
            ("lakehouse_blocks_fetched_total", "Blocks from the store.", reader.remote.fetched),
            ("lakehouse_puts_in_flight", "PUTs in flight.", self.puts.inside),
            ("lakehouse_ingests_in_flight", "Ingests in flight.", self.ingests.inside),
            ("lakehouse_listeners", "Listeners to the journal's feed.", self.feed.gate.inside),
            ("lakehouse_queries_running", "Queries that run or wait.", self.sql.queries.count()),
        ]

    async def readiness(self) -> Refused | None:
        """Why this node is not ready to serve, or None: a look at the journal's end, just now."""
        try:
            async with asyncio.timeout(READY_S):
                await self.node.refresh(verify=True)
        except TimeoutError:
            return Refused("bucket_unavailable", f"no answer within {READY_S:.0f} seconds")
        return self.node.writer.fault or self.node.lag_error
