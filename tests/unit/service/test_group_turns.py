"""Who is next among the groups of streams."""

import asyncio

from lakehouse.service.streaming.group_turns import GroupTurns


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_principals_take_turns_however_many_groups_one_has() -> None:
    turns, done, gate = GroupTurns(1), list[str](), asyncio.Event()

    async def group(principal: str) -> None:
        async with turns.turn(principal):
            done.append(principal)
            await gate.wait()

    async with asyncio.TaskGroup() as tasks:
        for principal in "aaaabb":
            tasks.create_task(group(principal))
        await settled()
        assert done == ["a"]
        gate.set()
    assert done == ["a", "a", "b", "a", "b", "a"]


async def test_a_group_that_is_given_up_takes_no_turn() -> None:
    turns = GroupTurns(1)

    async def group() -> None:
        async with turns.turn("a"):
            pass

    async with turns.turn("b"):
        waiting = asyncio.create_task(group())
        await settled()
        waiting.cancel()
        await settled()
        late = asyncio.create_task(group())
        await settled()
    # Its turn has come, and it is cancelled before it runs.
    late.cancel()
    await asyncio.wait([late])
    await asyncio.wait_for(group(), 60.0)
