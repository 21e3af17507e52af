"""The Flight SQL server: each RPC in a thread of gRPC, its work on the event loop.

Owns the mapping from gRPC's calls to our own, and that nothing but a Flight error leaves an RPC. Must
never use a service here: what belongs to the loop is asked through the bridge.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.flight as fl
import structlog

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight.batches import IpcStream, has_dictionary
from lakehouse.flight.bridge import Bridge, ClientGone, Handoff
from lakehouse.flight.calls import Calls
from lakehouse.flight.commands import Unsupported
from lakehouse.flight.connections import abort
from lakehouse.flight.exchange import Rpc
from lakehouse.flight.parameters import bound
from lakehouse.flight.statuses import Unimplemented, Unknown, error_of
from lakehouse.flight.tickets import Prepared

HEADERS = "headers"
ACTIONS = (
    ("CreatePreparedStatement", "Prepare a statement."),
    ("ClosePreparedStatement", "Forget a prepared statement; the client alone has kept it."),
    ("CancelFlightInfo", "Cancel a running query."),
    ("CancelQuery", "Cancel a running query; older than CancelFlightInfo."),
)
T = TypeVar("T")
log = structlog.get_logger()


class Call(fl.ServerMiddleware):  # type: ignore[misc]
    """One RPC: its headers, and what to do when it has ended, whichever way."""

    def __init__(self, headers: dict[str, list[str | bytes]], bearer: str | None) -> None:
        self.headers = headers
        self.on_end: Callable[[], object] | None = None
        self._bearer = bearer

    def sending_headers(self) -> dict[str, str]:
        """After a handshake: the header that the client sends with its calls."""
        return {"authorization": self._bearer} if self._bearer is not None else {}

    def call_completed(self, exception: BaseException | None) -> None:
        """Called by gRPC once, in whatever way the RPC has ended."""
        if self.on_end is not None:
            self.on_end()


class Opening(fl.ServerMiddlewareFactory):  # type: ignore[misc]
    """Keeps the headers of each RPC, and answers the handshake, which no method sees."""

    def __init__(self, bridge: Bridge, calls: Calls) -> None:
        self._bridge = bridge
        self._calls = calls

    def start_call(self, info: Any, headers: dict[str, list[str | bytes]]) -> Call:
        """Raises a Flight error for a handshake, or a GetSchema, without a valid token."""
        bearer = None
        if info.method == fl.FlightMethod.HANDSHAKE:
            rpc = Rpc("Handshake", headers)
            bearer = _answered(lambda: self._bridge.run(self._calls.handshake(rpc), _never))
        elif info.method == fl.FlightMethod.GET_SCHEMA:
            # The method itself could not answer UNAUTHENTICATED: see `get_schema`.
            rpc = Rpc("GetSchema", headers)
            _answered(lambda: self._bridge.run(self._calls.admit(rpc), _never))
        return Call(headers, bearer)


class NoAuthentication(fl.ServerAuthHandler):  # type: ignore[misc]
    """Lets gRPC answer the handshake at all; tokens come in headers, and each RPC is judged by them."""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        """Nothing: the middleware has judged the headers."""

    def is_valid(self, token: bytes) -> bytes:
        """Nothing: every RPC is judged by its headers."""
        return b""


class FlightServer(fl.FlightServerBase):  # type: ignore[misc]
    """Answers from its creation on. Raises what pyarrow raises where it cannot listen."""

    def __init__(
        self,
        bridge: Bridge,
        calls: Calls,
        address: tuple[str, int],
        certificate: tuple[bytes, bytes] | None,
    ) -> None:
        self._bridge = bridge
        self._calls = calls
        super().__init__(
            address,
            auth_handler=NoAuthentication(),
            tls_certificates=[certificate] if certificate is not None else None,
            middleware={HEADERS: Opening(bridge, calls)},
        )

    def get_flight_info(self, context: Any, descriptor: fl.FlightDescriptor) -> fl.FlightInfo:
        """Where the result of a command is: a ticket for this server."""
        rpc = _rpc("GetFlightInfo", context)
        command = _command_of(descriptor)
        found = self._run(context, self._calls.flight_info(rpc, command))
        endpoint = fl.FlightEndpoint(found.ticket, [])
        return fl.FlightInfo(found.schema, descriptor, [endpoint], -1, -1)

    def get_schema(self, context: Any, descriptor: fl.FlightDescriptor) -> fl.SchemaResult:
        """The schema of the result of a command, which is not run.

        In this method pyarrow does not accept Flight errors: they become UNKNOWN.
        """
        rpc = _rpc("GetSchema", context)
        command = _command_of(descriptor)
        try:
            return fl.SchemaResult(self._run(context, self._calls.schema(rpc, command)))
        except fl.FlightError as error:
            raise Unknown(str(error)) from None

    def do_get(self, context: Any, ticket: fl.Ticket) -> fl.FlightDataStream:
        """The result of a ticket."""
        rpc = _rpc("DoGet", context)
        handoff = Handoff(self._bridge.loop)
        cut = partial(abort, rpc.peer, self.port)
        work = self._calls.get(rpc, ticket.ticket, handoff, cut)
        future = _answered(lambda: self._bridge.begin(work))
        context.get_middleware(HEADERS).on_end = partial(_end, handoff, future)
        stream = _answered(lambda: IpcStream(lambda: handoff.take(context.is_cancelled)))
        return fl.GeneratorStream(stream.schema, _sent(stream, handoff))

    def do_put(
        self, context: Any, descriptor: fl.FlightDescriptor, reader: Any, writer: Any
    ) -> None:
        """Bind the parameters of a prepared statement; everything else that is put is refused."""
        rpc = _rpc("DoPut", context)
        begun: Future[Prepared] = Future()
        row: Future[Prepared] = Future()
        cut = partial(abort, rpc.peer, self.port)
        work = self._calls.bind(rpc, _command_of(descriptor), begun, row, cut)
        future = _answered(lambda: self._bridge.begin(work))
        context.get_middleware(HEADERS).on_end = future.cancel
        prepared = _answered(begun.result)
        try:
            row.set_result(_bound_row(reader, prepared))
        except Exception as error:  # noqa: BLE001  # raised where the RPC is accounted for
            row.set_exception(error)
        writer.write(pa.py_buffer(_answered(future.result)))

    def do_action(self, context: Any, action: fl.Action) -> list[bytes]:
        """Prepare, close or cancel."""
        rpc = _rpc("DoAction", context)
        body = action.body.to_pybytes()
        return self._run(context, self._calls.act(rpc, action.type, body))

    def list_actions(self, context: Any) -> list[tuple[str, str]]:
        """The actions that `do_action` knows."""
        rpc = _rpc("ListActions", context)
        self._run(context, self._calls.nothing(rpc))
        return list(ACTIONS)

    def list_flights(self, context: Any, criteria: bytes) -> Iterator[fl.FlightInfo]:
        """None: Flight SQL finds tables by its commands."""
        rpc = _rpc("ListFlights", context)
        self._run(context, self._calls.nothing(rpc))
        return iter(())

    def do_exchange(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Refused: Flight SQL has no use for it."""
        rpc = _rpc("DoExchange", context)
        self._run(context, self._calls.nothing(rpc))
        raise Unimplemented("DoExchange is not part of Flight SQL")

    def _run(self, context: Any, work: Coroutine[Any, Any, T]) -> T:
        return _answered(lambda: self._bridge.run(work, context.is_cancelled))


