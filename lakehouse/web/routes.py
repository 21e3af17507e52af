"""Every route as a row of one table: the router, the OpenAPI document and the tests read it."""

from aiohttp import web

from lakehouse.api.audit.entries import AuditPage, ListAuditQuery, OcsfPage
from lakehouse.api.gc import GcReport, GcRequest
from lakehouse.api.history.journal import (
    EventPage,
    JournalHead,
    ListEventsQuery,
    StreamEventsHeaders,
    StreamEventsQuery,
)
from lakehouse.api.history.time_travel import (
    Undone,
    UndoRequest,
)
from lakehouse.api.ingest.answers import (
    IngestDryRun,
    IngestReceipt,
    StagedIngest,
)
from lakehouse.api.ingest.query import IngestHeaders, IngestQuery
from lakehouse.api.ingest.stream import StreamHeaders, StreamQuery
from lakehouse.api.lists.pages import PageQuery
from lakehouse.api.sql import (
    CancelledQueries,
    RunningQueries,
    SqlHeaders,
    SqlQuery,
    SqlRequest,
    SqlResult,
    SqlTextQuery,
)
from lakehouse.api.status import Health, Ready
from lakehouse.api.storage import (
    GetObjectHeaders,
    GetObjectQuery,
    ListObjectsQuery,
    ObjectPage,
    PutObjectHeaders,
    StoredObject,
)
from lakehouse.api.upkeep.compaction import CompactReport, CompactRequest
from lakehouse.mcp.documents import McpAnswer, McpHeaders, McpRequest
from lakehouse.query.render.formats import FORMATS
from lakehouse.service.service import Service
from lakehouse.service.status import METRICS_TYPE
from lakehouse.web.access_routes import ACCESS_ROUTES
from lakehouse.web.catalog_routes import CATALOG_ROUTES
from lakehouse.web.handlers import compaction, gc, ingest, mcp, sql, status, storage, stream
from lakehouse.web.handlers.history import audit, journal, time_travel
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer
from lakehouse.web.iceberg_routes import ICEBERG_ROUTES
from lakehouse.web.openapi import document
from lakehouse.web.route import Route
from lakehouse.web.source_routes import SOURCE_ROUTES
from lakehouse.web.store_routes import STORE_ROUTES
from lakehouse.web.vector_routes import VECTOR_ROUTES


