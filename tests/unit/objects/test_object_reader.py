"""Reading objects: what is verified, how often the store is asked, and what damage comes to."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from object_bucket import LONG, CountingBucket, body_of, flipped, version_of

from journal.block_hashes import BLOCK_BYTES
from journal.bucket.errors import BucketUnavailable, ObjectMissing
from journal.bucket.local.bucket import LocalBucket
from lakehouse.objects import local_blocks
from lakehouse.objects.block_cache import BlockCache
from lakehouse.objects.damage import ObjectDamaged
from lakehouse.objects.extents import Extent
from lakehouse.objects.file_identity import file_identity
from lakehouse.objects.local_blocks import LocalBlocks
from lakehouse.objects.object_reader import ObjectReader
from lakehouse.objects.remote_blocks import _cut
from projections.inventory import Stored


@pytest.fixture
def cache(tmp_path: Path) -> BlockCache:
    return BlockCache(tmp_path / "cache", 64 * BLOCK_BYTES)


async def remote(body: bytes, *, recorded: bool = True) -> tuple[CountingBucket, Stored]:
    bucket, version = CountingBucket(), version_of(body, recorded=recorded)
    await bucket.upload(version.blob, body)
    return bucket, version


def bytes_of(extents: tuple[Extent, ...] | bytes, start: int, stop: int) -> bytes:
    """What a worker reads: from the files, each of which must have its identity."""
    if isinstance(extents, bytes):
        return extents
    parts = []
    for extent in extents:
        with Path(extent.path).open("rb") as file:
            assert file_identity(file.fileno()) == extent.identity
            first, last = max(start, extent.start), min(stop, extent.stop)
            file.seek(max(first - extent.shift, 0))
            parts.append(file.read(max(last - first, 0)))
    return b"".join(parts)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("cached", [True, False])
async def test_any_range_is_read_from_a_remote_store(
    cache: BlockCache, cached: bool, recorded: bool
) -> None:
    body = body_of(LONG)
    bucket, version = await remote(body, recorded=recorded)
    reader = ObjectReader(bucket, cache if cached else None)
    for start, stop in ((0, 1), (5, LONG), (BLOCK_BYTES - 1, BLOCK_BYTES + 1), (LONG - 9, LONG)):
        found = await reader.extents(version, start, stop)
        assert isinstance(found, bytes) != cached
        assert bytes_of(found, start, stop) == body[start:stop]
        assert await reader.read(version, start, stop - start) == body[start:stop]
    assert await reader.read(version) == body
    await reader.close()


async def test_a_block_is_fetched_once_for_all_who_want_it(cache: BlockCache) -> None:
    bucket, version = await remote(body_of(LONG))
    reader = ObjectReader(bucket, cache)
    bucket.paused.clear()
    asked = [asyncio.create_task(reader.extents(version, 0, LONG)) for _ in range(5)]
    asked.append(asyncio.create_task(reader.extents(version, 7, 8)))
    while not bucket.ranges:
        await asyncio.sleep(0)
    bucket.paused.set()
    await asyncio.gather(*asked)
    await reader.extents(version, 0, LONG)
    assert bucket.ranges == [(version.blob, 0, LONG)]
    assert reader.remote.fetched == 4


async def test_a_small_object_comes_by_one_request(cache: BlockCache) -> None:
    bucket, version = await remote(body_of(LONG))
    reader = ObjectReader(bucket, cache)
    await reader.extents(version, LONG - 8, LONG)
    await reader.extents(version, 0, LONG)
    assert bucket.ranges == [(version.blob, 0, LONG)]


async def test_of_a_small_object_all_extents_come_with_its_end(
    cache: BlockCache,
) -> None:
    body = body_of(LONG)
    bucket, version = await remote(body)
    for again in (
        ObjectReader(bucket, cache),
        ObjectReader(bucket, BlockCache(cache.directory, 1 << 30)),
    ):
        found = await again.extents(version, LONG - 8, LONG)
        assert isinstance(found, tuple)
        assert [extent.start for extent in found] == [at * BLOCK_BYTES for at in range(4)]
        assert bytes_of(found, 0, LONG) == body
        await again.close()
    assert len(bucket.ranges) == 1


async def test_a_damaged_block_of_a_small_object_leaves_the_others(cache: BlockCache) -> None:
    body = body_of(LONG)
    bucket, version = await remote(body)
    bucket.alter(version.blob, flipped(body, BLOCK_BYTES + 5))
    reader = ObjectReader(bucket, cache)
    found = await reader.extents(version, LONG - 8, LONG)
    assert isinstance(found, tuple)
    assert [extent.start // BLOCK_BYTES for extent in found] == [0, 2, 3]
    with pytest.raises(ObjectDamaged):
        await reader.extents(version, BLOCK_BYTES, BLOCK_BYTES + 1)
    await reader.close()


@pytest.mark.parametrize("piece_bytes", [1, 7, 8, 9, 24, 1000])
@pytest.mark.parametrize("missing", [0, 1, 8, 19])
async def test_a_stream_is_cut_into_blocks_however_it_comes(piece_bytes: int, missing: int) -> None:
    body = bytes(range(20))
    given = body[: len(body) - missing] + (b"surplus" if not missing else b"")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(given), piece_bytes):
            yield given[start : start + piece_bytes]

    parts = [part async for part in _cut(pieces(), (8, 8, 4))]
    assert b"".join(parts) == body[: len(body) - missing]
    assert all(len(part) == size for part, size in zip(parts[:-1], (8, 8, 4), strict=False))


async def test_of_a_large_object_what_is_wanted_comes_in_runs(cache: BlockCache) -> None:
    size_bytes = 11 * BLOCK_BYTES + 5
    body = body_of(size_bytes)
    bucket, version = await remote(body)
    reader = ObjectReader(bucket, cache)
    found = await reader.extents(version, 2 * BLOCK_BYTES, size_bytes)
    assert bytes_of(found, 2 * BLOCK_BYTES, size_bytes) == body[2 * BLOCK_BYTES :]
    runs = [(start // BLOCK_BYTES, length) for _, start, length in bucket.ranges]
    four = 4 * BLOCK_BYTES
    assert runs == [(2, four), (6, four), (10, BLOCK_BYTES + 5)]


async def test_ends_are_fetched_ahead_once(cache: BlockCache) -> None:
    size_bytes = 11 * BLOCK_BYTES + 5
    bucket, version = await remote(body_of(size_bytes))
    reader = ObjectReader(bucket, cache)
    for _ in range(2):
        reader.prefetch([version])
        await reader.extents(version, size_bytes - 5, size_bytes)
    assert bucket.ranges == [(version.blob, 11 * BLOCK_BYTES, 5)]
    bucket.error = BucketUnavailable("503")
    other = version_of(body_of(9), "b")
    reader.prefetch([other])
    await reader.close()


async def test_what_was_cached_survives_a_restart(cache: BlockCache, tmp_path: Path) -> None:
    bucket, version = await remote(body_of(LONG))
    await ObjectReader(bucket, cache).extents(version, 0, LONG)
    bucket.ranges.clear()
    again = ObjectReader(bucket, BlockCache(tmp_path / "cache", 64 * BLOCK_BYTES))
    found = await again.extents(version, 0, LONG)
    assert bytes_of(found, 0, LONG) == body_of(LONG)
    assert bucket.ranges == []


@pytest.mark.parametrize(
    "damage",
    ["altered", "truncated", "longer", "deleted", "emptied", "a link", "a pipe", "a directory"],
)
@pytest.mark.parametrize("restarted", [True, False])
async def test_a_cache_file_that_was_changed_is_fetched_again(
    cache: BlockCache, tmp_path: Path, damage: str, restarted: bool
) -> None:
    body = body_of(LONG)
    bucket, version = await remote(body)
    reader = ObjectReader(bucket, cache)
    extents = await reader.extents(version, 0, LONG)  # nothing is written any more
    assert isinstance(extents, tuple)
    path = Path(extents[0].path)
    was = path.read_bytes()
    found = path.stat()
    match damage:
        case "altered":
            path.write_bytes(flipped(was, 77))
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
        case "truncated":
            path.write_bytes(was[:-1])
        case "longer":
            path.write_bytes(was + b"x")
        case "emptied":
            path.write_bytes(b"")
        case "deleted":
            path.unlink()
        case "a link":
            path.symlink_to(path.rename(path.with_name("same")))
        case "a pipe":
            path.unlink()
            os.mkfifo(path)
        case "a directory":
            path.unlink()
            path.mkdir()
    if restarted:
        reader = ObjectReader(bucket, BlockCache(tmp_path / "cache", 64 * BLOCK_BYTES))
    bucket.ranges.clear()
    assert bytes_of(await reader.extents(version, 0, 10), 0, 10) == body[:10]
    assert bucket.ranges[0][1] == 0
    assert await reader.read(version) == body


@pytest.mark.parametrize("at", [0, BLOCK_BYTES, LONG - 1])
@pytest.mark.parametrize("recorded", [True, False])
async def test_a_damaged_object_is_refused_each_time(
    cache: BlockCache, at: int, recorded: bool
) -> None:
    body = body_of(LONG)
    bucket, version = await remote(body, recorded=recorded)
    bucket.alter(version.blob, flipped(body, at))
    reader = ObjectReader(bucket, cache)
    for times in (1, 2):
        with pytest.raises(ObjectDamaged, match=version.key):
            await reader.extents(version, at, at + 1)
        assert reader.damaged == times
    with pytest.raises(ObjectDamaged):
        await reader.read(version)
    bucket.alter(version.blob, body)
    assert await reader.read(version) == body


async def test_sound_blocks_of_a_damaged_object_can_be_read(cache: BlockCache) -> None:
    body = body_of(LONG)
    bucket, version = await remote(body)
    bucket.alter(version.blob, flipped(body, 0))
    found = await ObjectReader(bucket, cache).extents(version, BLOCK_BYTES, LONG)
    assert bytes_of(found, BLOCK_BYTES, LONG) == body[BLOCK_BYTES:]


@pytest.mark.parametrize("size_bytes", [0, 1, BLOCK_BYTES, LONG - 1, LONG + 1])
async def test_an_object_of_another_size_is_damaged_before_its_first_byte(size_bytes: int) -> None:
    bucket, version = await remote(body_of(LONG))
    bucket.alter(version.blob, (body_of(LONG) + b"x")[:size_bytes])
    with pytest.raises(ObjectDamaged, match="bytes, not"):
        await anext(ObjectReader(bucket).stream(version))


async def test_what_the_store_says_is_passed_on_and_asked_again(cache: BlockCache) -> None:
    bucket, version = await remote(body_of(LONG))
    reader = ObjectReader(bucket, cache)
    for error in (BucketUnavailable("503"), ObjectMissing("404")):
        bucket.error = error
        with pytest.raises(type(error)):
            await reader.extents(version, 0, LONG)
    bucket.error = None
    assert isinstance(await reader.extents(version, 0, LONG), tuple)
    assert reader.damaged == 0


async def test_without_room_reading_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    bucket, version = await remote(body_of(LONG))
    reader = ObjectReader(bucket, BlockCache(tmp_path / "file" / "below", 64 * BLOCK_BYTES))
    assert await reader.extents(version, 3, LONG) == body_of(LONG)[3:]
    assert await reader.read(version) == body_of(LONG)
    assert reader.cache is not None
    assert reader.cache.failed_writes == 4


async def test_what_was_collected_is_dropped(cache: BlockCache) -> None:
    bucket, version = await remote(body_of(LONG))
    reader = ObjectReader(bucket, cache)
    [extent, *_] = await reader.extents(version, 0, LONG)
    reader.drop([version.blob])
    await reader.close()
    assert not Path(extent.path).exists()


async def local(
    tmp_path: Path, body: bytes, *, recorded: bool = True
) -> tuple[LocalBucket, Stored]:
    bucket, version = (
        await LocalBucket.open(tmp_path / "bucket"),
        version_of(body, recorded=recorded),
    )
    await bucket.upload(version.blob, body)
    return bucket, version


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_local_object_is_read_where_it_lies(tmp_path: Path, recorded: bool) -> None:
    body = body_of(LONG)
    bucket, version = await local(tmp_path, body, recorded=recorded)
    reader = ObjectReader(bucket)
    for start, stop in ((0, 1), (BLOCK_BYTES + 1, LONG)):
        found = await reader.extents(version, start, stop)
        assert isinstance(found, tuple)
        assert found[0].path == str(tmp_path / "bucket" / version.blob)
        assert bytes_of(found, start, stop) == body[start:stop]
    assert await reader.read(version, 2, LONG) == body[2:]
    await bucket.close()


async def test_what_no_dataset_holds_is_forgotten_once_there_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_blocks, "SWEPT", 4)
    versions = [version_of(body_of(10, seed)) for seed in range(5)]
    bucket = await LocalBucket.open(tmp_path / "bucket")
    reader, known = ObjectReader(bucket), LocalBlocks()
    monkeypatch.setattr(reader, "_local", known)
    held = {version.blob for version in versions[:2]}
    for seed, version in enumerate(versions):
        await bucket.upload(version.blob, body_of(10, seed))
        await reader.extents(version, 0, 10)
        reader.sweep(held)
    assert known.blobs() == tuple(versions[at].blob for at in (0, 1, 4))
    assert await reader.read(versions[2]) == body_of(10, 2)
    await bucket.close()


@pytest.mark.parametrize("read_before", [True, False])
async def test_a_local_object_that_was_altered_is_refused(
    tmp_path: Path, read_before: bool
) -> None:
    body = body_of(LONG)
    bucket, version = await local(tmp_path, body)
    reader = ObjectReader(bucket)
    if read_before:
        await reader.extents(version, 0, LONG)
    path = tmp_path / "bucket" / version.blob
    found = path.stat()
    path.write_bytes(flipped(body, BLOCK_BYTES + 5))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(ObjectDamaged):
        await reader.extents(version, 0, LONG)
    with pytest.raises(ObjectDamaged):
        await reader.read(version)
    path.write_bytes(body[:-1])
    with pytest.raises(ObjectDamaged, match="bytes, not"):
        await reader.extents(version, 0, 1)
    path.unlink()
    with pytest.raises(ObjectMissing):
        await reader.extents(version, 0, 1)
    await bucket.close()
