"""Handler of POST /v1/ingest."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from aiohttp import web

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.formats.file_formats import (
    FILE_FORMATS,
    format_of_file_name,
    format_of_media_type,
)
from lakehouse.formats.growing_file import GrowingFile
from lakehouse.formats.option_parsing import OPTION_NAMES, parse_options
from lakehouse.formats.options import CSV
from lakehouse.process.spool import Spooled, spooled
from lakehouse.service.ingest.prefetch import Prefetch
from lakehouse.service.ingest.use_case import IngestPlan
from lakehouse.service.service import Service
from lakehouse.web.http import bodies, forms
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer

FIELD = "file"
FORM = "multipart/form-data"
RAW = (
    "text/plain",
    "application/octet-stream",
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
    *(each for row in FILE_FORMATS.values() for each in row.media_types),
)
OWN_PARAMETERS = ("name", "mode", "schema_change", "dedupe", "retries", "dry_run")
FRAMING_BYTES = 128 * 1024
"""What a form may add to the size of its file."""


async def ingest(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/ingest: the file as a form's field, or as the raw body."""
    caller, plan, dry_run = exchange.caller(), _plan(exchange), exchange.flag("dry_run")
    limit = service.limits.upload_bytes
    form = exchange.request.content_type == FORM
    bodies.check_declared_size(exchange.request, limit + (FRAMING_BYTES if form else 0))
    with service.ingests.slot():
        async with _received(service, exchange, plan, form=form) as (file, head, ahead):
            if file.size_bytes == 0 and "Content-Type" not in exchange.request.headers:
                raise RefusedError(Refused("missing_file", "there is no body, and no form"))
            plan = _in_format(plan, exchange, head)
            if dry_run:
                receipt = await service.ingest.rehearse(plan, file, caller)
            else:
                receipt = await service.ingest.ingest(plan, file, caller, ahead)
    return answer(receipt.body, receipt.seq)


@asynccontextmanager
async def _received(
    service: Service, exchange: Exchange, plan: IngestPlan, *, form: bool
) -> AsyncIterator[tuple[Spooled, forms.FileHead, Prefetch]]:
    """The file, spooled for as long as the context lasts, what its sender says of it, and how far
    it was read as it came."""
    head, limit = forms.FileHead(), service.limits.upload_bytes
    chunks = _form(exchange, head) if form else _raw(exchange, head)
    async with AsyncExitStack() as stack:
        ahead = await stack.enter_async_context(service.ingest.ahead.reading())

        def begun(file: GrowingFile) -> None:
            if not exchange.flag("dry_run"):
                ahead.begin(_in_format(plan, exchange, head), file)

        async with bodies.in_time():
            spooling = spooled(chunks, service.spool_dir, limit, service.pool, begun)
            file = await stack.enter_async_context(spooling)
        yield file, head, ahead


def _form(exchange: Exchange, head: forms.FileHead) -> AsyncIterator[bytes]:
    if exchange.request.headers.get("Content-Encoding", "identity").lower() != "identity":
        detail = "a form is not encoded as a whole; compress the file in it"
        raise RefusedError(Refused("unsupported_media_type", detail))
    return forms.file_chunks(exchange.request, FIELD, head)


def _raw(exchange: Exchange, head: forms.FileHead) -> AsyncIterator[bytes]:
    headers = exchange.request.headers
    if "Content-Type" in headers and exchange.request.content_type not in RAW:
        detail = f"{exchange.request.content_type} is not read; send text/csv or {FORM}"
        raise RefusedError(Refused("unsupported_media_type", detail))
    head.content_type = exchange.request.content_type
    return bodies.chunks(exchange.request)


def _in_format(plan: IngestPlan, exchange: Exchange, head: forms.FileHead) -> IngestPlan:
    """The plan with the file's format: as asked for, else its type's, else its name's, else CSV."""
    if exchange.parameter("format") is not None:
        return plan
    media_type = (head.content_type or "").partition(";")[0].strip().lower()
    found = format_of_media_type(media_type) or format_of_file_name(head.filename or "")
    options = msgspec.structs.replace(plan.options, format=found or CSV)
    return msgspec.structs.replace(plan, options=options)


def _plan(exchange: Exchange) -> IngestPlan:
    """The query string as a plan. A parameter that is unknown would be passed over: refused."""
    pairs = exchange.target.query
    unknown = {name for name, _ in pairs} - {*OWN_PARAMETERS, *OPTION_NAMES}
    if unknown:
        raise RefusedError(Refused("invalid_request", f"unknown: {', '.join(sorted(unknown))}"))
    options = parse_options([pair for pair in pairs if pair[0] in OPTION_NAMES])
    if isinstance(options, Refused):
        raise RefusedError(options)
    name = exchange.parameter("name") or ""
    check_name(name)
    mode = _choice(exchange, "mode", ("replace", "append")) or "replace"
    schema_change = _choice(exchange, "schema_change", ("replace", "widen"))
    if schema_change == "replace" and mode == "append":
        detail = "schema_change=replace goes with mode=replace: an append keeps what is there"
        raise RefusedError(Refused("invalid_request", detail))
    retries = tuple(sorted({value for each, value in pairs if each == "retries"}))
    if retries and mode != "append":
        detail = "retries goes with mode=append: what comes again is added to what is there"
        raise RefusedError(Refused("invalid_request", detail))
    return IngestPlan(
        name=name,
        mode=mode,
        options=options,
        content_encoding=_content_encoding(exchange),
        schema_change=schema_change,
        dedupe=_choice(exchange, "dedupe", ("source",)) is not None,
        retries=retries,
    )


def _content_encoding(exchange: Exchange) -> str | None:
    encoding = exchange.request.headers.get("Content-Encoding", "").strip().lower()
    return encoding if encoding not in ("", "identity") else None


def _choice(exchange: Exchange, name: str, offered: tuple[str, ...]) -> str | None:
    value = exchange.parameter(name)
    if value is not None and value not in offered:
        detail = f"{name}={value[:64]!r}: what is offered is {', '.join(offered)}"
        raise RefusedError(Refused("invalid_request", detail))
    return value
