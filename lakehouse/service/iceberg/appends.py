"""Appends of other engines: files that they staged in the bucket become rows of a dataset, by one event.

Each file is copied before it is read, judged like an uploaded Parquet file, and stored under a key of our
own. Must never refer to an object that an engine wrote.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import key_fault
from lakehouse.api.catalog.change_sets import CommitChange, TransactionRequest
from lakehouse.api.engines.iceberg import IcebergCommit
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.options import Options
from lakehouse.iceberg import appends
from lakehouse.iceberg.appends import Append, NewFile
from lakehouse.iceberg.foreign_avro import MAX_BYTES
from lakehouse.iceberg.metadata import Document, staging_directory
from lakehouse.iceberg.types import Unreadable
from lakehouse.service.access.permissions import require
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.change_sets import ChangeSets
from lakehouse.service.changes import has_made
from lakehouse.service.iceberg.schemas import check_stored
from lakehouse.service.iceberg.use_case import PRESENT, IcebergCatalog
from lakehouse.service.ingest.use_case import Ingest, IngestPlan, Upload

FORMAT = "parquet"
PASSED_ON = ("busy", "too_large", "insufficient_storage", "not_committed", "forbidden")
"""Refusals that are not about the file."""


class IcebergAppends:
    """Commits of other engines to the tables of one node."""

    def __init__(
        self,
        node: Node,
        tables: IcebergCatalog,
        ingest: Ingest,
        change_sets: ChangeSets,
        *,
        enabled: bool,
    ) -> None:
        self._node = node
        self._tables = tables
        self._ingest = ingest
        self._change_sets = change_sets
        self.enabled = enabled
        """Whether the door offers commits."""

    async def commit(self, caller: Caller, name: str, request: IcebergCommit) -> Document:
        """Append the files that a client staged; the table's metadata after it.

        The client's snapshot id is its idempotency key. Raises RefusedError: `forbidden`,
        `dataset_not_found`, `unsupported_operation`, `invalid_request`, `expectation_failed` where the
        table is not what the client has seen, and what an ingest and a change set raise.
        """
        require(self._node, caller, WRITE, name)
        document = await self._tables.load(caller, PRESENT, name)
        append = appends.snapshot_of(request.updates)
        payload = f"{name.lower()} {append.snapshot_id}".encode()
        once = msgspec.structs.replace(
            caller,
            idempotency_key=f"iceberg-snapshot-{append.snapshot_id}",
            route="an Iceberg append",
            query=(),
        )
        if not has_made(self._node, once, payload):
            base = appends.check_base(request.requirements, request.updates, document.json)
            await self._append(once, name, document, append, base, payload)
        return await self._tables.load(caller, PRESENT, name)

    async def _append(
        self,
        caller: Caller,
        name: str,
        document: Document,
        append: Append,
        base: int,
        payload: bytes,
    ) -> None:
        staged = staging_directory(document.json["table-uuid"])
        files = await self._files(document, append, staged)
        changes = tuple([await self._staged(caller, name, each, staged) for each in files])
        if changes:
            request = TransactionRequest(changes, {name: base})
            await self._change_sets.transaction(caller, request, payload)

    async def _files(self, document: Document, append: Append, staged: str) -> list[NewFile]:
        """The files that an append adds. Raises RefusedError."""
        present = document.json["snapshots"][-1]["manifest-list"]
        known = appends.manifests(await self._node.bucket.read(self._key(present, "")))
        listed = await self._read(self._key(append.manifest_list, staged))
        found: list[NewFile] = []
        for url in appends.new_manifests(listed, known):
            found += appends.new_files(await self._read(self._key(url, staged)), url)
            if len(found) > appends.MAX_FILES:
                detail = f"an append adds at most {appends.MAX_FILES:,} files"
                raise RefusedError(Refused("too_large", detail))
        if len({each.url for each in found}) != len(found):
            raise _invalid("the append adds one file twice")
        return found

    async def _staged(self, caller: Caller, name: str, file: NewFile, staged: str) -> CommitChange:
        """A staged copy of a file. Raises RefusedError."""
        key = self._key(file.url, staged)
        plan = IngestPlan(name, "append", Options(format=FORMAT))
        shown = key.removeprefix(staged)
        async with self._ingest.received(caller, self._pieces(key)) as upload:
            try:
                found = (await self._ingest.stage(caller, plan, upload)).body
                if found.rows_ingested != file.row_count:
                    raise _invalid(f"it has {found.rows_ingested:,} rows, not {file.row_count:,}")
                schema = await self._tables.schema(caller, name)
                await asyncio.to_thread(_check, shown, upload, schema)
            except RefusedError as error:
                if error.refused.code in PASSED_ON:
                    raise
                raise _invalid(f"the file {shown}: {error.refused.detail}") from error
        return CommitChange(found.staged)

    async def _pieces(self, key: str) -> AsyncIterator[bytes]:
        try:
            async for piece in self._node.bucket.stream(key):
                yield piece
        except ObjectMissing as error:
            raise _invalid(f"there is no object {key}") from error

    async def _read(self, key: str) -> bytes:
        try:
            if (await self._node.bucket.stat(key)).size_bytes > MAX_BYTES:
                raise RefusedError(Refused("too_large", f"{key} has more than {MAX_BYTES:,} bytes"))
            return await self._node.bucket.read(key)
        except ObjectMissing as error:
            raise _invalid(f"there is no object {key}") from error

    def _key(self, url: str, staged: str) -> str:
        """The key of an object below the table's staging directory. Raises RefusedError."""
        root = self._node.bucket.url.rstrip("/") + "/"
        key = url.removeprefix(root)
        if not url.startswith(root) or not key.startswith(staged) or key_fault(key):
            raise _invalid(f"{url[:256]!r} is not below {root}{staged}")
        return key


def _check(shown: str, upload: Upload, schema: pa.Schema) -> None:
    """Refuse a file that the catalog could not serve as it is. Raises RefusedError."""
    content = upload.file.content
    stored = pq.read_schema(pa.BufferReader(content) if isinstance(content, bytes) else content)
    try:
        check_stored(shown, stored, schema)
    except Unreadable as error:
        raise _invalid(str(error)) from error


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
