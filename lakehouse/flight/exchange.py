"""One RPC on the event loop: who calls, within which limits, and what is recorded of it.

Every RPC passes here once, in and out: one function maps every fault to a refusal, and one place puts
it into metrics, audit and log. Must never decide what a caller may read: the use cases do.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import msgspec
import structlog

from lakehouse.api.audit.entries import AuditEntry
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.domain.validation import checked_words
from lakehouse.flight.commands import Unsupported
from lakehouse.flight.connections import address_of
from lakehouse.service.access.authentication import Identity
from lakehouse.service.access.quotas import CONNECTIONS
from lakehouse.service.caller import FLIGHT, Caller
from lakehouse.service.service import FAULTS, Service
from lakehouse.service.sql.answers import Answer
from lakehouse.tracing import TRACEPARENT, TRACESTATE, Attribute, trace_of
from lakehouse.web.http.attempts import MAX_FAILED, WINDOW_S, Attempts
from lakehouse.web.http.connections.peer import Peer, Site, peer_of
from lakehouse.web.http.request_trace import RequestSpan, Tracing

MAX_RPCS = 256
"""How many RPCs are answered at a time: each has a thread of gRPC."""
MAX_RPCS_OF_ONE = 64
"""How many of them may be of one principal, or in an open lake of one address."""
DEFAULT_ACTOR = "local"
METHOD = "FLIGHT"
"""The method of RPCs in metrics and audit, where HTTP has GET or POST."""
_REFUSALS = (401, 403, 429)
"""Statuses of refusals that the audit keeps."""
_OK, _ABANDONED, _UNIMPLEMENTED = 200, 499, 501
_INTEGERS = range(2**53)

T = TypeVar("T")
log = structlog.get_logger()


class Rpc(msgspec.Struct, frozen=True):
    """One call as gRPC has it. `peer`: gRPC's name of the other end; empty where it gives none."""

    name: str
    headers: Mapping[str, Sequence[str | bytes]]
    peer: str = ""

    def header(self, name: str) -> str | None:
        """The value of a header, None without it. Raises RefusedError where it has several."""
        found = self.headers.get(name, ())
        if len(found) > 1:
            raise _invalid(f"the header {name} occurs {len(found)} times")
        return str(found[0]) if found else None


class Exchange:
    """An RPC and its caller, and what it read and sent, for its entry in the audit."""

    def __init__(self, rpc: Rpc, request_id: str, peer: Peer) -> None:
        self.rpc = rpc
        self.request_id = request_id
        self.peer = peer
        self.identity = Identity()
        """Who was authenticated."""
        self.caller = Caller(actor=DEFAULT_ACTOR, accepted_s=0.0, door=FLIGHT)
        self.result: Answer | None = None
        """Set once the result of a statement has begun."""
        self.sent_bytes = 0
        self.refused: Refused | None = None


Work = Callable[[Exchange], Awaitable[T]]


