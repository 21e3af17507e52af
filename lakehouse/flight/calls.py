"""The RPCs of Flight SQL on the event loop: each one command, asked as its caller.

Owns which command each RPC takes. Must never hold anything between two RPCs.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import msgspec
import pyarrow as pa

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight import commands, metadata, statements
from lakehouse.flight.bridge import Handoff
from lakehouse.flight.commands import (
    Command,
    PreparedQuery,
    StatementQuery,
    StatementTicket,
    Unsupported,
)
from lakehouse.flight.exchange import Exchange, Exchanges, Rpc, nothing
from lakehouse.flight.tickets import Prepared, decode_prepared, decode_ticket, encode
from lakehouse.service.service import Service

BIND_S = 30.0
"""How long a client may take to send the row of its parameters."""


class Info(msgspec.Struct, frozen=True):
    """Where a result is: its ticket, and its schema if that is known without running anything."""

    ticket: bytes
    schema: pa.Schema | None


class Calls:
    """What each RPC does. Raises RefusedError and Unsupported alone."""

    def __init__(self, service: Service, exchanges: Exchanges) -> None:
        self._service = service
        self._exchanges = exchanges

    async def handshake(self, rpc: Rpc) -> str:
        """The header with which the client identifies itself in its calls."""

        async def work(exchange: Exchange) -> str:
            return self._service.authentication.bearer(rpc.header("authorization"))

        return await self._exchanges.answer(rpc, work)

    async def flight_info(self, rpc: Rpc, message: bytes) -> Info:
        """GetFlightInfo: nothing is run before the ticket is redeemed."""

        async def work(exchange: Exchange) -> Info:
            command = commands.parse_command(message)
            prepared = _prepared(command)
            if prepared is None:
                return Info(message, metadata.schema_of(_metadata(command)))
            ticket = statements.ticket_of(exchange, prepared)
            return Info(commands.statement_ticket(encode(ticket)), None)

        return await self._exchanges.answer(rpc, work)

    async def schema(self, rpc: Rpc, message: bytes) -> pa.Schema:
        """GetSchema."""

        async def work(exchange: Exchange) -> pa.Schema:
            command = commands.parse_command(message)
            prepared = _prepared(command)
            if prepared is None:
                return metadata.schema_of(_metadata(command))
            return (await statements.describe(self._service, exchange, prepared)).schema

        return await self._exchanges.answer(rpc, work)

    async def get(
        self, rpc: Rpc, message: bytes, handoff: Handoff, abort: Callable[[], object]
    ) -> None:
        """DoGet: the bytes of the result go to `handoff`, and so does what ends it early."""
        try:
            await self._exchanges.answer(rpc, partial(self._get, message, handoff, abort))
        except (RefusedError, Unsupported) as error:
            handoff.end(error)
        except asyncio.CancelledError:
            handoff.end(RefusedError(Refused("shutting_down", "the server is being stopped")))
            raise

    async def _get(
        self, message: bytes, handoff: Handoff, abort: Callable[[], object], exchange: Exchange
    ) -> None:
        command = commands.parse_command(message)
        if isinstance(command, StatementTicket):
            ticket = decode_ticket(command.handle)
            await statements.send(self._service, exchange, ticket, handoff, abort)
            return
        table = await metadata.answer(self._service, exchange, _metadata(command))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body = sink.getvalue().to_pybytes()
        exchange.sent_bytes += len(body)
        await handoff.put(body)
        handoff.end()
        await handoff.sent()

    async def bind(
        self,
        rpc: Rpc,
        message: bytes,
        begun: Future[Prepared],
        row: Future[Prepared],
        abort: Callable[[], object],
    ) -> bytes:
        """DoPut: a new handle, which holds the parameters.

        The thread reads them once `begun` has the statement; then it gives them to `row`.
        """

        async def work(exchange: Exchange) -> bytes:
            command = commands.parse_command(message)
            if not isinstance(command, PreparedQuery):
                raise _misplaced(command)
            begun.set_result(decode_prepared(command.handle))
            try:
                async with asyncio.timeout(BIND_S):
                    prepared = await asyncio.wrap_future(row)
            except TimeoutError as error:
                abort()
                detail = f"the parameters did not arrive within {BIND_S:.0f} s"
                raise RefusedError(Refused("body_too_slow", detail)) from error
            return commands.bound_statement(_handle(prepared))

        try:
            return await self._exchanges.answer(rpc, work)
        except BaseException as error:
            if not begun.done():
                begun.set_exception(error)
            raise

    async def act(self, rpc: Rpc, name: str, body: bytes) -> list[bytes]:
        """DoAction: the answers of an action."""
        return await self._exchanges.answer(rpc, partial(self._act, name, body))

    async def _act(self, name: str, body: bytes, exchange: Exchange) -> list[bytes]:
        match name:
            case "CreatePreparedStatement":
                return [await self._prepare(body, exchange)]
            case "ClosePreparedStatement":
                fields = commands.parse_action(body, "ActionClosePreparedStatementRequest")
                decode_prepared(fields.bytes_of(1))
                return []
            case "CancelFlightInfo" | "CancelQuery":
                packed = name == "CancelQuery"
                await self._cancel(commands.cancelled_tickets(body, packed=packed), exchange)
                return [commands.cancel_result(packed=packed)]
        raise Unsupported(f"there is no action {name[:200]!r} here")

    async def _prepare(self, body: bytes, exchange: Exchange) -> bytes:
        """A prepared statement; its schema is left out where it depends on its parameters."""
        fields = commands.parse_action(body, "ActionCreatePreparedStatementRequest")
        commands.refuse_transaction(fields)
        prepared = Prepared(fields.text(1))
        described = await statements.describe(self._service, exchange, prepared)
        names = described.parameters
        schema = None if names else described.schema.serialize().to_pybytes()
        parameters = pa.schema([(name, statements.ANY_VALUE) for name in names])
        return commands.prepared_statement(
            _handle(Prepared(prepared.sql, names)), schema, parameters.serialize().to_pybytes()
        )

    async def _cancel(self, messages: list[bytes], exchange: Exchange) -> None:
        found = []
        for message in messages:
            command = commands.parse_command(message)
            if not isinstance(command, StatementTicket):
                raise _misplaced(command)
            found.append(decode_ticket(command.handle))
        await statements.cancel(self._service, exchange, found)

    async def nothing(self, rpc: Rpc) -> None:
        """For RPCs whose answer is fixed: who calls is judged all the same."""
        await self._exchanges.answer(rpc, nothing)

    async def admit(self, rpc: Rpc) -> None:
        """Judge who calls, before the RPC itself."""
        await self._exchanges.admit(rpc)


def _prepared(command: Command) -> Prepared | None:
    """The statement that a command runs; None for metadata."""
    if isinstance(command, StatementQuery):
        return Prepared(command.query)
    if isinstance(command, PreparedQuery):
        return decode_prepared(command.handle)
    return None


def _metadata(command: Command) -> commands.Metadata:
    if isinstance(command, StatementQuery | PreparedQuery | StatementTicket):
        raise _misplaced(command)
    return command


def _handle(prepared: Prepared) -> bytes:
    handle = encode(prepared)
    if len(handle) > commands.MESSAGE_BYTES // 2:
        detail = f"statement and parameters have {len(handle):,} bytes; at most 1 MiB is allowed"
        raise RefusedError(Refused("too_large", detail))
    return handle


def _misplaced(command: Command) -> RefusedError:
    detail = f"{type(command).__name__} does not belong in this call"
    return RefusedError(Refused("invalid_request", detail))
