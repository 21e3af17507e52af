"""New credentials without a restart: told once, and nothing unreadable stops the old ones."""

import asyncio

import pytest

from lakehouse.config import ConfigError
from lakehouse.process.rotation import Rotation, running
from lakehouse.query.worker_handle import WorkerDied


class Source:
    """What gives credentials, and who is told of them."""

    def __init__(self) -> None:
        self.found: str | Exception = "old"
        self.fault: Exception | None = None
        self.told: list[str] = []

    def read(self) -> str:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def use(self, found: str) -> None:
        self.told.append(found)
        if self.fault:
            raise self.fault


@pytest.fixture
def source() -> Source:
    return Source()


async def test_a_change_is_told_once(source: Source) -> None:
    rotation = Rotation(source.read, source.use, "old")
    assert not await rotation.look()
    source.found = "new"
    assert await rotation.look()
    assert not await rotation.look()
    assert source.told == ["new"]


@pytest.mark.parametrize("fault", [ConfigError("no TOML"), ValueError("half a key")])
async def test_what_cannot_be_read_changes_nothing(source: Source, fault: Exception) -> None:
    rotation = Rotation(source.read, source.use, "old")
    source.found = fault
    assert not await rotation.look()
    source.found = "new"
    assert await rotation.look()


@pytest.mark.parametrize("fault", [WorkerDied(), OSError("no more processes")])
async def test_who_cannot_use_it_at_once_stops_nothing(source: Source, fault: Exception) -> None:
    rotation = Rotation(source.read, source.use, "old")
    source.found, source.fault = "new", fault
    assert await rotation.look()


async def test_a_watch_that_ends_by_itself_is_told() -> None:
    told: list[bool] = []

    async def broken() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        async with running(broken(), lambda: told.append(True)):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert told == [True]
    async with running(asyncio.sleep(60), lambda: told.append(False)):
        pass
    assert told == [True]
