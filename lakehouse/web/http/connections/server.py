"""The connections of one listening server: aiohttp's low-level server, with our connections.

Owns how long a connection may be idle, and that there are not too many. Never answers a request.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from journal.clock import Clock
from lakehouse.web.http.connections.connection import Connection
from lakehouse.web.http.connections.open_connections import Connections
from lakehouse.web.http.connections.peer import FORWARDED_FOR, FORWARDED_PROTO, Peer, Site, peer_of

DEFAULT_CONNECTIONS = 1_000
IDLE_S = 75.0
"""How long a connection may be idle between requests."""
LINGER_S = 2.0
"""How long the rest of a refused body is read, so that the client receives the answer."""


class ConnectionServer(web.Server):
    """Admits connections; `handle` answers their requests, and ends when its client has gone."""

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        max_connections: int,
        clock: Clock,
    ) -> None:
        super().__init__(
            handle,
            handler_cancellation=True,
            auto_decompress=False,
            access_log=None,
            lingering_time=LINGER_S,
            keepalive_timeout=IDLE_S,
        )
        self._admission = Connections(max_connections, clock)

    def __call__(self) -> RequestHandler:
        """A handler for one connection."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Admit a connection. aiohttp calls it with what `__call__` made."""
        super().connection_made(handler, transport)
        if isinstance(handler, Connection):
            self._admission.opened(handler)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        super().connection_lost(handler, exc)
        if isinstance(handler, Connection):
            self._admission.closed(handler)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # aiohttp's
        """End all connections."""
        await self._admission.close()
        await super().shutdown(timeout)


def peer_of_request(site: Site, request: web.BaseRequest) -> Peer:
    """The client of a request."""
    headers = request.headers
    forwarded_for = headers.getall(FORWARDED_FOR, [])
    return peer_of(site, request.remote, forwarded_for, headers.getall(FORWARDED_PROTO, []))
