"""The way between gRPC's threads and the loop: bounded, and ended by either side."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight.bridge import QUEUED_BYTES, Bridge, ClientGone, Handoff

PIECE = b"x" * (QUEUED_BYTES // 4)


def here() -> bool:
    return False


async def test_a_result_waits_for_the_thread_that_takes_it() -> None:
    handoff = Handoff(asyncio.get_running_loop())
    for _ in range(4):
        await handoff.put(PIECE)
    assert handoff.is_full
    waiting = asyncio.create_task(handoff.put(b"next"))
    await asyncio.sleep(0)
    assert not waiting.done()
    with ThreadPoolExecutor(1) as threads:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(threads, handoff.take, here) == PIECE
        await waiting
        assert handoff.taken == 1
        handoff.end()
        taken = [await loop.run_in_executor(threads, handoff.take, here) for _ in range(5)]
    assert taken == [PIECE, PIECE, PIECE, b"next", None]
    assert handoff.is_whole


async def test_a_piece_larger_than_the_queue_passes_alone() -> None:
    handoff = Handoff(asyncio.get_running_loop())
    await handoff.put(b"x" * (QUEUED_BYTES + 1))
    assert handoff.is_full


async def test_a_failure_comes_before_what_is_queued() -> None:
    handoff = Handoff(asyncio.get_running_loop())
    await handoff.put(PIECE)
    handoff.end(RefusedError(Refused("query_killed", "the worker has ended")))
    with pytest.raises(RefusedError, match="the worker has ended"):
        handoff.take(here)
    assert not handoff.is_whole


async def test_a_thread_that_waits_sees_that_its_client_has_gone() -> None:
    loop = asyncio.get_running_loop()
    handoff, bridge = Handoff(loop), Bridge(loop)
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(ClientGone):
            await loop.run_in_executor(threads, handoff.take, lambda: True)
        with pytest.raises(ClientGone):
            await loop.run_in_executor(threads, bridge.run, endless(), lambda: True)
        await ended.wait()


async def test_what_a_coroutine_raises_is_not_taken_for_a_wait_that_ended() -> None:
    loop = asyncio.get_running_loop()

    async def late() -> None:
        raise TimeoutError("its own")

    with ThreadPoolExecutor(1) as threads, pytest.raises(TimeoutError, match="its own"):
        await loop.run_in_executor(threads, Bridge(loop).run, late(), here)


async def test_a_bridge_that_is_closed_begins_nothing() -> None:
    bridge = Bridge(asyncio.get_running_loop())
    bridge.close()
    with pytest.raises(RefusedError, match="being stopped"):
        bridge.begin(asyncio.sleep(0))


async def test_sent_returns_once_the_thread_has_closed() -> None:
    handoff = Handoff(asyncio.get_running_loop())
    handoff.end()
    with ThreadPoolExecutor(1) as threads:
        await asyncio.get_running_loop().run_in_executor(threads, handoff.close)
    await handoff.sent()
