"""Calls as requests of the client, and their answers, with refusals as commands raise them.

Owns how the arguments of a use case become a request. Must never decide what the server decides.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
import urllib3

from lakehouse.api.versioned import Versioned
from lakehouse.cli.remote.calls import Call
from lakehouse.cli.remote.connection import refused
from lakehouse.client import http
from lakehouse.client.error import Error
from lakehouse.client.http import Http, Upload
from lakehouse.client.request import JSON, Request, because, pairs
from lakehouse.service.caller import Caller

PAGE = 1_000
_DONE = object()


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
    headers = kind + change_headers(caller)
    return Request(call.method, path, query, body, headers, changes=True)


def change_headers(caller: Caller) -> tuple[tuple[str, str], ...]:
    """With an idempotency key, so that a lost connection never makes the change twice."""
    key = caller.idempotency_key or uuid4().hex
    return (*because(caller.reason), ("Idempotency-Key", key))


def answered(
    connection: Http, request: Request, kind: type[Any], upload: Upload | None = None
) -> Versioned[Any]:
    """Blocks. Raises RefusedError."""
    with translated():
        response = connection.open(request, upload)
        body = http.read_all(response)
        try:
            return Versioned(
                msgspec.json.decode(body, type=kind), http.seq_of(response.headers) or 0
            )
        except msgspec.DecodeError as error:
            raise Error("invalid_answer", f"{request.path}: {error}") from error


def every_page(
    connection: Http, call: Call, caller: Caller, arguments: tuple[object, ...]
) -> Versioned[Any]:
    """All pages as one. Blocks. Raises RefusedError."""
    request = request_of(call, caller, arguments)
    given = tuple(each for each in request.query if each[0] not in ("limit", "after"))
    rows: list[Any] = []
    after: tuple[tuple[str, str], ...] = ()
    while True:
        query = (*given, *after, ("limit", str(PAGE)))
        page = answered(connection, msgspec.structs.replace(request, query=query), call.answer)
        rows += getattr(page.body, call.rows or "")
        if page.body.next is None:
            whole = msgspec.structs.replace(page.body, **{call.rows or "": rows})
            return Versioned(whole, page.seq)
        after = (("after", str(page.body.next)),)


async def pieces_of(response: urllib3.BaseHTTPResponse) -> AsyncIterator[bytes]:
    pieces = http.pieces(response)
    with translated():
        while (piece := await asyncio.to_thread(next, pieces, _DONE)) is not _DONE:
            yield piece  # type: ignore[misc]  # the sentinel is no piece


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise refused(error) from error
