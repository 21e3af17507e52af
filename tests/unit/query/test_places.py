"""Waiting for a place: what is granted, given up or taken away at one moment is never lost."""

import asyncio

import pytest

from lakehouse.domain.errors import RefusedError
from lakehouse.query.waiting.places import Places

LIMIT_S, WAITING_S = 60.0, 30.0


async def waiting(places: Places, principal: str) -> asyncio.Task[None]:
    """A task that waits for a place, and has begun to."""
    task = asyncio.create_task(places.take(principal, LIMIT_S, WAITING_S))
    await asyncio.sleep(0)
    return task


async def refused(task: asyncio.Task[None]) -> str:
    with pytest.raises(RefusedError) as caught:
        await task
    return caught.value.refused.code


async def test_a_place_passes_to_who_waits() -> None:
    places = Places(1, 2, 1)
    await places.take("a", LIMIT_S, WAITING_S)
    task = await waiting(places, "a")
    assert not task.done()
    places.give_back("a")
    await task
    assert (places.queue.running, places.queue.waiting) == (1, 0)


async def test_who_is_cancelled_while_waiting_leaves_nothing() -> None:
    places = Places(1, 2, 1)
    await places.take("a", LIMIT_S, WAITING_S)
    task = await waiting(places, "a")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    places.give_back("a")
    assert places.queue.shares == {}


async def test_a_place_that_comes_with_the_cancellation_is_given_back() -> None:
    places = Places(1, 2, 1)
    await places.take("a", LIMIT_S, WAITING_S)
    leaving, staying = await waiting(places, "a"), await waiting(places, "b")
    assert staying.done(), "b has none, so it has the place beyond the others"
    places.give_back("a")
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    places.give_back("b")
    assert places.queue.shares == {}


async def test_a_place_for_one_that_was_cancelled_before_goes_on_to_the_next() -> None:
    places = Places(1, 3, 1)
    await places.take("a", LIMIT_S, WAITING_S)
    leaving, staying = await waiting(places, "a"), await waiting(places, "a")
    leaving.cancel()
    places.give_back("a")  # before the cancelled task runs
    await asyncio.gather(leaving, return_exceptions=True)
    await staying
    assert (places.queue.running, places.queue.waiting) == (1, 0)


async def test_a_longer_queue_loses_its_newest_to_another_principal() -> None:
    places = Places(1, 2, 1)
    await places.take("a", LIMIT_S, WAITING_S)
    await places.take("b", LIMIT_S, WAITING_S)
    older, newer = await waiting(places, "a"), await waiting(places, "a")
    other = await waiting(places, "b")
    assert await refused(newer) == "busy"
    assert not older.done() and not other.done()
    assert await refused(await waiting(places, "a")) == "busy"
    for task in (older, other):
        task.cancel()
    await asyncio.gather(older, other, return_exceptions=True)
    assert places.queue.waiting == 0


@pytest.mark.parametrize(
    ("limit_s", "waiting_s", "code"), [(0.01, 30, "query_timeout"), (60, 0.01, "busy")]
)
async def test_a_wait_ends(limit_s: float, waiting_s: float, code: str) -> None:
    places = Places(1, 2, 1)
    await places.take("a", LIMIT_S, WAITING_S)
    task = asyncio.create_task(places.take("a", limit_s, waiting_s))
    assert await refused(task) == code
    assert (places.queue.running, places.queue.waiting) == (1, 0)


async def test_who_waited_in_vain_learns_how_long() -> None:
    places = Places(1, 1, 1)
    await places.take("a", LIMIT_S, WAITING_S)
    with pytest.raises(RefusedError) as caught:
        await places.take("a", LIMIT_S, 0.01)
    assert caught.value.refused.detail == "it waited 0.01 s for its turn; 1 query running"
