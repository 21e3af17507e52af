"""The use-cases: the only door, for HTTP, the command line and whatever comes later."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from lakehouse.errors import Refused
from lakehouse.gate import Gate
from lakehouse.node import Node
from lakehouse.query import QueryEngine
from lakehouse.service.catalog import Catalog
from lakehouse.service.ingest import Ingest
from lakehouse.service.journal import JournalReads
from lakehouse.service.sql import Sql
from lakehouse.service.storage import Storage

MIB = 1024 * 1024
READY_S = 5.0


class ServiceLimits(msgspec.Struct, frozen=True):
    """Bounds of one service. Sizes in bytes."""

    object_bytes: int = 256 * MIB
    upload_bytes: int = 8 * 1024 * MIB
    """A CSV, as received and as decoded."""
    puts: int = 4
    ingests: int = 8
    """How many may be received at once; as many as there are threads are read at once."""


class Service:
    """Everything that can be asked of one node. HTTP and the command line hold one each."""

    def __init__(
        self,
        node: Node,
        engine: QueryEngine,
        pool: Executor,
        spool_dir: Path,
        system_dir: Path,
        limits: ServiceLimits,
    ) -> None:
        self.node = node
        self.pool = pool
        self.spool_dir = spool_dir
        self.limits = limits
        self.puts = Gate(limits.puts, "PUTs", retry_after_s=5)
        self.ingests = Gate(limits.ingests, "ingests", retry_after_s=5)
        self.storage = Storage(node)
        self.catalog = Catalog(node)
        self.journal = JournalReads(node)
        self.ingest = Ingest(node, pool, spool_dir, limits.upload_bytes)
        self.sql = Sql(node, engine, pool, system_dir)

    async def readiness(self) -> Refused | None:
        """Why this node is not ready to serve, or None: a look at the journal's end, just now."""
        try:
            async with asyncio.timeout(READY_S):
                await self.node.look()
        except TimeoutError:
            return Refused("bucket_unavailable", f"no answer within {READY_S:.0f} seconds")
        return self.node.writer.fault or self.node.behind
