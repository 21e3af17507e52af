"""Every route as a row of one table: the router, the OpenAPI document and a test read it."""

from aiohttp import web

from lakehouse import metrics
from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.formats.option_parsing import OPTION_NAMES
from lakehouse.query.render.formats import FORMATS
from lakehouse.service.service import Service
from lakehouse.web import shapes
from lakehouse.web.handlers import catalog, gc, ingest, journal, sql, storage, time_travel
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer
from lakehouse.web.openapi import document
from lakehouse.web.route import Route


async def openapi(_service: Service, _exchange: Exchange) -> web.StreamResponse:
    """GET /openapi.json: this very table."""
    return answer(document(ROUTES))


_ANY_BYTES = ("application/octet-stream",)
_PAGE = ("after", "limit")
_RESULTS = [each.media_type for each in FORMATS.values() if each.name != "json"]

ROUTES = (
    Route(
        "PUT", "/v1/storage/put/{key}", storage.put, "Store an object",
        headers=("If-None-Match",), body=_ANY_BYTES, answers=(shapes.StoredObject,), changes=True,
    ),
    Route(
        "GET", "/v1/storage/get/{key}", storage.get, "Read an object",
        query=("as_of",), headers=("If-None-Match", "Range", "If-Range"), answers=_ANY_BYTES,
    ),
    Route(
        "GET", "/v1/storage/list", storage.list_keys, "List keys",
        query=("prefix", *_PAGE, "as_of"), answers=(shapes.ObjectPage,),
    ),
    Route("DELETE", "/v1/storage/delete/{key}", storage.delete, "Forget a key", changes=True),
    Route(
        "POST", "/v1/catalog/register", catalog.register, "Register a dataset over keys",
        body=catalog.Registration, answers=(shapes.Manifest,), changes=True,
    ),
    Route(
        "POST", "/v1/catalog/restore", catalog.restore, "Bring a dataset back as it was",
        body=catalog.Restoration, answers=(shapes.Manifest,), changes=True,
    ),
    Route(
        "GET", "/v1/catalog/manifest/{name}", catalog.manifest, "Show a dataset",
        query=("as_of",), answers=(shapes.Manifest,),
    ),
    Route(
        "DELETE", "/v1/catalog/manifest/{name}", catalog.drop, "Drop a dataset",
        answers=(shapes.Dropped,), changes=True,
    ),
    Route(
        "GET", "/v1/catalog/list", catalog.list_datasets, "List datasets",
        query=(*_PAGE, "summary", "as_of"), headers=("If-None-Match",),
        answers=(shapes.DatasetPage,),
    ),
    Route(
        "GET", "/v1/catalog/history/{name}", catalog.history, "What happened to a dataset",
        query=_PAGE, answers=(shapes.EventPage,),
    ),
    Route(
        "GET", "/v1/catalog/diff", time_travel.diff, "What differs between two moments",
        query=("from", "to"), answers=(shapes.CatalogDiff,),
    ),
    Route(
        "POST", "/v1/catalog/pin", time_travel.pin, "Keep what a dataset was",
        body=time_travel.Pin, answers=(shapes.PinReceipt,), changes=True,
    ),
    Route(
        "POST", "/v1/catalog/unpin", time_travel.unpin, "Keep it no longer",
        body=time_travel.Unpin, answers=(shapes.PinReceipt,), changes=True,
    ),
    Route("GET", "/v1/catalog/pins", time_travel.pins, "What is kept", answers=(shapes.Pins,)),
    Route(
        "POST", "/v1/ingest", ingest.ingest, "Make a dataset of a file",
        query=(*ingest.OWN_PARAMETERS, *sorted(OPTION_NAMES)), body=(ingest.FORM, *ingest.RAW),
        answers=(shapes.IngestReceipt, shapes.Rehearsal), changes=True,
    ),
    Route(
        "POST", "/v1/sql", sql.run, "Ask a question in SQL", abandonable=True,
        headers=("If-None-Match", "Accept", "Query-Id"), body=sql.Question,
        answers=(shapes.SqlResult, *_RESULTS),
    ),
    Route(
        "GET", "/v1/queries", sql.running, "Which queries run", answers=(shapes.RunningQueries,)
    ),
    Route(
        "DELETE", "/v1/queries/{id}", sql.cancel, "Call a query off", answers=(shapes.CalledOff,)
    ),
    Route(
        "GET", "/v1/journal/head", journal.head, "Where the journal stands",
        answers=(shapes.JournalHead,),
    ),
    Route(
        "GET", "/v1/journal/events", journal.events, "What has happened",
        query=(*_PAGE, "type", "dataset"), answers=(shapes.EventPage,),
    ),
    Route(
        "GET", "/v1/journal/stream", journal.stream, "What happens, as it happens",
        query=("after", "type", "dataset"), headers=("Last-Event-ID",), answers=(journal.EVENTS,),
        abandonable=True,
    ),
    Route(
        "POST", "/v1/journal/undo", time_travel.undo, "Do the inverse of one change",
        body=time_travel.Undo, answers=(shapes.Undone,), changes=True,
    ),
    Route(
        "POST", "/v1/gc", gc.collect, "Remove what nothing refers to any more",
        body=gc.GarbageQuestion, bodiless=True, answers=(shapes.CollectionReport,), changes=True,
    ),
    Route("GET", "/health", journal.health, "Whether the process runs", answers=(shapes.Health,)),
    Route("GET", "/ready", journal.ready, "Whether it can serve", answers=(shapes.Ready,)),
    Route(
        "GET", "/metrics", journal.metrics, "Prometheus metrics", answers=(metrics.CONTENT_TYPE,)
    ),
    Route("GET", "/openapi.json", openapi, "This document", answers=("application/json",)),
)  # fmt: skip


def match(method: str, path: str) -> tuple[Route, str]:
    """The route of a request and the tail of its path. HEAD is answered where GET is.

    Raises RefusedError: `not_found`, `method_not_allowed` (errors: {allow}).
    """
    candidates = [(route, tail) for route in ROUTES if (tail := route.tail(path)) is not None]
    if not candidates:
        raise RefusedError(Refused("not_found", "there is no such route"))
    wanted = "GET" if method == "HEAD" else method
    for route, tail in candidates:
        if route.method == wanted:
            return route, tail
    allowed = sorted({route.method for route, _ in candidates})
    rows: tuple[dict[str, Json], ...] = tuple({"allow": name} for name in _with_head(allowed))
    raise RefusedError(Refused("method_not_allowed", f"{method} is not answered here", rows))


def _with_head(methods: list[str]) -> list[str]:
    return [*methods, "HEAD"] if "GET" in methods else methods