class Exchanges:
    """Answers the RPCs of one server. All on the event loop."""

    def __init__(self, service: Service, site: Site, tracing: Tracing | None) -> None:
        self._service = service
        self._site = site
        self._tracing = tracing
        self._attempts = Attempts()
        self._inside: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[object]] = set()

    async def drain(self, wait_s: float) -> None:
        """Wait for the RPCs that are being answered, then end those that take longer."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=wait_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def admit(self, rpc: Rpc) -> None:
        """Raises RefusedError for an RPC without a valid token, which is recorded then."""
        try:
            await self._service.authentication.identify(_authorization(rpc))
        except RefusedError:
            await self.answer(rpc, nothing)

    async def answer(self, rpc: Rpc, work: Work[T]) -> T:
        """The result of `work` for the caller of an RPC, in a task of its own.

        Raises RefusedError, for every fault too, and Unsupported.
        """
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await self._recorded(rpc, work)

    async def _recorded(self, rpc: Rpc, work: Work[T]) -> T:
        started_s = time.monotonic()
        request_id = uuid.uuid4().hex
        exchange = Exchange(rpc, request_id, self._peer(rpc))
        status = _ABANDONED
        with self._traced(exchange) as span:
            try:
                found = await self._answer(exchange, work)
                status = _OK
                return found
            except RefusedError as error:
                status = CODES[error.refused.code].status
                raise
            except Unsupported:
                status = _UNIMPLEMENTED
                raise
            finally:
                if span is not None:
                    span.finish(f"{METHOD} {rpc.name}", status, _attributes(exchange))
                self._account(exchange, status, started_s)

    async def _answer(self, exchange: Exchange, work: Work[T]) -> T:
        try:
            return await self._judged(exchange, work)
        except RefusedError as error:
            raise RefusedError(self._limited(exchange, error.refused)) from error
        except FAULTS as error:
            log.warning("fault", kind=type(error).__name__, detail=str(error))
            raise RefusedError(self._service.failure(error)) from error
        except (asyncio.CancelledError, Unsupported):
            raise
        except Exception as error:
            log.exception("bug")
            detail = f"this is a bug; the log names its cause under {exchange.request_id}"
            raise RefusedError(Refused("internal_error", detail)) from error

    async def _judged(self, exchange: Exchange, work: Work[T]) -> T:
        rpc, service = exchange.rpc, self._service
        if exchange.peer.unprotected:
            detail = "the connection is not encrypted, and no proxy of behind_proxy guards it"
            raise RefusedError(Refused("tls_required", detail))
        exchange.identity = await service.authentication.identify(_authorization(rpc))
        exchange.caller = self._caller(exchange)
        if refused := service.audit.read_refusal():
            raise RefusedError(refused)
        if (seq := _min_seq(rpc)) is not None:
            await service.journal.wait_for(seq)
        with self._place(exchange):
            return await self._within_limits(exchange, work)

    async def _within_limits(self, exchange: Exchange, work: Work[T]) -> T:
        quotas, caller = self._service.quotas, exchange.caller
        if not quotas.has_limits(caller):
            return await work(exchange)
        quotas.check_bytes(caller)
        with quotas.use(caller, CONNECTIONS):
            try:
                return await work(exchange)
            finally:
                quotas.count_bytes(caller, exchange.sent_bytes)

    @contextmanager
    def _place(self, exchange: Exchange) -> Iterator[None]:
        """Count the RPC while it is answered. Raises RefusedError `busy`."""
        who = exchange.identity.principal or exchange.peer.address
        if self._inside.total() >= MAX_RPCS or self._inside[who] >= MAX_RPCS_OF_ONE:
            calls = counted(self._inside.total(), "call")
            detail = f"{calls} in progress, {self._inside[who]} of this client"
            raise RefusedError(Refused("busy", detail, retry_after_s=1))
        self._inside[who] += 1
        try:
            yield
        finally:
            self._inside[who] -= 1
            if not self._inside[who]:
                del self._inside[who]

    def _peer(self, rpc: Rpc) -> Peer:
        address = address_of(rpc.peer)
        forwarded = (
            [str(each) for each in rpc.headers.get(name, ())]
            for name in ("x-forwarded-for", "x-forwarded-proto")
        )
        return peer_of(self._site, address[0] if address else None, *forwarded)

    def _caller(self, exchange: Exchange) -> Caller:
        claimed = checked_words(exchange.rpc.header("x-actor"), "the header x-actor")
        identity = exchange.identity
        trace = trace_of(exchange.rpc.header(TRACEPARENT))
        return Caller(
            actor=identity.principal or claimed or DEFAULT_ACTOR,
            principal=identity.principal,
            token=identity.token,
            signed_until=identity.signed_until,
            door=FLIGHT,
            on_behalf_of=claimed if identity.principal else None,
            accepted_s=self._service.clock.monotonic(),
            correlation=trace or exchange.request_id,
            route=f"{METHOD} {exchange.rpc.name}",
        )

    def _limited(self, exchange: Exchange, refused: Refused) -> Refused:
        """`refused`, or `too_many_attempts` where the client's address has failed too often.

        The first of a minute goes into the audit; later ones are counted by the metrics alone.
        """
        exchange.refused = refused
        if refused.code != "unauthenticated":
            return refused
        count = self._attempts.failed(exchange.peer.address, self._service.clock.monotonic())
        if count <= MAX_FAILED:
            return refused
        if count > MAX_FAILED + 1:
            exchange.refused = None
        detail = f"more than {MAX_FAILED:,} failed attempts of this address within a minute"
        return Refused("too_many_attempts", detail, retry_after_s=round(WINDOW_S))

    @contextmanager
    def _traced(self, exchange: Exchange) -> Iterator[RequestSpan | None]:
        """Bind the RPC's and the trace's id to log entries, and begin its span."""
        sent = exchange.rpc.headers
        headers = {name: str(sent[name][0]) for name in (TRACEPARENT, TRACESTATE) if name in sent}
        trace, tracing = trace_of(headers.get(TRACEPARENT)), self._tracing
        begun = tracing.request(headers, exchange.request_id) if tracing else nullcontext()
        with begun as span:
            bound = {"request_id": exchange.request_id}
            if span is not None or trace is not None:
                bound["trace_id"] = span.trace_id if span is not None else str(trace)
            with structlog.contextvars.bound_contextvars(**bound):
                yield span

    def _account(self, exchange: Exchange, status: int, started_s: float) -> None:
        """Put an answered RPC into the metrics, the audit and the log."""
        took_s = time.monotonic() - started_s
        self._service.metrics.answered(METHOD, exchange.rpc.name, status, took_s)
        if (entry := _entry(exchange, status)) is not None:
            self._service.audit.record(entry)
        log.info(
            "request",
            method=METHOD,
            path=exchange.rpc.name,
            status=status,
            ms=round(took_s * 1000, 1),
            client=exchange.peer.address,
        )


def _entry(exchange: Exchange, status: int) -> AuditEntry | None:
    """The audit's entry for an RPC: a refused access, a statement's read, or nothing."""
    refused, result = exchange.refused, exchange.result
    is_refusal = refused is not None and CODES[refused.code].status in _REFUSALS
    if not is_refusal and (result is None or status not in (_OK, _ABANDONED)):
        return None
    return AuditEntry(
        kind="refused" if is_refusal else "read",
        principal=exchange.identity.principal,
        token=exchange.identity.token,
        address=exchange.peer.address,
        door=FLIGHT,
        route=exchange.caller.route or f"{METHOD} {exchange.rpc.name}",
        request_id=exchange.request_id,
        status=status,
        code=refused.code if refused is not None else None,
        seq=result.seq if result is not None else None,
        reads=result.reads if result is not None else (),
        rows=result.row_count if result is not None else None,
    )


def _attributes(exchange: Exchange) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {
        "rpc.system": "grpc",
        "rpc.method": exchange.rpc.name,
        "client.address": exchange.peer.address,
        "lakehouse.request_id": exchange.request_id,
    }
    if exchange.refused is not None:
        attributes["lakehouse.code"] = exchange.refused.code
    return attributes


def _authorization(rpc: Rpc) -> list[str]:
    return [str(each) for each in rpc.headers.get("authorization", ())]


async def nothing(exchange: Exchange) -> None:
    """The work of an RPC whose answer is fixed."""


def _min_seq(rpc: Rpc) -> int | None:
    text = rpc.header("x-min-seq")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) not in _INTEGERS:
        raise _invalid(f"the header x-min-seq is not the number of an event: {text[:64]!r}")
    return int(text)


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