def _rpc(name: str, context: Any) -> Rpc:
    return Rpc(name, context.get_middleware(HEADERS).headers, context.peer())


def _command_of(descriptor: fl.FlightDescriptor) -> bytes:
    """The command, empty of a descriptor that is a path."""
    is_command = descriptor.descriptor_type == fl.DescriptorType.CMD
    return bytes(descriptor.command) if is_command else b""


def _sent(stream: IpcStream, handoff: Handoff) -> Iterator[pa.RecordBatch | pa.Table]:
    """The stream for the client. pyarrow sends the dictionaries of a table, but not of a batch."""
    batches = stream.batches()
    coded = any(has_dictionary(kind) for kind in stream.schema.types)
    while (batch := _answered(lambda: next(batches, None))) is not None:
        yield pa.Table.from_batches([batch]) if coded else batch
    handoff.close()


def _end(handoff: Handoff, future: Future[None]) -> None:
    """The RPC has ended. Its work ends by itself if the client has received all of it."""
    handoff.close()
    if not handoff.is_whole:
        future.cancel()


def _bound_row(reader: Any, prepared: Prepared) -> Prepared:
    """The statement with the one row of parameters that the client sends."""
    row = None
    try:
        for chunk in reader:
            if chunk.data is None or not chunk.data.num_rows:
                continue
            if row is not None or chunk.data.num_rows > 1:
                raise _invalid("several rows of parameters were bound; bind one and execute it")
            row = chunk.data
    except pa.ArrowException as error:
        raise _invalid("the parameters are no Arrow stream") from error
    if row is None:
        raise _invalid("no row of parameters was bound")
    return Prepared(prepared.sql, prepared.names, bound(row, prepared.names))


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))


def _answered(work: Callable[[], T]) -> T:
    """The result of `work`, or the Flight error of what it raises."""
    try:
        return work()
    except RefusedError as error:
        raise error_of(error.refused) from None
    except Unsupported as error:
        raise Unimplemented(f"statement_not_allowed: {error}") from None
    except (ClientGone, CancelledError, asyncio.CancelledError):
        raise fl.FlightCancelledError("query_cancelled: the client has gone") from None
    except Exception as error:
        log.exception("bug")
        detail = "this is a bug; the log of the server names its cause"
        raise fl.FlightInternalError(f"internal_error: {detail}") from error


def _never() -> bool:
    return False
