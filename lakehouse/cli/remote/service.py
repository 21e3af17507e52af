"""The use cases of a service, answered by a running server over HTTP.

Owns how the arguments of a use case become a request. Must never decide what the server decides: it
refuses only what has no route.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
import urllib3

from journal.clock import SystemClock
from lakehouse.api.gc import GcObject, GcReport, GcRequest
from lakehouse.api.ingest import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.sql import SqlRequest
from lakehouse.api.versioned import Versioned
from lakehouse.cli.remote.calls import CALLS, Call
from lakehouse.cli.remote.connection import refused
from lakehouse.client import http
from lakehouse.client.error import Error
from lakehouse.client.http import Http, Upload
from lakehouse.client.request import JSON, Request, ask, because, pairs
from lakehouse.client.upload import FileUpload
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.plan import IngestPlan

PAGE = 1_000
_DONE = object()
_MEDIA_TYPE = "application/octet-stream"


class RemoteService:
    """What a command takes for a service."""

    def __init__(self, connection: Http) -> None:
        self.clock = SystemClock()
        self.sql = RemoteSql(connection)
        self.ingest = RemoteIngest(connection)
        self.gc = RemoteGc(connection)
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
    call = CALLS.get(name)
    if call is None:
        raise RefusedError(Refused("usage", "this needs the bucket itself: add --bucket URL"))

    async def answered(caller: Caller, *arguments: object) -> Versioned[Any]:
        if call.rows is not None:
            return await asyncio.to_thread(_every_page, connection, call, caller, arguments)
        request = request_of(call, caller, arguments)
        return await asyncio.to_thread(_answer, connection, request, call.answer)

    return answered


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
        report = await asyncio.to_thread(_answer, self._http, asked, GcReport)
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
        with _translated():
            response = await asyncio.to_thread(self._http.open, ask("/v1/sql", body))
        try:
            yield RemoteAnswer(response)
        finally:
            response.close()


class RemoteAnswer:
    """A result that is being received."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.chunks = _pieces(response)


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
        self, caller: Caller, plan: IngestPlan, upload: Upload, reached: ProgressCallback
    ) -> Versioned[IngestReceipt]:
        """Make the change."""
        return await self._sent(caller, plan, upload, IngestReceipt)

    async def stage(
        self, caller: Caller, plan: IngestPlan, upload: Upload, reached: ProgressCallback
    ) -> Versioned[StagedIngest]:
        """Store the file for a later change set."""
        return await self._sent(caller, plan, upload, StagedIngest, stage=True)

    async def dry_run(
        self, caller: Caller, plan: IngestPlan, upload: Upload, reached: ProgressCallback
    ) -> Versioned[IngestDryRun]:
        """Report what would happen."""
        return await self._sent(caller, plan, upload, IngestDryRun, dry_run=True)

    async def _sent(
        self, caller: Caller, plan: IngestPlan, upload: Upload, answer: Any, **more: bool
    ) -> Versioned[Any]:
        query = pairs(more) + parameters_of(plan)
        request = Request(
            "POST", "/v1/ingest", query, headers=_change_headers(caller), changes=True
        )
        return await asyncio.to_thread(_answer, self._http, request, answer, upload)


def parameters_of(plan: IngestPlan) -> tuple[tuple[str, str], ...]:
    """The parameters of the route for a plan."""
    options = plan.options
    named = {
        "name": plan.name,
        "mode": plan.mode,
        "key": ",".join(plan.key) or None,
        "where": plan.where,
        "schema_change": plan.schema_change,
        "dedupe": "source" if plan.dedupe else None,
        "resolves": list(plan.resolves),
    }
    # What is the default is named too, where a route would judge by the media type or the bytes.
    named |= {"format": options.format}
    named |= {"delimiter": options.delimiter} if options.delimiter_given else {}
    return pairs(named) + tuple(each for each in options.canonical() if each[0] not in named)


def request_of(call: Call, caller: Caller, arguments: tuple[object, ...]) -> Request:
    """The request of a call: texts go into path and query, a struct into the query or the body."""
    texts = [each for each in arguments if isinstance(each, str)]
    struct = next((each for each in arguments if isinstance(each, msgspec.Struct)), None)
    raw = next((each for each in arguments if isinstance(each, bytes) and each), None)
    holes = call.path.count("{}")
    path = call.path.format(*(quote(text, safe="") for text in texts[:holes]))
    query = pairs(dict(zip(call.names, texts[holes:], strict=False)))
    if call.method == "GET":
        given = msgspec.to_builtins(struct) if struct is not None else {}
        query += pairs({name: value for name, value in given.items() if value != ""})
        return Request("GET", path, query)
    body = raw or (msgspec.json.encode(struct) if struct is not None else None)
    kind = (("Content-Type", JSON),) if body is not None else ()
    headers = kind + _change_headers(caller)
    return Request(call.method, path, query, body, headers, changes=True)


def _change_headers(caller: Caller) -> tuple[tuple[str, str], ...]:
    """With an idempotency key, so that a lost connection never makes the change twice."""
    key = caller.idempotency_key or uuid4().hex
    return (*because(caller.reason), ("Idempotency-Key", key))


def _answer(
    connection: Http, request: Request, kind: type[Any], upload: Upload | None = None
) -> Versioned[Any]:
    """Blocks. Raises RefusedError."""
    with _translated():
        response = connection.open(request, upload)
        body = http.read_all(response)
        try:
            return Versioned(
                msgspec.json.decode(body, type=kind), http.seq_of(response.headers) or 0
            )
        except msgspec.DecodeError as error:
            raise Error("invalid_answer", f"{request.path}: {error}") from error


def _every_page(
    connection: Http, call: Call, caller: Caller, arguments: tuple[object, ...]
) -> Versioned[Any]:
    """All pages as one. Blocks. Raises RefusedError."""
    request = request_of(call, caller, arguments)
    given = tuple(each for each in request.query if each[0] not in ("limit", "after"))
    rows: list[Any] = []
    after: tuple[tuple[str, str], ...] = ()
    while True:
        query = (*given, *after, ("limit", str(PAGE)))
        page = _answer(connection, msgspec.structs.replace(request, query=query), call.answer)
        rows += getattr(page.body, call.rows or "")
        if page.body.next is None:
            whole = msgspec.structs.replace(page.body, **{call.rows or "": rows})
            return Versioned(whole, page.seq)
        after = (("after", str(page.body.next)),)


async def _pieces(response: urllib3.BaseHTTPResponse) -> AsyncIterator[bytes]:
    pieces = http.pieces(response)
    with _translated():
        while (piece := await asyncio.to_thread(next, pieces, _DONE)) is not _DONE:
            yield piece  # type: ignore[misc]  # the sentinel is no piece


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise refused(error) from error
