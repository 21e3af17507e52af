"""The limits of principals: what runs at once, what waits, and what is used in a day."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from builders import FakeClock, given

from journal.access_events import PrincipalLimits, PrincipalPut, TokenIssued
from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.service.access.quotas import CONNECTIONS, INGESTS, Quotas
from lakehouse.service.caller import Caller

BO = Caller("bo", 0.0, principal="bo", token="t")
CY = Caller("cy", 0.0, principal="cy", token="u")
NOBODY = Caller("local", 0.0)
LIMITS = PrincipalLimits(queries=1, waiting=1, ingests=1, connections=2, bytes_per_day=100)


@pytest.fixture
def node() -> Node:
    """Only the state and the clock of a node are asked."""
    state = given(
        PrincipalPut("bo", "user", False, None, False, LIMITS),
        TokenIssued("t", "bo", "0" * 64, None, None),
        PrincipalPut("cy", "user", True, None, False, PrincipalLimits()),
        TokenIssued("u", "cy", "0" * 64, None, None),
    )
    return cast("Node", SimpleNamespace(state=state, clock=FakeClock()))


def code(error: pytest.ExceptionInfo[RefusedError]) -> str:
    return error.value.refused.code


async def test_so_many_at_once_and_each_for_itself(node: Node) -> None:
    quotas = Quotas(node)
    with quotas.use(BO, INGESTS), quotas.use(BO, CONNECTIONS), quotas.use(CY, INGESTS):
        with pytest.raises(RefusedError) as raised, quotas.use(BO, INGESTS):
            pass
        assert code(raised) == "busy"
        with quotas.use(BO, CONNECTIONS), quotas.use(CY, INGESTS), quotas.use(NOBODY, INGESTS):
            pass
    with quotas.use(BO, INGESTS):
        pass


async def test_a_query_waits_for_its_own_alone(node: Node) -> None:
    quotas, order = Quotas(node), list[str]()
    release = asyncio.Event()

    async def run(name: str, caller: Caller) -> None:
        async with quotas.query(caller):
            order.append(name)
            if name == "first":
                await release.wait()

    first = asyncio.create_task(run("first", BO))
    await asyncio.sleep(0)
    second = asyncio.create_task(run("second", BO))
    await asyncio.sleep(0)
    await run("other", CY)
    with pytest.raises(RefusedError) as raised:
        await run("third", BO)
    assert code(raised) == "busy"
    assert order == ["first", "other"]
    release.set()
    await asyncio.gather(first, second)
    await run("fourth", BO)
    assert order == ["first", "other", "second", "fourth"]


async def test_a_query_that_no_longer_waits_leaves_its_place(node: Node) -> None:
    quotas, release = Quotas(node), asyncio.Event()

    async def run() -> None:
        async with quotas.query(BO):
            await release.wait()

    first, second = asyncio.create_task(run()), asyncio.create_task(run())
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(run())
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(first, third)


async def test_the_bytes_of_a_day_come_back_hour_by_hour(node: Node) -> None:
    quotas, clock = Quotas(node), node.clock
    quotas.count_bytes(BO, 60)
    quotas.check_bytes(BO)
    clock.pass_time(3_600)
    quotas.count_bytes(BO, 40)
    with pytest.raises(RefusedError) as raised:
        quotas.check_bytes(BO)
    assert code(raised) == "quota_exceeded"
    quotas.check_bytes(CY)
    clock.pass_time(23 * 3_600)
    quotas.check_bytes(BO)
