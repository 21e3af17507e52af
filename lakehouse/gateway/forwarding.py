"""One request through the gateway: its body to a role, the role's answer back, both as they arrive.
Never holds a whole body: while the slower side does not read, nothing is read from the other.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import aiohttp
import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.gateway.changes_seen import ChangesSeen, token_name
from lakehouse.gateway.headers import bearer_of, to_client, to_upstream
from lakehouse.gateway.upstreams import LOST, SAFE_METHODS, Upstreams, unavailable
from lakehouse.roles import CATALOG, SQL
from lakehouse.web.http.bodies import chunks, say_continue
from lakehouse.web.http.connections.peer import FORWARDED_FOR, FORWARDED_PROTO, Peer
from lakehouse.web.http.exchange import TARGET, finish
from lakehouse.web.http.open_body import open_chunks
from lakehouse.web.http.problem_size import encoded_problem
from lakehouse.web.http.problems import problem_of

LOOKUP_S = 2.0
"""For how long a request may wait for the name of its principal."""
OK_BELOW = 400
_SEQ = re.compile(rb'"seq":([0-9]+)')
"""In an acknowledgement of a stream of rows."""


class Forwarded(msgspec.Struct, frozen=True):
    """A client's request that is to be forwarded."""

    request: web.BaseRequest
    request_id: str
    peer: Peer
    role: str
    traceparent: str | None
    takes_rows: bool = False
    """Whether its answer goes on while its body does: a stream of rows."""

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return self.request.method not in SAFE_METHODS and self.role != SQL


async def _pass(_forwarded: Forwarded, _piece: bytes) -> None:
    """Nothing is to be learned of an answer."""


class _Principal(msgspec.Struct):
    principal: str | None


