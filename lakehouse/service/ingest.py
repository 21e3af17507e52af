"""Ingest: a spooled CSV becomes a dataset's objects, or is refused, whole either way."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from journal.bucket.keys import dataset_blob, object_blob
from journal.events import RETRIES, Event, Object, Source
from journal.threads import in_thread
from lakehouse import receipts
from lakehouse.checks import check_name
from lakehouse.commands import Command, IngestDataset, Table
from lakehouse.errors import Refused, RefusedError
from lakehouse.ingest import (
    Contract,
    Limits,
    Options,
    ParquetFile,
    Parsed,
    Stance,
    ingest_file,
)
from lakehouse.node import Node
from lakehouse.receipts import Receipt
from lakehouse.service.changes import Asking, Settled, mint, settle
from lakehouse.service.footers import exact_as_double
from lakehouse.spool import Spooled, full_disk_refused
from projections import catalog
from projections.catalog import Dataset


class Plan(msgspec.Struct, frozen=True):
    """What is to become of a file: its dataset, the mode, and how its bytes are read."""

    name: str
    mode: str = "replace"
    options: Options = Options()
    content_encoding: str | None = None
    schema_change: str | None = None
    dedupe: bool = False
    retries: tuple[str, ...] = ()
    """Keys of the dataset's quarantine whose rows the file brings again."""

    def source(self, file: Spooled) -> Source:
        """The file as its event will name it."""
        retries = tuple((RETRIES, key) for key in self.retries)
        return Source(
            file.sha256, file.size_bytes, tuple(sorted(self.options.canonical() + retries))
        )


class Ingest:
    """Carries files into datasets."""

    def __init__(self, node: Node, pool: Executor, spool_dir: Path, upload_bytes: int) -> None:
        self._node = node
        self._pool = pool
        self._spool_dir = spool_dir
        self._limits = Limits(decoded_bytes=upload_bytes)

    async def ingest(self, plan: Plan, file: Spooled, asking: Asking) -> Receipt:
        """Make or extend the dataset by the file's rows: its manifest, and what the file brought.

        Raises RefusedError: `invalid_name`, `name_taken`, `schema_conflict`, `empty_csv`,
        `malformed_csv`, `malformed_encoding`, `value_does_not_fit`, `too_large`, and what settle
        raises. Nothing is referred to before all of it is in the bucket.
        """
        check_name(plan.name)
        command = IngestDataset(
            plan.name,
            plan.mode,
            plan.source(file),
            None,
            None,
            plan.schema_change,
            plan.dedupe,
            plan.retries,
        )
        async with self._work_dir() as work_dir:
            advance = _Advance(self._node, self._pool, self._limits, plan, file, work_dir)
            settled = await settle(self._node, command, asking, file.sha256, advance)
            return await self._receipt(plan, settled)

    async def _receipt(self, plan: Plan, settled: Settled) -> Receipt:
        dataset = catalog.find(settled.state.catalog, plan.name)
        event = settled.event or await self._event(settled.seq)
        if dataset is None:
            raise RefusedError(Refused("internal_error", "what was ingested is not in the catalog"))
        reused = settled.event is None
        duplicate_of = settled.seq if reused and plan.mode == "append" else None
        body = receipts.ingested(
            dataset, settled.state, event, reused=reused, duplicate_of=duplicate_of
        )
        return Receipt(body, settled.seq)

    async def _event(self, seq: int) -> Event:
        slot = await self._node.past.slot_of(seq)
        return slot.events[seq - slot.header.first_seq]

    @asynccontextmanager
    async def _work_dir(self) -> AsyncIterator[Path]:
        with full_disk_refused():
            path = Path(tempfile.mkdtemp(prefix="ingest-", dir=self._spool_dir))
        try:
            yield path
        finally:
            await in_thread(self._pool, lambda: shutil.rmtree(path))


class _Advance:
    """Brings the data of one ingest closer: read the file, then upload what it became."""

    def __init__(
        self,
        node: Node,
        pool: Executor,
        limits: Limits,
        plan: Plan,
        file: Spooled,
        work_dir: Path,
    ) -> None:
        self._node = node
        self._pool = pool
        self._limits = limits
        self._plan = plan
        self._file = file
        self._work_dir = work_dir
        self._parsed: Parsed | None = None

    async def __call__(self, command: Command) -> Command:
        if not isinstance(command, IngestDataset):
            raise TypeError(f"an ingest does not advance {type(command).__name__}")
        live = catalog.find(self._node.state.catalog, self._plan.name)
        fingerprint, seq = (live.schema_fingerprint, live.seq) if live else (None, None)
        moved = self._plan.schema_change == "widen" and command.read_at != seq
        if self._parsed is None or command.read_under != fingerprint or moved:
            self._parsed = await self._read(await self._contract(live))
            table = _table(self._plan.name, self._parsed, self._node, uploaded=False)
            return msgspec.structs.replace(
                command, table=table, read_under=fingerprint, read_at=seq
            )
        table = _table(self._plan.name, self._parsed, self._node, uploaded=True)
        for item, produced in zip(
            table.objects + table.quarantine, _files(self._parsed), strict=True
        ):
            await self._node.bucket.upload(item.blob, produced.path)
        return msgspec.structs.replace(command, table=table)

    async def _contract(self, live: Dataset | None) -> Contract | None:
        """What the live dataset is to the file, by what the plan says of its schema."""
        if live is None or live.schema is None:
            return None
        match self._plan.schema_change:
            case "replace":
                return Contract(live.schema, Stance.OFFER)
            case "widen" if self._plan.mode == "append":
                exact = await exact_as_double(self._node.bucket, live)
                return Contract(live.schema, Stance.WIDEN, exact)
            case "widen":
                # What is there now will not be, so that none of it must stay exact.
                names = frozenset(column.name for column in live.schema)
                return Contract(live.schema, Stance.WIDEN, names)
        return Contract(live.schema)

    async def _read(self, contract: Contract | None) -> Parsed:
        with full_disk_refused():
            parsed = await in_thread(
                self._pool,
                lambda: ingest_file(
                    self._file.path,
                    content_encoding=self._plan.content_encoding,
                    options=self._plan.options,
                    contract=contract,
                    work_dir=Path(tempfile.mkdtemp(dir=self._work_dir)),
                    limits=self._limits,
                ),
            )
        if isinstance(parsed, Refused):
            raise RefusedError(parsed)
        return parsed


def _files(parsed: Parsed) -> tuple[ParquetFile, ...]:
    return parsed.files + ((parsed.quarantine.file,) if parsed.quarantine else ())


def _table(name: str, parsed: Parsed, node: Node, *, uploaded: bool) -> Table:
    """What was read, its objects under keys that never existed before."""

    def item(blob: str, file: ParquetFile) -> Object:
        return Object(blob, blob, file.size_bytes, file.sha256, file.row_count)

    aside = (parsed.quarantine.file,) if parsed.quarantine else ()
    return Table(
        parsed.columns,
        parsed.fingerprint,
        tuple(
            item(dataset_blob(name, parsed.fingerprint, file.sha256, mint(node)), file)
            for file in parsed.files
        ),
        parsed.row_count,
        parsed.renamed,
        uploaded,
        tuple(item(object_blob(file.sha256, mint(node)), file) for file in aside),
        tuple((each.name, each.line) for each in parsed.differences if each.line is not None),
    )
