"""Handler of POST /v1/stream/{dataset}: rows in, acknowledgements out, while both sides stay open."""

import msgspec
import structlog
from aiohttp import web

from lakehouse.api.ingest.stream import (
    StreamAck,
    StreamHeaders,
    StreamProblem,
    StreamQuery,
)
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.option_parsing import OPTION_NAMES, parse_options
from lakehouse.formats.options import NDJSON
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.service import FAULTS, Service
from lakehouse.service.streaming.use_case import OpenStream
from lakehouse.web.http.bodies import say_continue
from lakehouse.web.http.exchange import COUNTED_BYTES, Exchange
from lakehouse.web.http.line_sender import LineSender
from lakehouse.web.http.open_body import open_chunks
from lakehouse.web.http.problem_size import encoded_problem
from lakehouse.web.http.problems import REFUSED, problem_of

LINES = "application/x-ndjson"
MEDIA_TYPES = (
    *FILE_FORMATS[NDJSON].media_types,
    "application/json",
    "application/octet-stream",
    "text/plain",
)
_ENCODER = msgspec.json.Encoder()

log = structlog.get_logger()


async def stream(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/stream/{dataset}: the answer begins at once, and ends after the body."""
    caller, query = exchange.caller(), exchange.query(StreamQuery)
    _check_media_type(exchange)
    plan = _plan(exchange, query)
    async with service.streams.open(caller, plan, query.first_line) as opened:
        await say_continue(exchange.request)
        response = web.StreamResponse(headers={"Content-Type": LINES, "Cache-Control": "no-store"})
        await exchange.begin(response)
        sender = LineSender[StreamAck](response, _joined, opened.keepalive)
        if opened.resumed is not None:
            sender.add(opened.resumed)
        try:
            last = await _received(service, exchange, opened, sender)
            await sender.end(last)
        except TimeoutError as error:
            if exchange.request.transport is not None:
                exchange.request.transport.abort()
            raise ConnectionResetError("the client of a stream does not read") from error
        finally:
            exchange.request[COUNTED_BYTES] = opened.counted_bytes
            await sender.close()
    return response


async def _received(
    service: Service, exchange: Exchange, opened: OpenStream, sender: LineSender[StreamAck]
) -> bytes:
    """Receive the stream to its end; the answer's last line."""
    try:
        chunks = open_chunks(exchange.request)
        return _ENCODER.encode(await opened.receive(chunks, sender.add))
    except RefusedError as error:
        refused = error.refused
    except FAULTS as error:
        log.warning("fault", kind=type(error).__name__, detail=str(error))
        refused = service.failure(error)
    exchange.request[REFUSED] = refused
    log.info("stream_ended", code=refused.code, detail=refused.detail[:1024])
    found = problem_of(refused, exchange.request_id)
    members = msgspec.structs.asdict(found)
    return encoded_problem(StreamProblem(**members, committed=opened.committed))


def _plan(exchange: Exchange, query: StreamQuery) -> IngestPlan:
    options = parse_options([pair for pair in exchange.target.query if pair[0] in OPTION_NAMES])
    if isinstance(options, Refused):
        raise RefusedError(options)
    sent = exchange.headers(StreamHeaders).content_encoding or ""
    encoding = sent.strip().lower()
    return IngestPlan(
        name=exchange.name(),
        mode=query.mode,
        options=msgspec.structs.replace(options, format=NDJSON),
        content_encoding=encoding if encoding not in ("", "identity") else None,
        schema_change=query.schema_change,
    )


def _check_media_type(exchange: Exchange) -> None:
    declared = exchange.request.content_type
    if "Content-Type" in exchange.request.headers and declared not in MEDIA_TYPES:
        detail = f"{declared} is not supported; a stream is {LINES}"
        raise RefusedError(Refused("unsupported_media_type", detail))


def _joined(first: StreamAck, second: StreamAck) -> StreamAck:
    """One line about two groups, the second of which follows the first."""
    return StreamAck(
        second.seq,
        first.rows + second.rows,
        first.rows_quarantined + second.rows_quarantined,
        (first.lines[0], second.lines[1]),
        second.at,
    )
