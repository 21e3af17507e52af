"""Changed credentials: each change is passed on once, and an unreadable source changes nothing."""

import asyncio

import pytest

from lakehouse.config import ConfigError
from lakehouse.process.rotation import Rotation, running


class Source:
    """A source of credentials, and what was passed on."""

    def __init__(self) -> None:
        self.found: str | Exception = "old"
        self.used: list[str] = []

    def read(self) -> str:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def source() -> Source:
    return Source()


async def test_a_change_is_passed_on_once(source: Source) -> None:
    rotation = Rotation(source.read, source.used.append, "old")
    assert not await rotation.refresh()
    source.found = "new"
    assert await rotation.refresh()
    assert not await rotation.refresh()
    assert source.used == ["new"]


@pytest.mark.parametrize("fault", [ConfigError("no TOML"), ValueError("half a key")])
async def test_an_unreadable_source_changes_nothing(source: Source, fault: Exception) -> None:
    rotation = Rotation(source.read, source.used.append, "old")
    source.found = fault
    assert not await rotation.refresh()
    assert source.used == []
    source.found = "new"
    assert await rotation.refresh()


async def test_a_task_that_ends_by_itself_has_failed() -> None:
    failures: list[bool] = []

    async def broken() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        async with running(broken(), lambda: failures.append(True)):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert failures == [True]
    async with running(asyncio.sleep(60), lambda: failures.append(False)):
        pass
    assert failures == [True]
