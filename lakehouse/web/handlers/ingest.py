"""Handlers of POST and PUT /v1/ingest, and of what ingest has put in quarantine."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from aiohttp import web

from lakehouse.api.ingest.query import IngestHeaders, IngestQuery
from lakehouse.api.lists.pages import page_of
from lakehouse.api.upkeep.quarantine import QuarantineQuery
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.file_formats import (
    FILE_FORMATS,
    TSV_TYPE,
    format_of_file_name,
    format_of_media_type,
)
from lakehouse.formats.option_parsing import OPTION_NAMES, parse_options
from lakehouse.formats.options import CSV
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.held import chosen_of, options_of
from lakehouse.service.ingest.plan import IngestPlan, check_plan, key_columns
from lakehouse.service.ingest.use_case import Upload
from lakehouse.service.service import Service
from lakehouse.web.http import bodies, forms
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned

FIELD = "file"
ANY = "application/octet-stream"
FORM = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
RAW = (
    "text/plain",
    "application/octet-stream",
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
    *(each for row in FILE_FORMATS.values() for each in row.media_types),
)
FRAMING_BYTES = 128 * 1024
"""What a form may add to the size of its file."""


class _Incoming(msgspec.Struct, frozen=True):
    """What is known of an ingest before its file arrives; `head` fills while it does."""

    caller: Caller
    query: IngestQuery
    plan: IngestPlan
    is_form: bool
    head: forms.FileHead


async def ingest(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/ingest: the file as a form's field, or as the raw body."""
    caller, query = exchange.caller(), exchange.query(IngestQuery)
    is_form = exchange.request.content_type == FORM
    if query.dry_run and query.stage:
        raise RefusedError(Refused("invalid_request", "dry_run and stage exclude each other"))
    incoming = _Incoming(caller, query, _plan(exchange, query), is_form, forms.FileHead())
    service.ingest.check_writable(caller, query.name)
    limit = service.ingest.max_bytes + (FRAMING_BYTES if is_form else 0)
    bodies.check_declared_size(exchange.request, limit)
    async with _received(service, exchange, incoming) as upload:
        if upload.size_bytes == 0 and "Content-Type" not in exchange.request.headers:
            raise RefusedError(Refused("missing_file", "the request has no body"))
        plan = _in_format(incoming)
        if query.dry_run:
            return versioned(await service.ingest.dry_run(caller, plan, upload))
        if query.stage:
            return versioned(await service.ingest.stage(caller, plan, upload))
        return versioned(await service.ingest.ingest(caller, plan, upload))


async def put(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/ingest: as POST, for `curl -T FILE URL`."""
    return await ingest(service, exchange)


async def quarantine(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/quarantine/{name}."""
    caller, query = exchange.caller(), exchange.query(QuarantineQuery)
    if not query.raw:
        found = await service.quarantine.files(caller, exchange.name(), query)
        return versioned(page_of(found, "files", lambda each: f"{each.seq:016} {each.key}", query))
    name, held = await service.quarantine.held(caller, exchange.name())
    chosen = chosen_of(name, held, query.key)
    options = options_of(chosen)
    pieces = service.quarantine.as_file(caller, name, chosen, options)
    # What is refused before the first row has an answer of its own.
    first = await anext(pieces, b"")
    headers = {"Content-Type": ANY, "Content-Disposition": "attachment"}
    response = web.StreamResponse(headers=headers)
    await exchange.begin(response)
    if exchange.request.method != "HEAD":
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
    return response


@asynccontextmanager
async def _received(
    service: Service, exchange: Exchange, incoming: _Incoming
) -> AsyncIterator[Upload]:
    """The file, kept while the context lasts."""

    def early_plan() -> IngestPlan | None:
        return None if incoming.query.dry_run else _in_format(incoming)

    if incoming.is_form:
        chunks = _form(exchange, incoming.head)
    else:
        chunks = _raw(exchange, incoming.head, any_type=incoming.query.format is not None)
    async with AsyncExitStack() as stack:
        async with bodies.in_time():
            explains = incoming.query.stage
            receiving = service.ingest.received(
                incoming.caller, chunks, early_plan, explains=explains
            )
            upload = await stack.enter_async_context(receiving)
        yield upload


def _form(exchange: Exchange, head: forms.FileHead) -> AsyncIterator[bytes]:
    if exchange.request.headers.get("Content-Encoding", "identity").lower() != "identity":
        detail = "a form cannot be compressed as a whole; compress the file in it"
        raise RefusedError(Refused("unsupported_media_type", detail))
    return forms.file_chunks(exchange.request, FIELD, head)


def _raw(exchange: Exchange, head: forms.FileHead, *, any_type: bool) -> AsyncIterator[bytes]:
    """The body as sent; of any media type but forms where the query names the format."""
    headers = exchange.request.headers
    if exchange.request.content_type == URLENCODED:
        # curl sends this media type with -d and --data-binary for any file, and -d removes line
        # ends.
        url = f"http://{exchange.request.host}{exchange.request.raw_path[:512]}"
        detail = f"the body is declared as {URLENCODED}; to send a file: curl -T FILE '{url}'"
        raise RefusedError(Refused("unsupported_media_type", detail))
    declared = exchange.request.content_type
    usable = declared in RAW or (any_type and not declared.startswith("multipart/"))
    if "Content-Type" in headers and not usable:
        detail = (
            f"{declared} is not supported; send text/csv or {FORM}, or name the file's format: "
            f"{' or '.join(f'format={name}' for name in FILE_FORMATS)}"
        )
        raise RefusedError(Refused("unsupported_media_type", detail))
    head.content_type = declared
    return bodies.chunks(exchange.request)


def _in_format(incoming: _Incoming) -> IngestPlan:
    """The plan with the file's format: as given, else by its media type, its name, else CSV.

    A file declared as tab-separated values has tabs as delimiters, unless the query names others.
    """
    plan, head = incoming.plan, incoming.head
    media_type = (head.content_type or "").partition(";")[0].strip().lower()
    options = plan.options
    if incoming.query.format is None:
        found = format_of_media_type(media_type) or format_of_file_name(head.filename or "")
        options = msgspec.structs.replace(options, format=found or CSV)
    if media_type == TSV_TYPE and options.format == CSV and not options.delimiter_given:
        options = msgspec.structs.replace(options, delimiter="\t", delimiter_given=True)
    return msgspec.structs.replace(plan, options=options)


def _plan(exchange: Exchange, query: IngestQuery) -> IngestPlan:
    options = parse_options([pair for pair in exchange.target.query if pair[0] in OPTION_NAMES])
    if isinstance(options, Refused):
        raise RefusedError(options)
    plan = IngestPlan(
        name=query.name,
        mode=query.mode,
        options=options,
        content_encoding=_content_encoding(exchange.headers(IngestHeaders)),
        schema_change=query.schema_change,
        dedupe=query.dedupe is not None,
        resolves=tuple(sorted({*query.resolves})),
        key=key_columns(query.key),
        where=query.where,
    )
    check_plan(plan)
    return plan


def _content_encoding(sent: IngestHeaders) -> str | None:
    encoding = (sent.content_encoding or "").strip().lower()
    return encoding if encoding not in ("", "identity") else None
