"""Bringing: what a spooled file becomes, as Parquet and then in the bucket. It decides nothing."""

from concurrent.futures import Executor

import msgspec

from journal.bucket.keys import dataset_blob, object_blob
from journal.events import Object
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, IngestDataset, Table
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.formats.csv.reader import Parsed, ingest_file
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import PARQUET, QUARANTINE, REJECT, Options
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.schema import Contract, SchemaPolicy
from lakehouse.process.spool import Spooled, full_disk_refused
from lakehouse.service.changes import mint
from lakehouse.service.ingest.contracts import asks_for_exact, contract_of
from lakehouse.service.ingest.footers import exact_as_double
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.ingest.prefetch import Prefetch
from lakehouse.service.ingest.source_history import looked_back
from lakehouse.service.ingest.work_dir import WorkDir
from projections import catalog
from projections.catalog import Dataset


class IngestJob:
    """Brings the data of one ingest closer: read the file, then upload what it became."""

    def __init__(
        self,
        node: Node,
        pool: Executor,
        limits: IngestLimits,
        plan: IngestPlan,
        file: Spooled,
        work_dir: WorkDir,
        ahead: Prefetch | None = None,
        reached: ProgressCallback = ignore_progress,
    ) -> None:
        self._node = node
        self._pool = pool
        self._limits = limits
        self._plan = plan
        self._file = file
        self._work_dir = work_dir
        self._ahead = ahead
        self._reached = reached
        self._parsed: Parsed | None = None
        self._contract: Contract | None = None
        """What the file was read under."""

    async def __call__(self, command: Command) -> Command:
        if not isinstance(command, IngestDataset):
            raise TypeError(f"an ingest does not advance {type(command).__name__}")
        before, command = command, await looked_back(self._node, command)
        if command is not before:
            return command
        live = catalog.find(self._node.state.catalog, self._plan.name)
        fingerprint, seq = (live.schema_fingerprint, live.seq) if live else (None, None)
        widens = command.table is not None and command.table.schema_fingerprint != fingerprint
        moved = widens and command.read_at != seq
        if self._parsed is None or command.read_under != fingerprint or moved:
            contract, table = await self.contract(live), command.table
            if self._parsed is None or table is None or contract != self._contract:
                self._parsed, self._contract = await self.read(contract), contract
                table = table_of(self._plan.name, self._parsed, self._node, uploaded=False)
            return msgspec.structs.replace(
                command, table=table, read_under=fingerprint, read_at=seq
            )
        table = table_of(self._plan.name, self._parsed, self._node, uploaded=True)
        for item, produced in zip(
            table.objects + table.quarantine, files_of(self._parsed), strict=True
        ):
            await self._node.bucket.upload(item.blob, produced.content)
        return msgspec.structs.replace(command, table=table)

    async def contract(self, live: Dataset | None) -> Contract | None:
        """What the live dataset is to the file, by what the plan says of its schema."""
        exact = frozenset[str]()
        if live is not None and asks_for_exact(self._plan):
            exact = await exact_as_double(self._node.bucket, live)
        return contract_of(self._plan, live, exact)

    async def read(self, contract: Contract | None, *, rehearsed: bool = False) -> Parsed:
        """The file as Parquet. Raises RefusedError.

        For a rehearsal every row that cannot be read is set aside, even of a file that one of them
        would refuse.
        """
        options = self._plan.options
        if rehearsed and options.on_error == REJECT and options.format != PARQUET:
            options = msgspec.structs.replace(options, on_error=QUARANTINE)
            if contract is not None and contract.stance is SchemaPolicy.KEEP:
                contract = msgspec.structs.replace(contract, stance=SchemaPolicy.COMPARE)
        with full_disk_refused():
            parsed = await self._ahead.end(options, contract) if self._ahead else None
            if parsed is None:
                parsed = await self._read(options, contract)
        if isinstance(parsed, Refused):
            raise RefusedError(parsed)
        return parsed

    async def _read(self, options: Options, contract: Contract | None) -> Parsed | Refused:
        return await in_thread(
            self._pool,
            lambda: ingest_file(
                self._file.content,
                content_encoding=self._plan.content_encoding,
                options=options,
                contract=contract,
                work_dir=self._work_dir.fresh,
                limits=self._limits,
                reached=self._reached,
            ),
        )


def files_of(parsed: Parsed) -> tuple[ParquetFile, ...]:
    """All that a file became: its rows, then what was set aside."""
    return parsed.files + ((parsed.quarantine.file,) if parsed.quarantine else ())


def table_of(name: str, parsed: Parsed, node: Node, *, uploaded: bool) -> Table:
    """What was read; its objects, once they are uploaded, under keys that never existed before."""

    def item(blob: str, file: ParquetFile) -> Object:
        return Object(blob, blob, file.size_bytes, file.sha256, file.row_count, file.block_hashes)

    rows = parsed.files if uploaded else ()
    aside = (parsed.quarantine.file,) if uploaded and parsed.quarantine else ()
    return Table(
        parsed.columns,
        parsed.fingerprint,
        tuple(
            item(dataset_blob(name, parsed.fingerprint, file.sha256, mint(node)), file)
            for file in rows
        ),
        parsed.row_count,
        parsed.renamed,
        uploaded,
        tuple(item(object_blob(file.sha256, mint(node)), file) for file in aside),
        tuple((each.name, each.line) for each in parsed.differences if each.line is not None),
    )
