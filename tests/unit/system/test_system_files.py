"""Files that queries share: made once, kept while read, let go within a bound."""

import asyncio
from pathlib import Path

import pytest

from lakehouse.system.blocks import Block, blocks
from lakehouse.system.files import Files


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (1, 1, [(1, 1)]),
        (1, 63, [(1, 63)]),
        (1, 64, [(1, 64)]),
        (1, 70, [(1, 64), (65, 70)]),
        (70, 80, [(65, 80)]),
        (1, 1024, [(1, 1024)]),
        (
            500,
            2000,
            [
                (1, 1024),
                *((s, s + 255) for s in range(1025, 1793, 256)),
                *((s, s + 63) for s in range(1793, 1984, 64)),
                (1985, 2000),
            ],
        ),
        (1030, 1088, [(1025, 1088)]),
    ],
)
def test_blocks_lie_at_fixed_places_and_the_last_ends_where_asked(
    first: int, last: int, found: list[tuple[int, int]]
) -> None:
    assert list(blocks(first, last)) == [Block(*each) for each in found]


def test_every_slot_stands_in_one_block() -> None:
    for last in range(1, 2300, 37):
        held = [s for block in blocks(1, last) for s in range(block.first, block.last + 1)]
        assert held == list(range(1, last + 1))


class Maker:
    def __init__(self, size_bytes: int = 10) -> None:
        self.made = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._size_bytes = size_bytes

    async def __call__(self, path: Path) -> None:
        await self.gate.wait()
        self.made += 1
        path.write_bytes(b"x" * self._size_bytes)


async def test_a_file_is_made_once_for_all_who_ask(tmp_path: Path) -> None:
    files, make = Files(tmp_path), Maker()
    make.gate.clear()
    with files.loan() as one, files.loan() as two:
        asked = [asyncio.create_task(loan.path("f", make)) for loan in (one, two)]
        await asyncio.sleep(0)
        make.gate.set()
        assert set(await asyncio.gather(*asked)) == {str(tmp_path / "f")}
    with files.loan() as three:
        await three.path("f", make)
    assert make.made == 1


async def test_who_asked_first_may_leave(tmp_path: Path) -> None:
    files, make = Files(tmp_path), Maker()
    make.gate.clear()
    with files.loan() as one, files.loan() as two:
        first = asyncio.create_task(one.path("f", make))
        second = asyncio.create_task(two.path("f", make))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        make.gate.set()
        assert Path(await second).exists()


async def test_what_nobody_reads_is_evicted_beyond_the_bound_oldest_first(tmp_path: Path) -> None:
    files, make = Files(tmp_path, kept_bytes=25), Maker()
    with files.loan() as reading:
        await reading.path("read", make)
        for name in "abc":
            with files.loan() as loan:
                await loan.path(name, make)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "read"]
    with files.loan() as loan:
        await loan.path("a", make)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


async def test_a_file_that_could_not_be_made_is_made_anew(tmp_path: Path) -> None:
    files, make = Files(tmp_path), Maker()

    async def broken(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no")

    with files.loan() as loan:
        with pytest.raises(OSError, match="no"):
            await loan.path("f", broken)
        assert Path(await loan.path("f", make)).stat().st_size == 10
