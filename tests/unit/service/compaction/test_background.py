"""Background compaction: what is due, who goes first, and what becomes of two processes at once."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from builders import FakeClock
from compaction_lake import CompactionLake, compaction_lake

from journal.bucket.memory import MemoryBucket
from lakehouse.domain.commands import DropDataset
from lakehouse.formats.parquet.merge_program import merged
from lakehouse.formats.parquet.merging import Merged, MergeRequest
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.service.compaction import object_merger
from lakehouse.service.compaction.background import BEHIND_S, QUIET_S


@pytest.fixture(autouse=True)
def merging_in_this_process(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test starts the real process, which takes longer than all else here; the others do not."""

    async def merge_files(_forks: ForkServer, asked: MergeRequest) -> Merged:
        return merged(asked)

    if request.function is not test_a_dataset_with_too_many_small_objects_is_compacted:
        monkeypatch.setattr(object_merger, "merge_files", merge_files)


def bucket_by(clock: FakeClock) -> MemoryBucket:
    return MemoryBucket(clock.now)


async def filled(lake: CompactionLake, name: str, count: int) -> None:
    for number in range(count):
        await lake.append(name, number)


def test_a_dataset_with_too_many_small_objects_is_compacted(tmp_path: Path) -> None:
    async def main() -> None:
        async with compaction_lake(bucket_by(clock := FakeClock()), tmp_path, clock) as lake:
            await filled(lake, "few", 4)
            await filled(lake, "many", 5)
            assert await lake.compact() == 1
            assert lake.count("few") == 4
            assert lake.count("many") < 5
            assert await lake.rows("many") == [0, 1, 2, 3, 4]
            event = (await lake.node.past.event(lake.node.state.head.seq))[1]
            assert (event.actor, event.type) == ("lakehouse", "dataset_rewritten")

    asyncio.run(main())


def test_it_ends_in_few_objects_once_the_dataset_is_quiet(tmp_path: Path) -> None:
    async def main() -> None:
        clock = FakeClock()
        async with compaction_lake(bucket_by(clock), tmp_path, clock, allowed=20) as lake:
            await filled(lake, "a", 21)
            await lake.compact()
            await filled_from(lake, "a", 21, 18)
            assert lake.count("a") > 16
            assert await lake.compact() == 0
            await clock.sleep(QUIET_S + 1)
            assert await lake.compact() == 1
            assert lake.count("a") <= 16
            assert await lake.rows("a") == [*range(39)]

    asyncio.run(main())


async def filled_from(lake: CompactionLake, name: str, first: int, count: int) -> None:
    for number in range(first, first + count):
        await lake.append(name, number)


def test_a_dataset_that_never_had_too_many_is_left_alone_when_quiet(tmp_path: Path) -> None:
    async def main() -> None:
        clock = FakeClock()
        async with compaction_lake(bucket_by(clock), tmp_path, clock, allowed=20) as lake:
            await filled(lake, "a", 20)
            assert await lake.compact() == 0
            await clock.sleep(1_000)
            assert await lake.compact() == 0

    asyncio.run(main())


def test_while_a_change_of_its_rows_works_a_dataset_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with compaction_lake(bucket_by(clock := FakeClock()), tmp_path, clock) as lake:
            await filled(lake, "a", 5)
            async with lake.turns.turn("A"):
                assert await lake.compact() == 0
            assert await lake.compact() == 1

    asyncio.run(main())


def test_a_process_that_did_not_write_last_waits(tmp_path: Path) -> None:
    async def main() -> None:
        clock = FakeClock()
        bucket = bucket_by(clock)
        async with (
            compaction_lake(bucket, tmp_path / "1", clock) as writing,
            compaction_lake(bucket, tmp_path / "2", clock, seed=2) as reading,
        ):
            await filled(writing, "a", 5)
            await reading.node.refresh()
            assert await reading.compact() == 0
            await clock.sleep(BEHIND_S[1])
            assert await reading.compact() == 1
            await writing.node.refresh()
            assert await writing.compact() == 0

    asyncio.run(main())


def test_of_two_processes_at_once_one_loses_its_work_and_nothing_else(tmp_path: Path) -> None:
    async def main() -> None:
        clock = FakeClock()
        bucket = bucket_by(clock)
        async with (
            compaction_lake(bucket, tmp_path / "1", clock) as one,
            compaction_lake(bucket, tmp_path / "2", clock, seed=2) as two,
        ):
            await filled(one, "a", 9)
            await two.node.refresh()
            await two.compact()
            await clock.sleep(BEHIND_S[1])
            await asyncio.gather(one.background.compact_one(), two.background.compact_one())
            assert (one.job.done + two.job.done, one.job.lost + two.job.lost) == (1, 1)
            for lake in (one, two):
                assert await lake.rows("a") == [*range(9)]
                assert await lake.compact() == 0

    asyncio.run(main())


def test_a_drop_meanwhile_wins(tmp_path: Path) -> None:
    async def main() -> None:
        async with compaction_lake(bucket_by(clock := FakeClock()), tmp_path, clock) as lake:
            await filled(lake, "a", 5)
            upload = lake.merger.upload

            async def dropped_first(name: str, merged: object, **more: bool) -> object:
                await lake.submit(DropDataset("a"))
                return await upload(name, merged, **more)  # type: ignore[arg-type]

            lake.merger.upload = dropped_first  # type: ignore[method-assign, assignment]
            assert await lake.background.compact_one()
            assert (lake.job.done, lake.job.lost) == (0, 1)
            assert lake.find("a") is None
            assert await lake.compact() == 0
            # What was uploaded in vain is deleted: the five objects that were appended are left.
            assert len(await lake.node.bucket.list_objects("datasets/")) == 5

    asyncio.run(main())


def test_what_cannot_be_merged_is_not_tried_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        clock = FakeClock()
        async with compaction_lake(bucket_by(clock), tmp_path, clock) as lake:
            await filled(lake, "a", 5)
            merge = lake.merger.merge

            async def failing(*items: object, **more: object) -> object:
                found = await merge(*items, **more)  # type: ignore[arg-type]
                return msgspec.structs.replace(found, problem="it does not fit")

            lake.merger.merge = failing  # type: ignore[method-assign, assignment]
            assert await lake.compact() == 1
            assert lake.count("a") == 5
            assert await lake.compact() == 0

    asyncio.run(main())
