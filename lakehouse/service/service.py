"""The use cases by subject: the only thing that a door (HTTP, command line) may call."""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journal.bucket.keys import MASK_KEY, SESSION_KEY
from journal.bucket.s3.settings import S3Settings
from lakehouse.audit.log import AuditLog
from lakehouse.commit import faults
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused
from lakehouse.formats.limits import IngestLimits
from lakehouse.metrics import Metrics, Standing
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.engine import QueryEngine
from lakehouse.service.access.authentication import Authentication
from lakehouse.service.access.quotas import Quotas
from lakehouse.service.access.use_case import Access
from lakehouse.service.administration import Administration
from lakehouse.service.audit.use_case import Audit
from lakehouse.service.catalog.change_sets import ChangeSets
from lakehouse.service.catalog.profiles import Profiles
from lakehouse.service.catalog.use_case import Catalog
from lakehouse.service.catalog.views import Views
from lakehouse.service.compaction.background import BackgroundCompaction
from lakehouse.service.compaction.group_job import GroupJob
from lakehouse.service.compaction.object_merger import ObjectMerger
from lakehouse.service.compaction.rebuilding import Rebuilder
from lakehouse.service.compaction.use_case import Compaction
from lakehouse.service.derivation.job import Workshop
from lakehouse.service.derivation.use_case import Derivations
from lakehouse.service.erasure.local_copies import LocalCopies
from lakehouse.service.erasure.traces import Traces
from lakehouse.service.erasure.use_case import Erasure
from lakehouse.service.gc.collector import GarbageCollector, GcWaits
from lakehouse.service.gc.copies import CopyCollector
from lakehouse.service.gc.use_case import Gc
from lakehouse.service.history.feed import Feed
from lakehouse.service.history.journal import JournalReads
from lakehouse.service.history.time_travel import TimeTravel
from lakehouse.service.iceberg.appends import IcebergAppends
from lakehouse.service.iceberg.use_case import IcebergCatalog
from lakehouse.service.iceberg.vending import NO_VENDING, Vending
from lakehouse.service.index.entity_chains import EntityChains
from lakehouse.service.ingest.memory import IngestMemory
from lakehouse.service.ingest.quarantine import Quarantine
from lakehouse.service.ingest.rejections import Rejections
from lakehouse.service.ingest.replaced_rows import RowReplacement
from lakehouse.service.ingest.use_case import Ingest
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.provenance.use_case import Provenance
from lakehouse.service.rows.finder import RowFinder
from lakehouse.service.rows.turns import RowTurns
from lakehouse.service.rows.use_case import Rows
from lakehouse.service.secret_key import SecretKey
from lakehouse.service.sources.intake import Intake
from lakehouse.service.sources.looks import Looks
from lakehouse.service.sources.places import Places, SourceStores
from lakehouse.service.sources.use_case import Sources
from lakehouse.service.sources.watching import Watching
from lakehouse.service.sql.use_case import Sql
from lakehouse.service.sql.vectors import Vectors
from lakehouse.service.status import Status
from lakehouse.service.storage import Storage
from lakehouse.service.stores.copying import Copying
from lakehouse.service.stores.use_case import StoreCatalog
from lakehouse.service.streaming.limits import StreamLimits
from lakehouse.service.streaming.use_case import Streams
from lakehouse.service.upkeep.use_case import Upkeep
from projections.fold import counts

if TYPE_CHECKING:
    from lakehouse.service.access.oidc.signed_tokens import SignedTokens

MIB = 1024 * 1024
FAULTS = faults.KNOWN
"""Exceptions of broken machinery that `Service.failure` understands; all others are bugs."""


class ServiceLimits(msgspec.Struct, frozen=True):
    """Bounds of one service. Sizes in bytes."""

    object_bytes: int = 256 * MIB
    upload_bytes: int = 8 * 1024 * MIB
    """A file, as received and as decoded."""
    cache_bytes: int = 64 * MIB
    """The results that are cached."""
    puts: int = 4
    ingests: int = 32
    """How many files may be received at once; as many as there are threads are read at once."""
    streams: StreamLimits = StreamLimits()
    derivations: int = 1
    """How many statements may be run for datasets at once: each takes a query worker for long."""
    waits: GcWaits = GcWaits()
    compact_objects: int = 64
    """A dataset with more small objects is compacted in the background; 0: none is."""
    audit_retention: timedelta = timedelta(days=90)
    """For how long gc leaves the audit."""
    iceberg_writes: bool = False
    """Whether other engines may append through the Iceberg catalog."""


