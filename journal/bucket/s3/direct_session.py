"""An HTTP session for botocore's clients that sends each request once, to the host that it names.

aiohttp by itself repeats a PUT when a kept-alive connection breaks, and follows redirects to any host
with the body and its secrets. Neither may happen here.
"""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession

PIECE_BYTES = 256 << 10


class DirectSession(AIOHTTPSession):  # type: ignore[misc]
    """aiobotocore's HTTP session (its `http_session_cls` option) over `DirectRequests`."""

    async def _get_session(self, proxy_url: str | None) -> "DirectRequests":
        return DirectRequests(await super()._get_session(proxy_url))


class DirectRequests:
    """An aiohttp session whose `request` sends one request: not repeated, not redirected."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, data: Any, headers: Any, **options: Any) -> Any:
        # botocore wraps bytes in files, and asks 100-continue for every file: one more round trip.
        headers.popall("Expect", None)
        if isinstance(data, io.BytesIO):
            data = data.getvalue()  # shared with the file, not copied
            data = _pieces(data) if len(data) > PIECE_BYTES else data
        return await self._session.request(
            method,
            data=data,
            headers=headers,
            allow_redirects=False,
            middlewares=(_not_again,),
            **options,
        )


async def _pieces(body: bytes) -> AsyncIterator[memoryview]:
    """A large body in pieces, which neither block the event loop nor copy it as a whole."""
    view = memoryview(body)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


async def _not_again(
    request: aiohttp.ClientRequest,
    send: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    """Hide from aiohttp the two errors after which it repeats an idempotent request."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error
