"""Files with large records are read one at a time; all others, and whoever leaves, hold up nobody."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.limits import LargeRecordError
from lakehouse.formats.options import Options
from lakehouse.formats.reader import ReadRequest
from lakehouse.service.ingest.memory import IngestMemory

PATIENT_S = 60.0


class Reading:
    """The reading of a file with a large record, that ends when the test says so."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.attempts = 0

    def __call__(self, request: ReadRequest) -> str:
        self.attempts += 1
        if request.limits.large_bytes is not None:
            raise LargeRecordError
        self.begun.set()
        assert self.may_end.wait(PATIENT_S)
        return "read"


def request_of(memory: IngestMemory) -> ReadRequest:
    return ReadRequest(
        source=b"",
        content_encoding=None,
        options=Options(),
        contract=None,
        work_dir=Path,
        limits=memory.limits,
        budget=memory.budget,
    )


async def begun(reading: Reading) -> None:
    assert await asyncio.to_thread(reading.begun.wait, PATIENT_S)


@pytest.fixture
async def pool() -> AsyncIterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as threads:
        yield threads


async def test_one_file_with_large_records_is_read_at_a_time(pool: ThreadPoolExecutor) -> None:
    memory, readings = IngestMemory(1 << 30), [Reading() for _ in range(4)]
    request = request_of(memory)
    tasks = [asyncio.create_task(memory.read(pool, each, request)) for each in readings]
    for each in readings:
        await begun(each)
        others = [other for other in readings if other is not each and not other.may_end.is_set()]
        assert not any(other.begun.is_set() for other in others)
        # Those that wait occupy no thread: there are fewer threads than files.
        assert await memory.read(pool, lambda _: "small", request) == "small"
        each.may_end.set()
    assert await asyncio.gather(*tasks) == ["read"] * 4
    assert [each.attempts for each in readings] == [2] * 4


async def test_a_file_that_waits_too_long_is_refused(pool: ThreadPoolExecutor) -> None:
    memory = IngestMemory(1 << 30, wait_s=0.01)
    first, second = Reading(), Reading()
    reading = asyncio.create_task(memory.read(pool, first, request_of(memory)))
    await begun(first)
    with pytest.raises(RefusedError) as error:
        await memory.read(pool, second, request_of(memory))
    assert (error.value.refused.code, error.value.refused.retry_after_s) == ("busy", 5)
    assert not second.begun.is_set()
    first.may_end.set()
    assert await reading == "read"


@pytest.mark.parametrize("leaves", ["while it waits", "while it is read"])
async def test_a_turn_outlives_nobody(pool: ThreadPoolExecutor, leaves: str) -> None:
    memory = IngestMemory(1 << 30)
    first, second, third = Reading(), Reading(), Reading()
    tasks = []
    for each in (first, second):
        tasks.append(asyncio.create_task(memory.read(pool, each, request_of(memory))))
        await begun(first)
    gone = tasks[leaves == "while it waits"]
    gone.cancel()
    last = asyncio.create_task(memory.read(pool, third, request_of(memory)))
    # A thread cannot be stopped: what it holds is held until its end.
    await asyncio.sleep(0)
    assert not second.begun.is_set()
    assert not third.begun.is_set()
    for each in (first, second, third):
        each.may_end.set()
    with suppress(asyncio.CancelledError):
        await gone
    assert gone.cancelled()
    assert await last == "read"


async def test_a_reading_that_fails_ends_its_turn(pool: ThreadPoolExecutor) -> None:
    memory = IngestMemory(1 << 30)

    def fails(request: ReadRequest) -> None:
        raise LargeRecordError if request.limits.large_bytes is not None else OSError("damaged")

    for _ in range(2):
        with pytest.raises(OSError, match="damaged"):
            await memory.read(pool, fails, request_of(memory))