class Resources(msgspec.Struct, frozen=True):
    """What the use cases of one node share.

    `pool` does blocking work; `lane`, of one thread, reads small files one after the other.
    `system_dir`: where the rows of system views are written for the query workers.
    `store`: how a bucket in S3 is reached now. `stores`: the main store and the others.
    `source_stores`: where watched sources may be.
    """

    node: Node
    engine: QueryEngine
    forks: ForkServer
    objects: VerifiedObjects
    pool: Executor
    lane: Executor
    spool_dir: Path
    system_dir: Path
    store: Callable[[], S3Settings | None]
    stores: OpenStores
    source_stores: SourceStores


class Service:
    """The use cases of one node. Each takes its Caller first."""

    def __init__(
        self,
        resources: Resources,
        limits: ServiceLimits,
        audit_log: AuditLog,
        vending: Vending = NO_VENDING,
        signed: "SignedTokens | None" = None,
    ) -> None:
        node = resources.node
        self.node = node
        self.clock = node.clock
        """For `Caller.accepted_s`, among others."""
        self.spool_dir = resources.spool_dir
        self.objects = resources.objects
        self.metrics = Metrics(self._standing)
        self.status = Status(node, self.metrics)
        self.administration = Administration(node)
        self.access = Access(node)
        self.authentication = Authentication(node, signed)
        self.quotas = Quotas(node)
        self.audit = Audit(node, audit_log)
        chains = EntityChains(node)
        self.journal = JournalReads(node, chains)
        self.feed = Feed(node, self.journal)
        self.catalog = Catalog(node, chains)
        self.profiles = Profiles(node)
        self._rejections = Rejections(node.clock)
        self._mask_key = SecretKey(node, MASK_KEY)
        self.session_key = SecretKey(node, SESSION_KEY)
        self._turns = RowTurns()
        self._add_sql(resources, limits)
        self._add_uploads(resources, limits)
        self._add_iceberg(vending, limits)
        self._add_upkeep(resources, limits)

    def _add_sql(self, resources: Resources, limits: ServiceLimits) -> None:
        """What runs statements: queries, views, provenance. Change sets bind views."""
        node, engine, pool = resources.node, resources.engine, resources.pool
        self.sql = Sql(
            node,
            self.objects,
            engine,
            pool,
            resources.system_dir,
            limits.cache_bytes,
            self._rejections.log,
            lambda: self._looks.log(),
            self._mask_key,
            self.quotas,
        )
        self.vectors = Vectors(self.sql)
        self.views = Views(node, self.sql, self._mask_key)
        self.change_sets = ChangeSets(node, self.views, self.profiles)
        self.provenance = Provenance(node, RowFinder(self.objects, engine, pool))
        self._finder = RowFinder(self.objects, engine, pool, is_work=True)

    def _add_uploads(self, resources: Resources, limits: ServiceLimits) -> None:
        """What brings bytes and rows: storage, ingest, derivations, deletes and updates."""
        node, pool, spool_dir = resources.node, resources.pool, self.spool_dir
        self._puts = Limiter(limits.puts, "PUT", retry_after_s=5)
        self._ingests = Limiter(limits.ingests, "ingest", retry_after_s=5)
        self.storage = Storage(node, self.objects, pool, spool_dir, limits.object_bytes, self._puts)
        memory = IngestMemory(limits.upload_bytes)
        replacement = RowReplacement(
            node, resources.engine, pool, self._finder, memory, self._turns, resources.forks
        )
        self.ingest = Ingest(
            node,
            self.objects,
            pool,
            resources.lane,
            spool_dir,
            memory,
            self._rejections,
            self._ingests,
            replacement,
            self.quotas,
        )
        self.streams = Streams(node, self.ingest, pool, self.quotas, limits.streams)
        self.quarantine = Quarantine(node, self.objects, pool, spool_dir)
        places = Places(resources.source_stores, node.bucket.url, pool)
        self._looks = Looks(node, places, Intake(node, self.ingest))
        self._watching = Watching(node, self._looks)
        self.sources = Sources(node, places, self._looks)
        reading = IngestLimits(decoded_bytes=limits.upload_bytes)
        workshop = Workshop(node, self.objects, self.sql, pool, spool_dir, reading, replacement)
        derivations = Limiter(limits.derivations, "derivation", retry_after_s=5)
        self.derivations = Derivations(workshop, derivations)
        self.rows = Rows(node, self._finder, pool, resources.forks, spool_dir, self._turns)

    def _add_iceberg(self, vending: Vending, limits: ServiceLimits) -> None:
        node, enabled = self.node, limits.iceberg_writes
        self.iceberg = IcebergCatalog(node, self.objects, vending, writes=enabled)
        self.iceberg_appends = IcebergAppends(
            node, self.iceberg, self.ingest, self.change_sets, enabled=enabled
        )

    def _add_upkeep(self, resources: Resources, limits: ServiceLimits) -> None:
        """What moves or removes objects: compaction, gc, erasure; and the past, which needs them."""
        node, pool, spool_dir = resources.node, resources.pool, self.spool_dir
        merger = ObjectMerger(node, self.objects, pool, resources.forks)
        self._groups = GroupJob(node, merger, pool, spool_dir)
        self.compaction = Compaction(node, self.objects, self._groups)
        self._background = BackgroundCompaction(
            node, self._groups, self._turns, limits.compact_objects
        )
        self.time_travel = TimeTravel(node, Rebuilder(node, merger, pool, spool_dir))
        self.stores = StoreCatalog(node, resources.stores)
        self.copying = Copying(node, self.objects, resources.stores, pool, spool_dir)
        removal = CopyCollector(node, resources.stores)
        collector = GarbageCollector(node, self.sql.queries, limits.waits, removal)
        self.gc = Gc(collector, node.bucket, limits.audit_retention, self.iceberg)
        self.upkeep = Upkeep(node, self.gc, self.compaction, resources.store, resources.stores)
        copies = LocalCopies(self.objects, pool, spool_dir, resources.stores)
        self.erasure = Erasure(node, self._finder, copies, collector, self._mask_key, pool)
        self._traces = Traces(node, self.objects, resources.engine, self.sql.answers.forget)

    async def watch_sources(self) -> None:
        """Look at sources when they are due, until cancelled."""
        await self._watching.run()

    async def compact_in_background(self) -> None:
        """Merge the objects of datasets that have too many small ones, until cancelled."""
        await self._background.run()

    def failure(self, fault: Exception) -> Refused:
        """The refusal that one of FAULTS amounts to. Damage to the journal stops all changes."""
        self.node.note(fault)
        return faults.refusal(fault)

    def _standing(self) -> list[Standing]:
        """The values of the gauges now."""
        node, reader = self.node, self.objects.reader
        cache = reader.cache
        lost, wrong = (cache.failed_writes, cache.discarded) if cache else (0, 0)
        head, there, done = node.state.head, counts(node.state), node.writer.counts
        queries, listeners = self.sql.queries.count(), self.feed.gate.inside
        looks = self._looks
        return [
            ("lakehouse_journal_seq", "Last event read by this process.", head.seq),
            ("lakehouse_journal_slot", "Last slot read by this process.", head.position),
            ("lakehouse_datasets", "Number of datasets.", there["datasets"]),
            ("lakehouse_keys", "Number of keys in storage.", there["keys"]),
            ("lakehouse_versions", "Number of versions that can be read.", there["versions"]),
            ("lakehouse_slots_committed_total", "Slots committed by this process.", done.slots),
            ("lakehouse_events_committed_total", "Events committed by this process.", done.events),
            ("lakehouse_races_lost_total", "Slots lost to another process.", done.races_lost),
            (
                "lakehouse_changes_handed_over_total",
                "Changes handed over.",
                node.writer.handed_over,
            ),
            ("lakehouse_changes_waiting", "Changes that wait for a slot.", node.writer.waiting),
            ("lakehouse_halted", "1 if this process accepts no changes.", bool(node.writer.fault)),
            ("lakehouse_objects_damaged_total", "Reads of damaged objects.", reader.damaged),
            ("lakehouse_blocks_fetched_total", "Blocks from the store.", reader.remote.fetched),
            ("lakehouse_cache_writes_failed_total", "Blocks that could not be cached.", lost),
            ("lakehouse_cache_blocks_wrong_total", "Cached blocks with other bytes.", wrong),
            ("lakehouse_puts_in_flight", "PUTs that are received.", self._puts.inside),
            ("lakehouse_ingests_in_flight", "Files received or read.", self._ingests.inside),
            ("lakehouse_streams_open", "Open streams of rows.", self.streams.gate.inside),
            ("lakehouse_stream_rows_total", "Rows of streams.", self.streams.rows),
            ("lakehouse_stream_groups_total", "Groups of streams.", self.streams.groups),
            ("lakehouse_audit_lost_total", "Audit entries dropped.", self.audit.log.lost),
            ("lakehouse_audit_waiting_seconds", "Age of the audit.", self.audit.log.waiting_s),
            ("lakehouse_compactions_total", "Groups of objects merged.", self._groups.done),
            ("lakehouse_compactions_lost_total", "Groups merged in vain.", self._groups.lost),
            ("lakehouse_source_files_total", "Files from sources.", looks.files_received),
            ("lakehouse_source_looks_failed_total", "Looks that failed.", looks.looks_failed),
            ("lakehouse_source_files_set_aside", "Files set aside.", looks.set_aside()),
            ("lakehouse_listeners", "Open streams of events.", listeners),
            ("lakehouse_queries_running", "Queries that run or wait.", queries),
        ]
