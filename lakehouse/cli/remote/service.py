"""The use cases of a service, answered by a running server over HTTP.

Owns which use cases need more than one request and its answer. Must never decide what the server
decides, nor load what only a server needs.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import urllib3

from journal.clock import SystemClock
from lakehouse.api.gc import GcObject, GcReport, GcRequest
from lakehouse.api.ingest.answers import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.sql import SqlRequest
from lakehouse.api.vectors import VectorSearchRequest
from lakehouse.api.versioned import Versioned
from lakehouse.cli.remote.calls import CALLS
from lakehouse.cli.remote.quarantine import RemoteQuarantine
from lakehouse.cli.remote.requests import (
    answered,
    change_headers,
    every_page,
    pieces_of,
    request_of,
    translated,
)
from lakehouse.cli.remote.streams import RemoteStreams
from lakehouse.client.http import Http, Upload
from lakehouse.client.request import Request, ask, pairs
from lakehouse.client.upload import FileUpload
from lakehouse.domain.column_list import join_columns
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.service.caller import Caller

if TYPE_CHECKING:
    from lakehouse.service.ingest.plan import IngestPlan

_MEDIA_TYPE = "application/octet-stream"


class RemoteService:
    """What a command takes for a service."""

    def __init__(self, connection: Http) -> None:
        self.clock = SystemClock()
        self.sql = RemoteSql(connection)
        self.vectors = RemoteVectors(connection)
        self.ingest = RemoteIngest(connection)
        self.gc = RemoteGc(connection)
        self.quarantine = RemoteQuarantine(connection)
        self.streams = RemoteStreams(connection)
        self._http = connection

    def __getattr__(self, name: str) -> "UseCase":
        return UseCase(self._http, name)


class UseCase:
    """The calls below one name of the service; its attributes are calls, or names below it."""

    def __init__(self, connection: Http, name: str) -> None:
        self._http = connection
        self._name = name

    def __getattr__(self, name: str) -> Any:
        path = f"{self._name}.{name}"
        if any(each.startswith(f"{path}.") for each in CALLS):
            return UseCase(self._http, path)
        return _bound(self._http, path)


def _bound(connection: Http, name: str) -> Callable[..., Awaitable[Versioned[Any]]]:
    call = CALLS[name]

    async def asked(caller: Caller, *arguments: object) -> Versioned[Any]:
        if call.rows is not None:
            return await asyncio.to_thread(every_page, connection, call, caller, arguments)
        request = request_of(call, caller, arguments)
        return await asyncio.to_thread(answered, connection, request, call.answer)

    return asked


class RemoteGc:
    """Garbage collection; the objects are printed once the report is there."""

    def __init__(self, connection: Http) -> None:
        self._http = connection

    async def run(
        self,
        caller: Caller,
        request: GcRequest,
        found: Callable[[GcObject], None] = lambda _: None,
        max_listed: int | None = None,
    ) -> Versioned[GcReport]:
        """The server's report, which lists as many objects as the route does."""
        asked = request_of(CALLS["gc.run"], caller, (request,))
        report = await asyncio.to_thread(answered, self._http, asked, GcReport)
        for each in report.body.objects:
            found(each)
        return report


class RemoteSql:
    """Statements; the result comes in pieces."""

    def __init__(self, connection: Http) -> None:
        self._http = connection

    @asynccontextmanager
    async def run(
        self, caller: Caller, request: SqlRequest, format_: str, query_id: str
    ) -> AsyncIterator["RemoteAnswer"]:
        """The result of a statement, its head received. Raises RefusedError."""
        body = msgspec.structs.asdict(msgspec.structs.replace(request, format=format_))
        with translated():
            response = await asyncio.to_thread(self._http.open, ask("/v1/sql", body))
        try:
            yield RemoteAnswer(response)
        finally:
            response.close()


class RemoteVectors:
    """Searches of vectors; the result comes in pieces."""

    def __init__(self, connection: Http) -> None:
        self._http = connection

    @asynccontextmanager
    async def search(
        self, caller: Caller, request: VectorSearchRequest, format_: str, query_id: str
    ) -> AsyncIterator["RemoteAnswer"]:
        """The nearest rows. Raises RefusedError."""
        body = msgspec.structs.asdict(msgspec.structs.replace(request, format=format_))
        with translated():
            response = await asyncio.to_thread(self._http.open, ask("/v1/vectors/search", body))
        try:
            yield RemoteAnswer(response)
        finally:
            response.close()


class RemoteAnswer:
    """A result that is being received."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.chunks = pieces_of(response)


class RemoteIngest:
    """Files sent to the server."""

    def __init__(self, connection: Http) -> None:
        self._http = connection

    @asynccontextmanager
    async def received(
        self, caller: Caller, pieces: AsyncIterator[bytes]
    ) -> AsyncIterator[FileUpload]:
        """A copy of the file, so that it can be sent again after a lost connection."""
        with tempfile.TemporaryDirectory(prefix="lakehouse-upload-") as directory:
            path = Path(directory) / "upload"
            with path.open("wb") as file:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
            yield FileUpload(path, _MEDIA_TYPE, None)

    async def ingest(
        self,
        caller: Caller,
        plan: "IngestPlan",
        upload: Upload,
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[IngestReceipt]:
        """Make the change."""
        return await self._sent(caller, plan, upload, IngestReceipt)

    async def stage(
        self,
        caller: Caller,
        plan: "IngestPlan",
        upload: Upload,
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[StagedIngest]:
        """Store the file for a later change set."""
        return await self._sent(caller, plan, upload, StagedIngest, stage=True)

    async def dry_run(
        self,
        caller: Caller,
        plan: "IngestPlan",
        upload: Upload,
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[IngestDryRun]:
        """Report what would happen."""
        return await self._sent(caller, plan, upload, IngestDryRun, dry_run=True)

    async def _sent(
        self, caller: Caller, plan: "IngestPlan", upload: Upload, answer: Any, **more: bool
    ) -> Versioned[Any]:
        query = pairs(more) + parameters_of(plan)
        request = Request("POST", "/v1/ingest", query, headers=change_headers(caller), changes=True)
        return await asyncio.to_thread(answered, self._http, request, answer, upload)


def parameters_of(plan: "IngestPlan") -> tuple[tuple[str, str], ...]:
    """The parameters of the route for a plan."""
    options = plan.options
    named = {
        "name": plan.name,
        "mode": plan.mode,
        "key": join_columns(plan.key) or None,
        "where": plan.where,
        "schema_change": plan.schema_change,
        "dedupe": "source" if plan.dedupe else None,
        "resolves": list(plan.resolves),
    }
    # What is the default is named too, where a route would judge by the media type or the bytes.
    named |= {"format": options.format}
    named |= {"delimiter": options.delimiter} if options.delimiter_given else {}
    return pairs(named) + tuple(each for each in options.canonical() if each[0] not in named)
