"""What every bucket promises, checked from outside of it. One suite for all adapters."""

import asyncio
import multiprocessing
import os
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bucket_stores import LocalStore, MemoryStore, S3Store, Store, race, race_in_process

from journal.bucket.errors import BucketRefused, ObjectExists, ObjectMissing
from journal.bucket.port import Answer, Bucket

MIB = 1 << 20
BODIES = [b"", b"\x00", b"a\r\nb\n", bytes(range(256)) * 4096 + b"end", b"PAR1", b"\xff\xfe"]
FORBIDDEN_KEYS = [
    "",
    "/a",
    "a//b",
    "a/",
    "a/../b",
    "./a",
    "a\nb",
    "a/%2e%2e/b",
    "x" * 1025,
    "\udc80",
]
BIG_BYTES = 25 * MIB + 7


def file_of(path: Path, size_bytes: int) -> Path:
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for start in range(0, size_bytes, MIB):
            file.write(block[: min(MIB, size_bytes - start)])
    return path


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_a_created_object_is_stored_byte_for_byte(
    store: Store, bucket: Bucket, body: bytes
) -> None:
    assert (await bucket.create("a/b", body)).answer is Answer.CREATED
    assert await store.bodies() == {"a/b": body}
    assert await bucket.read("a/b") == body
    assert await collect(bucket.stream("a/b")) == body


async def test_a_second_create_is_told_that_the_key_exists_and_changes_nothing(
    store: Store, bucket: Bucket
) -> None:
    await bucket.create("a/b", b"first")
    assert (await bucket.create("a/b", b"second")).answer is Answer.EXISTS
    assert await store.bodies() == {"a/b": b"first"}


async def test_of_many_creates_over_several_connections_exactly_one_wins(store: Store) -> None:
    connections = [await store.connect() for _ in range(3)]
    for number in range(40):
        outcome = await race([*connections, *connections], f"race/{number:03d}", "one-process")
        winners = [body for body, answer in outcome if answer is Answer.CREATED]
        assert len(winners) == 1, outcome
        assert await connections[0].read(f"race/{number:03d}") == winners[0].encode()
    for connection in connections:
        await connection.close()


@pytest.mark.parametrize("store", ["local", "s3"], indirect=True)
async def test_of_many_creates_from_several_processes_exactly_one_wins(
    shared_store: LocalStore | S3Store,
) -> None:
    processes, rounds = 4, 60
    spawn = multiprocessing.get_context("spawn")
    barrier, outcomes = spawn.Barrier(processes), spawn.Queue()
    arguments = (shared_store.url, shared_store.settings, barrier, outcomes, rounds)
    running = [spawn.Process(target=race_in_process, args=arguments) for _ in range(processes)]
    for process in running:
        process.start()
    finished = [await asyncio.to_thread(outcomes.get, True, 120) for _ in running]
    for process in running:
        process.join()
        process.close()
    outcomes.close()
    stored = await shared_store.bodies()
    for number in range(rounds):
        outcome = [each for process in finished for each in process[number]]
        winners = [body for body, answer in outcome if answer is Answer.CREATED]
        assert len(winners) == 1, outcome
        assert stored[f"race/{number:04d}"] == winners[0].encode()


async def test_what_one_connection_created_another_reads_and_lists_at_once(store: Store) -> None:
    one, other = await store.connect(), await store.connect()
    for number in range(30):
        key = f"k/{number:03d}"
        await one.create(key, str(number).encode())
        assert await other.read(key) == str(number).encode()
        assert (await other.list_objects("k/"))[-1].key == key
    await one.close()
    await other.close()


async def test_lists_are_in_utf8_byte_order_of_the_whole_key(bucket: Bucket) -> None:
    keys = [
        "a/b",
        "a-b",
        "a.b",
        "a0",
        "aé/x",
        "a/ü",
        "a/z",
        "a\U0001f600",
        "a\uffee",
        "B/c",
        "_x/1",
    ]
    for key in keys:
        await bucket.create(key, b"")
    ordered = sorted(keys, key=str.encode)
    assert [each.key for each in await bucket.list_objects("")] == ordered
    assert [each.key for each in await bucket.list_objects("a/")] == ["a/b", "a/z", "a/ü"]
    for position, after in enumerate(ordered):
        found = await bucket.list_objects("", after=after)
        assert [each.key for each in found] == ordered[position + 1 :], after


