"""One ingest's data: a spooled file read as Parquet, then uploaded to the bucket.

Does the steps that a decision asks for. Must never decide which step comes next.
"""

from concurrent.futures import Executor
from typing import assert_never

import msgspec

from journal.bucket.keys import dataset_blob, object_blob
from journal.events import Object
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, IngestDataset, Table
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.options import QUARANTINE, REJECT, Options
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.schema import Contract, SchemaPolicy
from lakehouse.process.spool import Spooled, full_disk_refused
from lakehouse.service.changes import mint
from lakehouse.service.ingest.contracts import present_contract
from lakehouse.service.ingest.memory import IngestMemory
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.ingest.prefetch import Prefetch
from lakehouse.service.ingest.replaced_rows import ReplacedRows
from lakehouse.service.ingest.source_history import with_source_history
from lakehouse.service.ingest.work_dir import WorkDir
from lakehouse.service.objects import VerifiedObjects
from projections import catalog


class IngestJob:
    """Does the steps of one ingest. A dry run reads the file and uploads nothing."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        pool: Executor,
        memory: IngestMemory,
        plan: IngestPlan,
        file: Spooled,
        work_dir: WorkDir,
        ahead: Prefetch | None = None,
        reached: ProgressCallback = ignore_progress,
        *,
        replaced: ReplacedRows | None = None,
        dry_run: bool = False,
        explains: bool = False,
    ) -> None:
        """`explains`: the file says why each column has its type, as in a dry run."""
        self._node = node
        self._dry_run = dry_run
        self._explains = explains or dry_run
        self._objects = objects
        self._pool = pool
        self._memory = memory
        self._plan = plan
        self._file = file
        self._work_dir = work_dir
        self._ahead = ahead
        self._reached = reached
        self._replaced = replaced
        self._request: ReadRequest | None = None
        """Under which the file was read."""
        self.parsed: Parsed | None = None
        """The file, once it is read."""
        self._contract: Contract | None = None
        """The contract that the file was read under."""

    async def __call__(self, command: Command, step: DataStep) -> Command:
        if not isinstance(command, IngestDataset):
            raise TypeError(f"an ingest does not advance {type(command).__name__}")
        match step:
            case DataStep.FIND_SOURCES:
                return await with_source_history(self._node, command)
            case DataStep.READ_FILE | DataStep.READ_UNDER_CONTRACT | DataStep.CHECK_VALUES:
                return await self._judged(command)
            case DataStep.UPLOAD | DataStep.UPLOAD_AGAIN:
                return await self._uploaded(command, again=step is DataStep.UPLOAD_AGAIN)
            case DataStep.FIND_ROWS:
                return await self._found(command)
            case DataStep.FIND_LAST_CHANGE | DataStep.PLAN_AGAIN | DataStep.REBUILD:
                raise ValueError(f"an ingest has no step {step}")
        assert_never(step)

    async def _judged(self, command: IngestDataset) -> IngestDataset:
        """The command with the file as the dataset's present contract reads it; read again if it differs."""
        live = catalog.find(self._node.state.catalog, self._plan.name)
        contract = await present_contract(self._objects, self._plan, live)
        table = command.table
        if self.parsed is None or table is None or contract != self._contract:
            self.parsed, self._contract = await self.read(contract), contract
            table = table_of(self._plan.name, self.parsed, self._node, uploaded=False)
        fingerprint, seq = (live.schema_fingerprint, live.seq) if live else (None, None)
        return msgspec.structs.replace(command, table=table, read_under=fingerprint, read_at=seq)

    async def _found(self, command: IngestDataset) -> IngestDataset:
        """The command with the rows that the file's replace; uploaded if the file is."""
        if self.parsed is None or self._request is None or self._replaced is None:
            raise ValueError("rows to replace are found after the file is read")
        command = await self._replaced.find(command, self.parsed, self._request)
        if command.table is None or not command.table.uploaded:
            return command
        return await self._replaced.upload(command, again=False)

    async def _uploaded(self, command: IngestDataset, *, again: bool) -> IngestDataset:
        """The command with its objects in the bucket, under fresh keys."""
        if self.parsed is None:
            raise ValueError("a file is uploaded after it is read")
        if self._replaced is not None:
            command = await self._replaced.upload(command, again=again)
        if command.table is not None and command.table.uploaded and not again:
            return command
        if self._dry_run:
            table = table_of(self._plan.name, self.parsed, self._node, uploaded=True)
        else:
            table = await upload(self._plan.name, self.parsed, self._node)
        return msgspec.structs.replace(command, table=table)

    async def read(self, contract: Contract | None) -> Parsed:
        """The file as Parquet. Raises RefusedError.

        A dry run quarantines every bad row, also of a file that the first of them would refuse.
        """
        options = self._plan.options
        quarantines = "on_error" in FILE_FORMATS[options.format].options
        if self._dry_run and options.on_error == REJECT and quarantines:
            options = msgspec.structs.replace(options, on_error=QUARANTINE)
            if contract is not None and contract.policy is SchemaPolicy.KEEP:
                contract = msgspec.structs.replace(contract, policy=SchemaPolicy.COMPARE)
        self._request = request = self._read_request(options, contract)
        with full_disk_refused():
            parsed = await self._parsed(request)
        if isinstance(parsed, Refused):
            raise RefusedError(parsed)
        return parsed

    async def _parsed(self, request: ReadRequest) -> Parsed | Refused:
        if self._ahead is not None:
            under = (request.options, request.contract)
            read = await self._ahead.end(*under, explains=request.explains)
            if read is not None:
                return read
            if self._ahead.is_large:
                return await self._memory.read_in_turn(self._pool, ingest_file, request)
        return await self._memory.read(self._pool, ingest_file, request)

    def _read_request(self, options: Options, contract: Contract | None) -> ReadRequest:
        return ReadRequest(
            source=self._file.content,
            content_encoding=self._plan.content_encoding,
            options=options,
            contract=contract,
            work_dir=self._work_dir.fresh,
            limits=self._memory.limits,
            budget=self._memory.budget,
            on_progress=self._reached,
            explains=self._explains,
            first_line=self._plan.lines[0] if self._plan.lines else 1,
        )


async def upload(name: str, parsed: Parsed, node: Node) -> Table:
    """The table, once its files are in the bucket, under keys that never existed before."""
    table = table_of(name, parsed, node, uploaded=True)
    objects = table.objects + table.quarantine
    for item, file in zip(objects, files_of(parsed), strict=True):
        await node.bucket.upload(item.blob, file.content)
    return table


def files_of(parsed: Parsed) -> tuple[ParquetFile, ...]:
    """The Parquet files that were written: rows, then quarantine."""
    return parsed.files + ((parsed.quarantine.file,) if parsed.quarantine else ())


def table_of(name: str, parsed: Parsed, node: Node, *, uploaded: bool) -> Table:
    """The table that was read; its objects, once uploaded, under keys that never existed before."""

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
        parsed.rounded,
        tuple((each.name, each.line) for each in parsed.differences if each.line is not None),
    )
