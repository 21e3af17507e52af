"""Streams of rows that a command sends to a server, over one connection.

Must never repeat a line by itself: stdin cannot be read again.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from lakehouse.api.ingest.stream import StreamAck, StreamTotal
from lakehouse.cli.remote.requests import change_headers, translated
from lakehouse.client.error import Error
from lakehouse.client.http import Http
from lakehouse.client.request import Request, named, pairs
from lakehouse.service.caller import Caller

if TYPE_CHECKING:
    from lakehouse.service.ingest.plan import IngestPlan
    from lakehouse.service.streaming.session import Acknowledge

_LINES = "application/x-ndjson"


class RemoteStreams:
    """Streams, as commands use them."""

    def __init__(self, connection: Http) -> None:
        self._http = connection

    @asynccontextmanager
    async def open(
        self, caller: Caller, plan: "IngestPlan", first_line: int = 1
    ) -> AsyncIterator["RemoteStream"]:
        """A stream; nothing is sent yet."""
        query = pairs({"schema_change": plan.schema_change, "first_line": first_line})
        query += plan.options.canonical()
        headers = (*change_headers(caller), ("Content-Type", _LINES))
        path = named("/v1/stream", plan.name)
        yield RemoteStream(self._http, Request("POST", path, query, headers=headers))


class RemoteStream:
    """One stream."""

    resumed: StreamAck | None = None
    """What is committed already is acknowledged like the rest."""

    def __init__(self, connection: Http, request: Request) -> None:
        self._http = connection
        self._request = request

    async def receive(
        self, chunks: AsyncIterator[bytes], acknowledge: "Acknowledge"
    ) -> StreamTotal:
        """Send the chunks. Raises RefusedError."""
        from lakehouse.client.row_stream import exchanged  # aiohttp takes a while to load

        with translated():
            async with aclosing(exchanged(self._http, self._request, chunks)) as answers:  # type: ignore[type-var]
                async for answer in answers:
                    if isinstance(answer, StreamTotal):
                        return answer
                    acknowledge(answer)
            raise Error("incomplete_answer", "the stream has no last line", retryable=True)