async def test_a_list_is_cut_by_prefix_start_and_limit(bucket: Bucket) -> None:
    for number in range(25):
        await bucket.create(f"_journal/slots/{number:04d}.x", b"x" * number)
    await bucket.create("_journal/slots-other", b"")
    await bucket.create("a", b"")
    page = await bucket.list_objects("_journal/slots/", after="_journal/slots/0009.x", limit=10)
    assert [each.key[-6:-2] for each in page] == [f"{n:04d}" for n in range(10, 20)]
    assert [each.size_bytes for each in page] == list(range(10, 20))
    rest = await bucket.list_objects("_journal/slots/", after=page[-1].key, limit=10)
    assert [each.key[-6:-2] for each in rest] == [f"{n:04d}" for n in range(20, 25)]
    assert [each.key for each in await bucket.list_objects("_journal/slots/001", limit=1)] == [
        "_journal/slots/0010.x"
    ]
    above = await bucket.list_objects("_journal/", after="_journal/a", limit=1)
    assert [each.key for each in above] == ["_journal/slots-other"]
    assert await bucket.list_objects("_journal/slots/", after="_journal/slots/~") == []
    assert await bucket.list_objects("nothing/", limit=5) == []
    assert await bucket.list_objects("a/") == []


async def test_a_list_goes_past_one_page_of_the_store(bucket: Bucket) -> None:
    keys = [f"many/{number:05d}" for number in range(1010)]
    for start in range(0, len(keys), 32):
        made = await asyncio.gather(*(bucket.create(key, b"") for key in keys[start : start + 32]))
        assert {each.answer for each in made} == {Answer.CREATED}
    first = await bucket.list_objects("many/")
    assert [each.key for each in first] == keys[:1000]
    rest = await bucket.list_objects("many/", after=first[-1].key)
    assert [each.key for each in rest] == keys[1000:]
    assert len(await bucket.list_objects("many/", limit=1005)) == 1005


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 0), (0, 1), (1, 3), (9, 1), (9, 100), (10, 5), (11, 1), (3, None), (10, None), (99, None)],
)
async def test_a_range_holds_the_bytes_from_start_up_to_length(
    bucket: Bucket, start: int, length: int | None
) -> None:
    await bucket.create("r", b"0123456789")
    expected = b"0123456789"[start:] if length is None else b"0123456789"[start : start + length]
    assert await collect(bucket.stream("r", start, length)) == expected


async def test_what_is_missing_is_told_as_missing(bucket: Bucket) -> None:
    await bucket.create("here/a", b"")
    for key in ("gone", "here/b", "here", "here/a/b", "here/" + "é" * 100):
        with pytest.raises(ObjectMissing):
            await bucket.read(key)
        with pytest.raises(ObjectMissing):
            await bucket.stat(key)
        for length in (None, 0, 5):
            with pytest.raises(ObjectMissing):
                await collect(bucket.stream(key, 0, length))


@pytest.mark.parametrize("key", FORBIDDEN_KEYS, ids=range(len(FORBIDDEN_KEYS)))
async def test_a_forbidden_key_is_refused_by_every_verb(
    store: Store, bucket: Bucket, key: str, tmp_path: Path
) -> None:
    assert (await bucket.create(key, b"")).answer is Answer.REFUSED
    for verb in (bucket.read(key), bucket.stat(key), collect(bucket.stream(key))):
        with pytest.raises(BucketRefused):
            await verb
    with pytest.raises(BucketRefused):
        await bucket.upload(key, file_of(tmp_path / "source", 3))
    assert await store.bodies() == {}


@pytest.mark.parametrize("prefix", ["../", "a//", "/", "..", "./"])
async def test_a_prefix_that_no_key_can_have_lists_nothing(bucket: Bucket, prefix: str) -> None:
    await bucket.create("a/b", b"")
    assert await bucket.list_objects(prefix) == []


@pytest.mark.parametrize("size_bytes", [0, 5, 8 * MIB, 8 * MIB + 1, BIG_BYTES])
async def test_an_upload_is_stored_whole_and_leaves_its_source(
    store: Store, bucket: Bucket, tmp_path: Path, size_bytes: int
) -> None:
    source = file_of(tmp_path / "source", size_bytes)
    await bucket.upload("up/load", source)
    assert (await store.bodies())["up/load"] == source.read_bytes()
    assert (await bucket.stat("up/load")).size_bytes == size_bytes
    chunks = [chunk async for chunk in bucket.stream("up/load")]
    assert b"".join(chunks) == source.read_bytes()
    assert all(0 < len(chunk) <= MIB for chunk in chunks)
    assert store.leftovers() == []


