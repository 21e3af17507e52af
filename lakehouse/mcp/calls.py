"""Calls of tools: each asks one use case as the caller, and makes a page of what it returns.

Must never decide what a caller may see: the use cases do.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from lakehouse.api.catalog.datasets import (
    HistoryQuery,
    ListDatasetsQuery,
    RestoreRequest,
    ShowDatasetQuery,
)
from lakehouse.api.history.provenance import WhyQuery
from lakehouse.api.history.time_travel import DiffQuery, UndoRequest
from lakehouse.api.versioned import Versioned
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.option_parsing import parse_options
from lakehouse.mcp import arguments, cursor
from lakehouse.mcp.arguments import CONTENT_BYTES, Arguments
from lakehouse.mcp.cursor import Cursor
from lakehouse.mcp.protocol import ToolCall
from lakehouse.mcp.query import AnswerCallback, query_page
from lakehouse.mcp.results import Listing, page, whole
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.plan import IngestPlan, key_columns
from lakehouse.service.service import Service

Content = dict[str, Any]
_PAGE = 1_000
"""How many items are read from a use case at a time: more never fit into a result."""


async def call(
    service: Service, caller: Caller, asked: ToolCall, query_id: str, begun: AnswerCallback
) -> Content:
    """The structured content of a tool's result. Raises RefusedError as the use case does.

    `begun` gets the result of a statement once it has begun.
    """
    given = asked.arguments
    if isinstance(given, _PREVIEWS):
        found = await _preview(service, caller, given)
        return whole(_members(found.body), found.seq)
    at = cursor.decode(getattr(given, "cursor", None), asked.tool, given)
    if isinstance(given, arguments.Query | arguments.Nearest):
        return await query_page(service, caller, given, at, query_id, begun)
    listing = await _LISTINGS[type(given)](service, caller, given, at)
    return _paged(asked.tool, given, listing)


def _paged(tool: str, given: Arguments, listing: Listing) -> Content:
    found = page(listing)
    if found.next is None:
        return found.content
    following = Cursor(listing.seq, found.next, cursor.asked(tool, given))
    return {**found.content, "cursor": cursor.encode(following)}


async def _list_datasets(
    service: Service, caller: Caller, given: arguments.ListDatasets, at: Cursor | None
) -> Listing:
    after = str(at.place) if at else ""
    query = ListDatasetsQuery(
        after=after, limit=_PAGE, summary=True, as_of=_moment(given.as_of, at)
    )
    found = await service.catalog.list(caller, query)
    names = [each.name for each in found.body.datasets]
    items = [_members(each) for each in found.body.datasets]
    return Listing(found.seq, {}, "datasets", items, names, found.body.next is not None)


async def _describe(
    service: Service, caller: Caller, given: arguments.DescribeDataset, at: Cursor | None
) -> Listing:
    skipped = _offset(at)
    query = ShowDatasetQuery(as_of=_moment(given.as_of, at), limit=_PAGE, after=skipped)
    found = await service.catalog.manifest(caller, given.name, query)
    head = _members(found.body)
    items = head.pop("objects")
    more = head.pop("next", None) is not None
    return Listing(found.seq, head, "objects", items, _offsets(skipped, items), more)


async def _history(
    service: Service, caller: Caller, given: arguments.History, at: Cursor | None
) -> Listing:
    after = max(given.after, _offset(at))
    found = await service.catalog.history(caller, given.name, HistoryQuery(after, _PAGE))
    moment = at.seq if at else found.seq
    events = [each for each in found.body.events if each.seq <= moment]
    items, places = [_members(each) for each in events], [each.seq for each in events]
    more = found.body.next is not None and len(events) == len(found.body.events)
    return Listing(moment, {}, "events", items, places, more)


async def _diff(
    service: Service, caller: Caller, given: arguments.Diff, at: Cursor | None
) -> Listing:
    query = DiffQuery(str(given.first), _moment(given.last, at))
    found = await service.time_travel.diff(caller, query)
    head = _members(found.body)
    items = [
        {"kind": kind.removesuffix("s"), **each}
        for kind in ("datasets", "views", "profiles")
        for each in head.pop(kind)
    ]
    return _listing(found.seq, head, "changes", items, at)


async def _why(
    service: Service, caller: Caller, given: arguments.Why, at: Cursor | None
) -> Listing:
    query = WhyQuery(given.where, _moment(None, at))
    found = await service.provenance.why(caller, given.name, query)
    head = _members(found.body)
    return _listing(found.seq, head, "uploads", head.pop("uploads"), at)


_LISTINGS: dict[type[Arguments], Callable[..., Awaitable[Listing]]] = {
    arguments.ListDatasets: _list_datasets,
    arguments.DescribeDataset: _describe,
    arguments.History: _history,
    arguments.Diff: _diff,
    arguments.Why: _why,
}
_PREVIEWS = (arguments.PreviewIngest, arguments.PreviewUndo, arguments.PreviewRestore)


async def _preview(
    service: Service,
    caller: Caller,
    given: arguments.PreviewIngest | arguments.PreviewUndo | arguments.PreviewRestore,
) -> Versioned[Any]:
    if isinstance(given, arguments.PreviewUndo):
        return await service.time_travel.undo(caller, UndoRequest(given.seq, dry_run=True))
    if isinstance(given, arguments.PreviewRestore):
        request = RestoreRequest(given.name, given.as_of)
        return await service.time_travel.preview_restore(caller, request)
    service.ingest.check_writable(caller, given.name)
    async with service.ingest.received(caller, _chunks(given.content)) as upload:
        return await service.ingest.dry_run(caller, _plan(given), upload)


async def _chunks(content: str) -> AsyncIterator[bytes]:
    body = content.encode()
    if len(body) > CONTENT_BYTES:
        detail = f"the content has {len(body):,} bytes; at most {CONTENT_BYTES:,} are allowed"
        raise RefusedError(Refused("too_large", detail))
    yield body


def _plan(given: arguments.PreviewIngest) -> IngestPlan:
    options = parse_options([("format", given.format)])
    if isinstance(options, Refused):
        raise RefusedError(options)
    return IngestPlan(
        name=given.name,
        mode=given.mode,
        options=options,
        schema_change=given.schema_change,
        key=key_columns(given.key),
        where=given.where,
    )


def _listing(seq: int, head: Content, member: str, items: list[Any], at: Cursor | None) -> Listing:
    """A listing of items that the use case returns all at once."""
    skipped = _offset(at)
    return Listing(seq, head, member, items[skipped:], _offsets(skipped, items[skipped:]))


def _moment(given: int | str | None, at: Cursor | None) -> str | None:
    """The moment to read: that of the first page, else the given one."""
    wanted = at.seq if at else given
    return None if wanted is None else str(wanted)


def _offset(at: Cursor | None) -> int:
    return at.place if at is not None and isinstance(at.place, int) else 0


def _offsets(skipped: int, items: list[Any]) -> range:
    return range(skipped + 1, skipped + len(items) + 1)


def _members(body: msgspec.Struct) -> Content:
    found: Content = msgspec.to_builtins(body)
    return found
