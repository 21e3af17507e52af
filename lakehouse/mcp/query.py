"""The tools `query` and `nearest`: pages of a result, each by running the statement at the same moment.

Must never continue a result whose rows came in another order than on the pages before: the hash of the
rows that were sent shows it. Holds one page of rows, and one batch of the worker's.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from lakehouse.api.sql import SqlRequest
from lakehouse.api.vectors import VectorSearchRequest
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.mcp import arguments, cursor
from lakehouse.mcp.cursor import Cursor
from lakehouse.mcp.results import RESULT_BYTES, Listing, page
from lakehouse.service.caller import Caller
from lakehouse.service.service import Service
from lakehouse.service.sql.answers import Answer

AnswerCallback = Callable[[Answer], None]


async def query_page(
    service: Service,
    caller: Caller,
    given: arguments.Query | arguments.Nearest,
    at: Cursor | None,
    query_id: str,
    begun: AnswerCallback,
) -> dict[str, Any]:
    """One page. Raises RefusedError as the use case does, and `invalid_request` if the order changed."""
    async with _running(service, caller, given, at, query_id) as found:
        begun(found)
        lines = _lines(found.chunks)
        sent = hashlib.sha256()
        skipped = at.place if at is not None and isinstance(at.place, int) else 0
        await _skip(lines, skipped, sent)
        if at is not None and sent.hexdigest() != at.sent:
            raise RefusedError(_ANOTHER_ORDER)
        kept, more = await _read(lines)
        return _page(given, found.seq, skipped, kept, sent, more=more)


def _running(
    service: Service,
    caller: Caller,
    given: arguments.Query | arguments.Nearest,
    at: Cursor | None,
    query_id: str,
) -> AbstractAsyncContextManager[Answer]:
    as_of = at.seq if at else given.as_of
    if isinstance(given, arguments.Query):
        return service.sql.run(caller, SqlRequest(given.sql, as_of=as_of), _FORMAT, query_id)
    request = VectorSearchRequest(
        *(given.dataset, given.column, given.vector, given.k, given.filter, given.metric),
        as_of=as_of,
        columns=given.columns or None,
    )
    return service.vectors.search(caller, request, _FORMAT, query_id)


_FORMAT = "ndjson"
_ANOTHER_ORDER = Refused(
    "invalid_request",
    "the statement returned other rows, or in another order, than on the pages before: add an ORDER BY "
    "that decides the order of all rows, and begin with the first page",
)


def _page(
    given: arguments.Query | arguments.Nearest,
    seq: int,
    skipped: int,
    lines: list[bytes],
    sent: "hashlib._Hash",
    *,
    more: bool,
) -> dict[str, Any]:
    rows = [msgspec.json.decode(line) for line in lines]
    head = {"columns": list(rows[0]) if rows else []}
    places = range(skipped + 1, skipped + len(rows) + 1)
    items = [list(row.values()) for row in rows]
    found = page(Listing(seq, head, "rows", items, places, more))
    if found.next is None:
        return found.content
    for line in lines[: found.count]:
        sent.update(line)
    following = Cursor(seq, found.next, cursor.asked(_tool(given), given), sent.hexdigest())
    return {**found.content, "cursor": cursor.encode(following)}


def _tool(given: arguments.Query | arguments.Nearest) -> str:
    return "query" if isinstance(given, arguments.Query) else "nearest"


async def _skip(lines: AsyncIterator[bytes], count: int, sent: "hashlib._Hash") -> None:
    """Read past the rows of earlier pages."""
    while count:
        line = await anext(lines, None)
        if line is None:
            return
        sent.update(line)
        count -= 1


async def _read(lines: AsyncIterator[bytes]) -> tuple[list[bytes], bool]:
    """Reads rows until a page is full; whether there are more."""
    kept: list[bytes] = []
    size_bytes = 0
    async for line in lines:
        if size_bytes > RESULT_BYTES:
            return kept, True
        kept.append(line)
        # The lines repeat the names of columns, the page has them once: only the values count.
        size_bytes += len(msgspec.json.encode(list(msgspec.json.decode(line).values())))
    return kept, False


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest
