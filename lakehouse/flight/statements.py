"""Statements over Flight SQL: run, described, prepared and cancelled, as the caller. On the event loop.

Must never judge a statement: the use case and its worker do.
"""

import asyncio
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pyarrow as pa

from lakehouse.api.sql import SqlRequest
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight.bridge import Handoff
from lakehouse.flight.commands import NO_UPDATES, Unsupported
from lakehouse.flight.exchange import Exchange
from lakehouse.flight.tickets import Prepared, Ticket
from lakehouse.query.render.formats import SCHEMA
from lakehouse.service.caller import Caller
from lakehouse.service.service import Service
from lakehouse.web.http.connections.pace import LOOK_S

PARAMETERS = b"lakehouse.parameters"
"""In the metadata of a schema that was described: the names of the statement's parameters, as JSON."""

_UPDATE = re.compile(r"\s*(insert|update|delete|merge)\b", re.IGNORECASE)
ANY_VALUE = pa.dense_union(
    [
        pa.field("string", pa.string()),
        pa.field("bytes", pa.binary()),
        pa.field("bigint", pa.int64()),
        pa.field("double", pa.float64()),
    ]
)
"""The type of a parameter that accepts any type, as Arrow's own server for SQLite states it."""


class Described(msgspec.Struct, frozen=True):
    """The columns of a statement's result, and the names of its parameters."""

    schema: pa.Schema
    parameters: tuple[str, ...]


def ticket_of(exchange: Exchange, prepared: Prepared) -> Ticket:
    """A ticket for one execution of a statement, as of the moment and under the profile of its headers."""
    rpc = exchange.rpc
    return Ticket(
        prepared.sql,
        uuid.uuid4().hex,
        prepared.params,
        rpc.header("x-as-of"),
        rpc.header("x-profile"),
    )


async def send(
    service: Service,
    exchange: Exchange,
    ticket: Ticket,
    handoff: Handoff,
    abort: Callable[[], object],
) -> None:
    """Give the bytes of a statement's result to `handoff`, and wait until they are sent.

    A client that does not read a result while others wait is disconnected by `abort`.
    """
    named = exchange.caller.principal is not None
    caller = exchange.caller
    if named:
        caller = msgspec.structs.replace(caller, client_query_id=ticket.query_id)
    query_id = uuid.uuid4().hex if named else ticket.query_id
    request = SqlRequest(
        ticket.sql, params=ticket.params, as_of=ticket.as_of, profile=ticket.profile
    )
    with _updates_unsupported(ticket.sql):
        async with service.sql.run(caller, request, "arrow", query_id) as found:
            exchange.result = found
            with _watched(service, exchange.caller, handoff, abort):
                async for chunk in found.chunks:
                    await handoff.put(chunk)
                    exchange.sent_bytes += len(chunk)
    handoff.end()
    await handoff.sent()


@contextmanager
def _updates_unsupported(sql: str) -> Iterator[None]:
    """Raises Unsupported where a statement that would change data was refused."""
    try:
        yield
    except RefusedError as error:
        if error.refused.code == "statement_not_allowed" and _UPDATE.match(sql):
            raise Unsupported(NO_UPDATES) from error
        raise


@contextmanager
def _watched(
    service: Service, caller: Caller, handoff: Handoff, abort: Callable[[], object]
) -> Iterator[None]:
    """Check that the client reads what is sent, by the same rule as over HTTP."""
    task = asyncio.create_task(_watch(service, caller, handoff, abort))
    try:
        yield
    finally:
        task.cancel()


async def _watch(
    service: Service, caller: Caller, handoff: Handoff, abort: Callable[[], object]
) -> None:
    clock = service.clock
    taken, since_s = -1, clock.monotonic()
    while True:
        now_s = clock.monotonic()
        if not handoff.is_full or handoff.taken != taken:
            taken, since_s = handoff.taken, now_s
        elif (most_s := service.sql.patience_s(caller)) is not None and now_s - since_s >= most_s:
            abort()
            return
        await clock.sleep(LOOK_S)


async def describe(service: Service, exchange: Exchange, prepared: Prepared) -> Described:
    """The columns and parameters of a statement, without running it.

    Raises what `Sql.run` raises, and Unsupported for a refused statement that would change data.
    """
    ticket = ticket_of(exchange, prepared)
    request = SqlRequest(
        ticket.sql, params=ticket.params, as_of=ticket.as_of, profile=ticket.profile
    )
    with _updates_unsupported(prepared.sql):
        async with service.sql.run(exchange.caller, request, SCHEMA, ticket.query_id) as found:
            exchange.result = found
            document = b"".join([chunk async for chunk in found.chunks])
    schema = pa.ipc.open_stream(document).schema
    names = msgspec.json.decode(schema.metadata[PARAMETERS], type=tuple[str, ...])
    return Described(schema.remove_metadata(), names)


async def cancel(service: Service, exchange: Exchange, tickets: list[Ticket]) -> None:
    """Cancel the queries of the caller that these tickets started.

    Raises RefusedError `query_not_found` where none of them runs.
    """
    found = 0
    for ticket in tickets:
        try:
            cancelled = await service.sql.queries.cancel(exchange.caller, ticket.query_id)
            found += cancelled.cancelled
        except RefusedError as error:
            if error.refused.code != "query_not_found":
                raise
    if not found:
        detail = "no query of this FlightInfo runs in this process"
        raise RefusedError(Refused("query_not_found", detail))
