"""The pace of a body: what a client must bring in thirty seconds, and when the server waits for it."""

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from manual_clock import ManualClock

from lakehouse.web.http.connections.pace import WINDOW_BYTES, BodyTooSlow, Pace


class Body:
    """A body that a test sends piece by piece, and one who reads it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        protocol = BaseProtocol(loop)
        protocol.connection_made(asyncio.Transport())
        self.content = StreamReader(protocol, 2**18, loop=loop)
        self.clock = ManualClock()
        self.pace = Pace(SimpleNamespace(content=self.content), self.clock)  # type: ignore[arg-type]

    async def read(self) -> bytes:
        found = b""
        while not self.content.at_eof():
            found += await self.pace.read(self.content.readany())
        return found


async def test_a_body_that_brings_enough_may_take_for_ever() -> None:
    body = Body()
    reading = asyncio.create_task(body.read())
    await body.clock.until_asleep(1)
    for _ in range(20):
        body.content.feed_data(b"x" * WINDOW_BYTES)
        await body.clock.advance(30.0)
    body.content.feed_eof()
    assert len(await reading) == 20 * WINDOW_BYTES
    body.pace.end()


@pytest.mark.parametrize("before", [0, 1, 5])
async def test_a_body_that_stops_is_given_up_within_forty_seconds(before: int) -> None:
    """However much it brought before: thirty seconds of too little, and a step to see it."""
    body = Body()
    reading = asyncio.create_task(body.read())
    await body.clock.until_asleep(1)
    for _ in range(before):
        body.content.feed_data(b"x" * WINDOW_BYTES)
        await body.clock.advance(7.0)
    await body.clock.advance(40.0)
    with pytest.raises(BodyTooSlow):
        await reading
    body.pace.end()


async def test_a_client_is_not_blamed_for_a_busy_server() -> None:
    """Nothing comes while nobody reads: the server's own buffers may be full."""
    body = Body()
    body.content.feed_data(b"begun")
    assert await body.pace.read(body.content.readany()) == b"begun"
    await body.clock.advance(600.0)
    body.content.feed_data(b" and done")
    body.content.feed_eof()
    assert await body.read() == b" and done"
    body.pace.end()


async def test_a_whole_body_is_not_watched() -> None:
    body = Body()
    body.content.feed_data(b"all")
    body.content.feed_eof()
    assert await body.read() == b"all"
    assert body.clock.sleepers == 0
