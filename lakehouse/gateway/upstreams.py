"""Requests to the roles: which process of a role gets one, and what a failure means.

Owns the connections to upstreams. A request is sent to the next process of its role only if no
connection to the one before was made. Never reads a body ahead, and never follows a redirect.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Self
from urllib.parse import quote

import aiohttp
import structlog
from multidict import CIMultiDict
from yarl import URL

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.roles import without_prefix

CONNECT_S = 5.0
SAFE_METHODS = ("GET", "HEAD")
NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
LOST = (aiohttp.ClientError, OSError, TimeoutError)
"""What aiohttp raises when a connection ends or sends something other than HTTP."""
_PRINTABLE = "".join(chr(code) for code in range(33, 127) if chr(code) != "#")
_NO_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")

log = structlog.get_logger()

Body = Callable[[], AsyncIterator[bytes]]


class Upstreams:
    """The processes of all roles."""

    def __init__(self, urls: Mapping[str, tuple[str, ...]]) -> None:
        self._urls = {role: [url.rstrip("/") for url in each] for role, each in urls.items()}

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of the roles."""
        return tuple(self._urls)

    async def __aenter__(self) -> Self:
        """Open. Reads share connections; any other request has its own, which cannot be stale."""
        async with AsyncExitStack() as stack:
            self._pooled = await stack.enter_async_context(_session(force_close=False))
            self._single = await stack.enter_async_context(_session(force_close=True))
            # aiohttp repeats PUT and DELETE: a change would be sent twice.
            self._single._retry_connection = False
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close all connections."""
        await self._stack.aclose()

    async def send(
        self,
        role: str,
        method: str,
        target: str,
        headers: CIMultiDict[str],
        body: Body | None = None,
        *,
        expect_continue: bool = False,
        connect_s: float = CONNECT_S,
    ) -> aiohttp.ClientResponse:
        """The head of a role's answer; the caller closes it. `target` is that of the whole system.

        Raises RefusedError `upstream_unavailable` when no process of the role accepts a connection, and
        those of LOST when one was lost before the answer.
        """
        session = self._pooled if method in SAFE_METHODS and body is None else self._single
        for base in tuple(self._urls[role]):
            try:
                response = await session.request(
                    method,
                    _url(base, target),
                    headers=headers,
                    data=None if body is None else body(),
                    expect100=expect_continue,
                    allow_redirects=False,
                    skip_auto_headers=_NO_HEADERS,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
                )
            except NOT_CONNECTED as error:
                log.warning("upstream_unavailable", role=role, url=base, detail=str(error))
                continue
            self._prefer(role, base)
            return response
        raise RefusedError(unavailable(role, "it accepts no connection"))

    def _prefer(self, role: str, base: str) -> None:
        """The process that answered last comes first: a stopped one costs no further request."""
        urls = self._urls[role]
        if urls[0] != base:
            urls.remove(base)
            urls.insert(0, base)


def unavailable(role: str, why: str) -> Refused:
    """The refusal of a request whose role does not answer."""
    return Refused("upstream_unavailable", f"the role {role} is not available: {why}")


def _session(*, force_close: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=force_close),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


def _url(base: str, target: str) -> URL:
    """The URL of a target, as it was sent: nothing is decoded and no `..` is resolved."""
    path, mark, query = target.partition("?")
    sent = f"{without_prefix(path)}{mark}{query}"
    return URL(base + quote(sent, safe=_PRINTABLE, errors="surrogateescape"), encoded=True)
