"""An S3 store that misbehaves as a test says, and counts every request that reaches it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

ERROR = "<Error><Code>{code}</Code><Message>you sent {echo}</Message></Error>"


class FaultServer:
    """Answers all requests by `fault`: a status, or `reset`, `hang`, `redirect`, `early end`…"""

    def __init__(self) -> None:
        self.fault = "200"
        self.code = "SomeCode"
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.url = ""
        self.elsewhere = ""
        """Where a redirect points to."""
        self._closing = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        if self.fault == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if self.fault == "hang":
            await self._closing.wait()
            return web.Response()
        await request.read()
        if self.fault == "reset after the body":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if self.fault == "early end":
            return await self._early_end(request)
        status = 307 if self.fault == "redirect" else int(self.fault)
        headers = dict(self.headers)
        if 300 <= status < 400:
            headers["Location"] = f"{self.elsewhere}{request.path}"
        # The worst store: it tells back all that it was sent.
        body = ERROR.format(code=self.code, echo=request.headers.get("Authorization"))
        return web.Response(
            status=status,
            headers=headers,
            text=body if status >= 300 else "",
            content_type="application/xml",
        )

    async def _early_end(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x" * 10)
        assert request.transport is not None
        request.transport.close()
        return response

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FaultServer"]:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self._closing.set()
            await runner.cleanup()