@pytest.mark.parametrize("size_bytes", [5, BIG_BYTES])
async def test_an_upload_again_is_success_and_another_object_is_reported(
    store: Store, bucket: Bucket, tmp_path: Path, size_bytes: int
) -> None:
    source = file_of(tmp_path / "source", size_bytes)
    await bucket.upload("up", source)
    await bucket.upload("up", source)
    await bucket.create("taken", b"another's")
    with pytest.raises(ObjectExists):
        await bucket.upload("taken", source)
    assert (await store.bodies())["taken"] == b"another's"
    assert store.leftovers() == []


async def test_bytes_are_uploaded_as_a_file_is(store: Store, bucket: Bucket) -> None:
    for _ in range(2):
        await bucket.upload("up/load", b"small")
    with pytest.raises(ObjectExists):
        await bucket.upload("up/load", b"another's")
    assert await store.bodies() == {"up/load": b"small"}
    assert store.leftovers() == []


async def test_a_source_that_is_not_there_is_the_callers_error(
    bucket: Bucket, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await bucket.upload("up", tmp_path / "nothing")


@pytest.mark.parametrize("store", ["local", "s3"], indirect=True)
async def test_an_upload_takes_bounded_memory(bucket: Bucket, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(128 * MIB)
    tracemalloc.start()
    try:
        await bucket.upload("up", source)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (await bucket.stat("up")).size_bytes == 128 * MIB
    assert peak_bytes < 48 * MIB


@pytest.mark.parametrize("store", ["local", "s3"], indirect=True)
@pytest.mark.parametrize("delay_s", [0, 0.003, 0.01, 0.03, 0.1, 0.2])
async def test_a_cancelled_upload_leaves_no_part_behind(
    store: Store, bucket: Bucket, tmp_path: Path, delay_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the source lay on another filesystem: a copy takes long enough to be cancelled.
    monkeypatch.setattr("journal.bucket.local.write._linked", lambda *_: False)
    source = file_of(tmp_path / "source", 64 * MIB)
    await (
        bucket.now()
    )  # A local bucket makes its directory for temporary files when it first needs it.
    descriptors = len(os.listdir("/proc/self/fd"))
    uploading = asyncio.ensure_future(bucket.upload("up", source))
    await asyncio.sleep(delay_s)
    uploading.cancel()
    await asyncio.wait([uploading])
    assert store.leftovers() == []
    # When the last step had begun already, the object is there, and then it is whole; a fast disk
    # may even have been done before we changed our mind.
    stored = list((await store.bodies()).values())
    assert stored == [source.read_bytes()] or (stored == [] and uploading.cancelled())
    if store.kind == "local":  # S3 keeps its connections
        assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_an_abandoned_stream_leaves_no_descriptor(bucket: Bucket, tmp_path: Path) -> None:
    await bucket.upload("up", file_of(tmp_path / "source", 9 * MIB))
    await collect(bucket.stream("up", 0, 10))
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        stream = bucket.stream("up")
        assert await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1


async def test_times_are_the_stores_and_in_utc(bucket: Bucket, tmp_path: Path) -> None:
    source = file_of(tmp_path / "source", 3)
    os.utime(source, (0, 0))
    await bucket.upload("old", source)
    await bucket.create("new", b"")
    now = await bucket.now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
    listed = await bucket.list_objects("")
    for found in [*listed, await bucket.stat("old"), await bucket.stat("new")]:
        assert found.modified_at.tzinfo is UTC
        assert abs(found.modified_at - now) < timedelta(seconds=5)


async def test_a_url_opens_the_same_bucket_again(store: Store, bucket: Bucket) -> None:
    if isinstance(store, MemoryStore):
        assert bucket.url == "memory://"
    else:
        assert bucket.url == store.url


async def test_only_a_local_buckets_objects_lie_in_files(store: Store, bucket: Bucket) -> None:
    await bucket.create("a/b", b"bytes")
    file = bucket.local_file("a/b")
    assert (file is not None) == bucket.url.startswith("file:")
    if file is not None:
        descriptor = file.open()
        assert os.pread(descriptor, 99, 0) == file.path.read_bytes() == b"bytes"
        os.close(descriptor)
        absent = bucket.local_file("a/c")
        assert absent is not None
        with pytest.raises(ObjectMissing):
            absent.open()


async def test_closing_twice_is_closing_once(store: Store) -> None:
    bucket = await store.connect()
    await bucket.close()
    await bucket.close()
