"""What open streams hold together: whole lines wait for room, beginnings of lines lose theirs."""

import asyncio

from lakehouse.domain.errors import Refused
from lakehouse.service.streaming.memory import StreamMemory


class Stream:
    def __init__(self) -> None:
        self.stopped: Refused | None = None

    def stop(self, why: Refused) -> None:
        self.stopped = why


async def test_whole_lines_wait_until_others_are_committed() -> None:
    memory, first, second = StreamMemory(100), Stream(), Stream()
    memory.count(first, 90, 5)
    assert not memory.is_full
    memory.count(second, 10, 0)
    waiting = asyncio.create_task(memory.room())
    await asyncio.sleep(0)
    assert memory.is_full and not waiting.done()
    memory.count(first, 0, 5)
    await waiting
    assert (memory.held_bytes, first.stopped, second.stopped) == (15, None, None)


async def test_the_longest_beginning_of_a_line_leaves_when_there_are_too_many() -> None:
    memory, streams = StreamMemory(100), [Stream() for _ in range(3)]
    for size, stream in zip((40, 30, 31), streams, strict=True):
        memory.count(stream, 0, size)
    stopped = [each.stopped.code if each.stopped else None for each in streams]
    assert stopped == ["busy", None, None]
    for stream in streams:
        memory.forget(stream)
    assert memory.held_bytes == 0