async def openapi(_service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /openapi.json: this very table. Behind a gateway the document's own address counts."""
    own = f"{exchange.request.scheme}://{exchange.request.headers['Host']}"
    return answer(document(ROUTES, own if exchange.surface.is_whole else "/"))


_ANY_BYTES = ("application/octet-stream",)
_RESULTS = [each.media_type for each in FORMATS.values() if each.name != "json"]
_KEY = "raw/2026/november.csv"
_NAME = "sales"

ROUTES = (
    Route(
        method="PUT",
        path="/v1/storage/put/{key}",
        handler=storage.put,
        judged=True,
        summary="Store an object",
        description="Stores the body as sent. An existing key gets a new version; the previous one "
        "stays readable with `as_of`. The same bytes again change nothing.",
        path_example=_KEY,
        headers=PutObjectHeaders,
        body=_ANY_BYTES,
        answers=(StoredObject,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/storage/get/{key}",
        handler=storage.get,
        judged=True,
        summary="Read an object",
        description="Returns the bytes as stored, whole or one range of them. `HEAD` is supported.",
        path_example=_KEY,
        query=GetObjectQuery,
        headers=GetObjectHeaders,
        answers=_ANY_BYTES,
    ),
    Route(
        method="GET",
        path="/v1/storage/list",
        handler=storage.list_objects,
        judged=True,
        summary="List objects",
        description="Returns a page of objects in byte order of their keys.",
        query=ListObjectsQuery,
        answers=(ObjectPage,),
    ),
    Route(
        method="DELETE",
        path="/v1/storage/delete/{key}",
        handler=storage.delete,
        judged=True,
        summary="Delete an object",
        description="Deletes the key; 204 also if it does not exist. Its bytes stay readable with "
        "`as_of` until they are collected. 409 `object_in_use` while a dataset holds the object.",
        path_example=_KEY,
        changes=True,
    ),
    *CATALOG_ROUTES,
    *ACCESS_ROUTES,
    *(*STORE_ROUTES, *SOURCE_ROUTES),
    *ICEBERG_ROUTES,
    Route(
        method="POST",
        path="/v1/ingest",
        handler=ingest.ingest,
        judged=True,
        summary="Ingest a file",
        description="Makes a CSV, NDJSON or Parquet file a dataset, or adds its rows to one. The "
        "file is a form field `file` or the raw body, and may be compressed with gzip or zstd.",
        query=IngestQuery,
        headers=IngestHeaders,
        body=(ingest.FORM, *ingest.RAW),
        answers=(IngestReceipt, IngestDryRun, StagedIngest),
        changes=True,
    ),
    Route(
        method="PUT",
        path="/v1/ingest",
        handler=ingest.put,
        judged=True,
        summary="Ingest a file sent by PUT",
        description="As POST, for clients that send files by PUT: `curl -T FILE URL`.",
        query=IngestQuery,
        headers=IngestHeaders,
        body=(ingest.FORM, *ingest.RAW),
        answers=(IngestReceipt, IngestDryRun, StagedIngest),
        changes=True,
    ),
    Route(
        method="POST",
        path="/v1/stream/{dataset}",
        handler=stream.stream,
        judged=True,
        summary="Stream rows",
        description="Appends NDJSON lines for as long as the request stays open. The answer begins at "
        "once and has a line (schema `StreamAck`) for each group of rows once it is committed; the last "
        "one is a `StreamTotal`, or a `StreamProblem`.",
        path_example=_NAME,
        query=StreamQuery,
        headers=StreamHeaders,
        body=stream.MEDIA_TYPES,
        answers=(stream.LINES,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/sql",
        handler=sql.run_link,
        judged=True,
        summary="Run a SQL statement by a link",
        description="Runs the statement in `q` as POST /v1/sql does: for links, spreadsheets and "
        "libraries that read a URL.",
        query=SqlQuery,
        headers=SqlHeaders,
        answers=(SqlResult, *_RESULTS),
        abandonable=True,
    ),
    Route(
        method="POST",
        path="/v1/sql",
        handler=sql.run,
        judged=True,
        summary="Run a SQL statement",
        description="Runs one read-only statement over the datasets and streams its result.",
        query=SqlTextQuery,
        headers=SqlHeaders,
        body=SqlRequest,
        body_text=sql.TEXT,
        answers=(SqlResult, *_RESULTS),
        abandonable=True,
    ),
    *VECTOR_ROUTES,
    Route(
        method="GET",
        path="/v1/queries",
        handler=sql.running,
        judged=True,
        summary="List running queries",
        description="Returns the queries that run or wait in this process, oldest first.",
        query=PageQuery,
        answers=(RunningQueries,),
    ),
    Route(
        method="DELETE",
        path="/v1/queries/{id}",
        handler=sql.cancel,
        judged=True,
        summary="Cancel a query",
        description="Cancels every query with this id. Its request gets 409 `query_cancelled`, or a "
        "broken connection if its result has begun.",
        path_example="report-7",
        answers=(CancelledQueries,),
    ),
    Route(
        method="GET",
        path="/v1/journal/head",
        handler=journal.head,
        judged=True,
        summary="Show the journal's head",
        description="Returns the last event that this process has read, and its slot.",
        answers=(JournalHead,),
    ),
    Route(
        method="GET",
        path="/v1/journal/events",
        handler=journal.events,
        judged=True,
        summary="List events",
        description="Returns a page of events, oldest first.",
        query=ListEventsQuery,
        answers=(EventPage, OcsfPage),
    ),
    Route(
        method="GET",
        path="/v1/journal/stream",
        handler=journal.stream,
        judged=True,
        summary="Stream events",
        description="Sends events as server-sent events, past ones first. The `id` is the event's "
        "number, the data a CloudEvent (schema `StreamedEvent`) or, with `format=ocsf`, an event of "
        "OCSF; the last message is `event: end` (schema `StreamEnd`).",
        query=StreamEventsQuery,
        headers=StreamEventsHeaders,
        answers=(journal.EVENTS,),
        abandonable=True,
    ),
    Route(
        method="POST",
        path="/v1/journal/undo",
        handler=time_travel.undo,
        judged=True,
        summary="Undo a change",
        description="Makes the inverse of one event, or reports it. 409 `undo_conflict` if a later "
        "event changed the same thing, 409 `cannot_undo` if there is no inverse.",
        body=UndoRequest,
        answers=(Undone,),
        changes=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/compact",
        handler=compaction.compact,
        judged=True,
        summary="Merge small objects",
        description="Writes adjacent small objects as one, with the same rows in the same order, of "
        "one dataset or of all. Each group of objects is an event; any other change of the same "
        "objects wins. What was done stays when the request is cancelled.",
        body=CompactRequest,
        body_optional=True,
        answers=(CompactReport,),
        changes=True,
        abandonable=True,
    ),
    Route(
        method="POST",
        path="/v1/gc",
        handler=gc.collect,
        summary="Collect garbage",
        description="Reports objects that nothing refers to and, with `dry_run: false`, removes "
        "them.",
        body=GcRequest,
        body_optional=True,
        answers=(GcReport,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/audit/entries",
        handler=audit.entries,
        summary="List audit entries",
        description="Returns refused accesses and, if the setting `audit` is `all`, reads, as far as "
        "they are stored: by day, then process, then time.",
        query=ListAuditQuery,
        answers=(AuditPage, OcsfPage),
    ),
    Route(
        method="POST",
        path="/mcp",
        handler=mcp.mcp,
        judged=True,
        summary="Answer an agent",
        description="One message of the Model Context Protocol (2026-07-28): tools that read, and dry "
        "runs. A result has at most 64 KiB.",
        headers=McpHeaders,
        body=McpRequest,
        answers=(McpAnswer,),
        json_rpc=True,
        abandonable=True,
    ),
    Route(
        method="GET",
        path="/health",
        handler=status.health,
        public=True,
        summary="Check that the process runs",
        description="Answers without reading anything.",
        answers=(Health,),
    ),
    Route(
        method="GET",
        path="/ready",
        handler=status.ready,
        public=True,
        summary="Check that the process can serve",
        description="200 if the process has read the journal to its end and the bucket answers, "
        "else 503 with the cause.",
        answers=(Ready,),
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=status.metrics,
        summary="Read metrics",
        description="Returns the metrics of this process as Prometheus text.",
        answers=(METRICS_TYPE,),
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        judged=True,
        summary="Read this document",
        description="Returns the OpenAPI 3.1 document of all routes.",
        answers=("application/json",),
    ),
)