class Forwarder:
    """Forwards requests to the roles."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._seen = ChangesSeen()
        self._streams: set[aiohttp.ClientResponse] = set()

    async def forward(self, forwarded: Forwarded, *, endless: bool) -> web.StreamResponse:
        """The answer of the request's role, sent. `endless`: it ends when the gateway stops.

        Raises RefusedError: `upstream_unavailable`, `outcome_unknown`, and the faults of the body.
        """
        clients = await self._clients(forwarded)
        upstream = await self._send(forwarded, self._seen.last(clients))
        try:
            await self._record(forwarded, upstream)
            if endless:
                self._streams.add(upstream)
            return await _relay(forwarded, upstream, self._acknowledged)
        finally:
            self._streams.discard(upstream)
            upstream.release()

    def end_streams(self) -> None:
        """End the answers that have no end of their own."""
        for upstream in tuple(self._streams):
            upstream.close()

    async def allowed(self, forwarded: Forwarded, target: str) -> web.StreamResponse | None:
        """None if the catalog answers a GET of `target` to this client; else its refusal, sent."""
        request = forwarded.request
        headers = to_upstream(request.headers, forwarded.request_id, forwarded.peer, 0, None)
        try:
            upstream = await self._upstreams.send(CATALOG, "GET", target, headers)
        except LOST as error:
            raise RefusedError(unavailable(CATALOG, "the connection was lost")) from error
        try:
            return None if upstream.status < OK_BELOW else await _relay(forwarded, upstream)
        finally:
            upstream.close()

    async def _send(self, forwarded: Forwarded, min_seq: int) -> aiohttp.ClientResponse:
        request, role = forwarded.request, forwarded.role
        headers = to_upstream(
            request.headers,
            forwarded.request_id,
            forwarded.peer,
            min_seq,
            forwarded.traceparent,
        )
        refused: list[RefusedError] = []

        async def body() -> AsyncIterator[bytes]:
            try:
                async for chunk in (open_chunks if forwarded.takes_rows else chunks)(request):
                    yield chunk
            except RefusedError as error:
                refused.append(error)
                raise

        # aiohttp keeps the head until the body brings something, unless the role is asked for it first.
        expects = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
        try:
            return await self._upstreams.send(
                role,
                request.method,
                request[TARGET],
                headers,
                body if request.body_exists else None,
                expect_continue=expects or forwarded.takes_rows,
            )
        except LOST as error:
            if refused:
                raise refused[0] from error
            raise RefusedError(_lost(forwarded)) from error

    async def _clients(self, forwarded: Forwarded, *, known: bool = True) -> tuple[str, ...]:
        """The names under which the client's changes are stored: its token and its principal. With
        `known`, the principal is left out while no change is stored: there is nothing to find.
        """
        sent = bearer_of(forwarded.request.headers)
        if sent is None:
            return (f"address:{forwarded.peer.address}",)
        token = token_name(sent)
        if known and not self._seen:
            return (token,)
        principal = self._seen.principal(token) or await self._look_up(sent, token, forwarded)
        return (token,) if principal is None else (token, principal)

    async def _look_up(self, sent: str, token: str, forwarded: Forwarded) -> str | None:
        """The principal of a token; None if the catalog does not answer: then only the token
        identifies the client.
        """
        headers = CIMultiDict(
            {
                hdrs.AUTHORIZATION: sent,
                FORWARDED_FOR: forwarded.peer.address,
                FORWARDED_PROTO: forwarded.peer.scheme,
            }
        )
        with suppress(RefusedError, msgspec.DecodeError, *LOST):
            async with asyncio.timeout(LOOKUP_S):
                target = "/v1/access/me"
                async with await self._upstreams.send(CATALOG, "GET", target, headers) as answer:
                    if answer.status != 200:
                        return None
                    named = msgspec.json.decode(await answer.read(), type=_Principal).principal
            address = f"address:{forwarded.peer.address}"
            principal = address if named is None else f"principal:{named}"
            self._seen.learn(token, principal)
            return principal
        return None

    async def _acknowledged(self, forwarded: Forwarded, piece: bytes) -> None:
        """Store the last change that acknowledgements of a stream of rows report."""
        found = _SEQ.findall(piece) if forwarded.takes_rows else []
        if found:
            self._seen.record(await self._clients(forwarded, known=False), int(found[-1]))

    async def _record(self, forwarded: Forwarded, upstream: aiohttp.ClientResponse) -> None:
        """Store the change that an answer reports."""
        seq = upstream.headers.get("X-Journal-Seq", "")
        if not forwarded.changes or upstream.status >= OK_BELOW or not seq.isdecimal():
            return
        self._seen.record(await self._clients(forwarded, known=False), int(seq))


def _lost(forwarded: Forwarded) -> Refused:
    if forwarded.changes:
        detail = f"the connection to the role {forwarded.role} was lost before its answer"
        return Refused("outcome_unknown", detail)
    return unavailable(forwarded.role, "the connection was lost before its answer")


async def _relay(
    forwarded: Forwarded,
    upstream: aiohttp.ClientResponse,
    passing: Callable[[Forwarded, bytes], Awaitable[None]] = _pass,
) -> web.StreamResponse:
    """Send an upstream's answer to the client. One that ends early ends early there too.

    `passing` is called with each piece before it is sent.
    """
    request = forwarded.request
    response = web.StreamResponse(
        status=upstream.status, reason=upstream.reason, headers=to_client(upstream.headers)
    )
    if forwarded.takes_rows and upstream.status < OK_BELOW:
        # Before the answer: its role has accepted the body.
        await say_continue(request)
    finish(request, response, forwarded.request_id)
    await response.prepare(request)
    end = b"\n"
    try:
        while chunk := await _read(upstream, forwarded.role):
            await passing(forwarded, chunk)
            await response.write(chunk)
            end = chunk[-1:]
    except RefusedError as error:
        if not forwarded.takes_rows:
            raise
        await response.write(_last_line(error.refused, forwarded.request_id, end))
    await response.write_eof()
    return response


def _last_line(refused: Refused, request_id: str, end: bytes) -> bytes:
    """The last line of a stream of rows whose role broke off, after `end`: retryable, like the others.

    What is committed beyond the last acknowledgement is not known.
    """
    return (
        (b"" if end == b"\n" else b"\n") + encoded_problem(problem_of(refused, request_id)) + b"\n"
    )


async def _read(upstream: aiohttp.ClientResponse, role: str) -> bytes:
    """The next piece of an answer. Raises RefusedError if it ends early."""
    try:
        return await upstream.content.readany()
    except LOST as error:
        raise RefusedError(unavailable(role, "its answer broke off")) from error
