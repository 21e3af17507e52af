"""What holds for buckets in a directory alone, checked with the operating system's own verbs."""

import asyncio
import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journal.bucket.errors import BucketBroken, BucketFull, BucketRefused, ObjectMissing
from journal.bucket.local import write
from journal.bucket.local.bucket import LocalBucket
from journal.bucket.port import Answer, Bucket


@pytest.fixture
async def bucket(tmp_path: Path) -> AsyncIterator[LocalBucket]:
    bucket = await LocalBucket.open(tmp_path / "bucket")
    yield bucket
    await bucket.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


def temporary_files(root: Path) -> list[bytes]:
    """The bytes of temporary files of all processes."""
    return [path.read_bytes() for path in (root / ".tmp").rglob("*") if path.is_file()]


def failing(code: int) -> object:
    """A function of os's that fails with `code`, naming a path that nobody should see."""

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(code, os.strerror(code), "/secret/place/on/the/server")

    return fail


async def test_files_are_for_the_owner_alone(bucket: Bucket, root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    source.chmod(0o644)
    await bucket.create("a/b/created", b"")
    await bucket.upload("a/c/uploaded", source)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    (process,) = (root / ".tmp").iterdir()
    assert modes == {
        process.name: 0o700,
        ".tmp": 0o700,
        "a": 0o700,
        "b": 0o700,
        "c": 0o700,
        "created": 0o600,
        "uploaded": 0o600,
    }
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


async def test_an_upload_from_the_spool_is_a_link_and_not_a_copy(bucket: Bucket) -> None:
    assert bucket.spool_dir is not None
    source = bucket.spool_dir / "spooled"
    source.write_bytes(b"x" * 100)
    await bucket.upload("a/b", source)
    assert os.path.samefile(source, bucket.spool_dir.parent / "a/b")
    source.unlink()
    assert await bucket.read("a/b") == b"x" * 100


async def test_a_cancelled_copy_stops_at_the_next_piece(
    bucket: Bucket, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_bytes(bytes(3 * write.PIECE_BYTES))
    writing, cancelled, really = threading.Event(), threading.Event(), write._write_all
    written: list[int] = []

    def write_one(descriptor: int, piece: bytes) -> None:
        writing.set()
        cancelled.wait(60)
        written.append(len(piece))
        really(descriptor, piece)

    monkeypatch.setattr(write, "_linked", lambda *_: False)
    monkeypatch.setattr(write, "_write_all", write_one)
    uploading = asyncio.ensure_future(bucket.upload("up", tmp_path / "source"))
    await asyncio.to_thread(writing.wait, 10)
    uploading.cancel()
    asyncio.get_running_loop().call_later(0.01, cancelled.set)
    with pytest.raises(asyncio.CancelledError):
        await uploading
    assert written == [write.PIECE_BYTES]
    assert temporary_files(root) == []
    assert await bucket.list_objects("") == []


async def test_a_source_behind_a_symlink_is_stored_as_a_file(
    bucket: Bucket, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "source").symlink_to("real")
    await bucket.upload("a", tmp_path / "source")
    assert stat.S_ISREG((root / "a").lstat().st_mode)


async def test_a_symlink_inside_the_bucket_is_neither_followed_nor_listed(
    bucket: Bucket, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "directory").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    for key in ("directory/secret", "file"):
        with pytest.raises(BucketRefused):
            await bucket.read(key)
        with pytest.raises(BucketRefused):
            await bucket.stat(key)
    for key in ("directory/new", "file", "directory"):
        assert (await bucket.create(key, b"")).answer is Answer.REFUSED
    assert os.listdir(outside) == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"
    assert await bucket.list_objects("") == []


async def test_the_way_to_the_bucket_may_hold_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    bucket = await LocalBucket.open(tmp_path / "link" / "bucket")
    await bucket.create("a", b"x")
    assert (tmp_path / "real" / "bucket" / "a").read_bytes() == b"x"
    await bucket.close()


async def test_a_symlink_in_the_place_of_the_temporary_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / ".tmp").symlink_to("outside")
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(BucketRefused):
        await LocalBucket.open(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_a_pipe_in_the_place_of_an_object_is_no_object(bucket: Bucket, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(ObjectMissing):
        await bucket.read("pipe")
    assert await bucket.list_objects("") == []


async def test_temporary_files_are_no_objects(bucket: Bucket, root: Path) -> None:
    (root / ".tmp" / "spooled").write_bytes(b"x")
    await bucket.create(".tmpx", b"")
    for key in (".tmp", ".tmp/spooled", ".tmp/new"):
        assert (await bucket.create(key, b"")).answer is Answer.REFUSED
        with pytest.raises(BucketRefused):
            await bucket.read(key)
    assert [each.key for each in await bucket.list_objects("")] == [".tmpx"]
    assert await bucket.list_objects(".tmp/") == []


async def test_stale_temporary_files_are_swept_when_the_bucket_opens(
    bucket: Bucket, root: Path
) -> None:
    now_s = (await bucket.now()).timestamp()
    for name, age_s in {"stale": 86_401, "fresh": 86_000}.items():
        (root / ".tmp" / name).write_bytes(b"x")
        os.utime(root / ".tmp" / name, (now_s - age_s, now_s - age_s))
    again = await LocalBucket.open(root)
    left = [path.name for path in (root / ".tmp").iterdir() if path.is_file()]
    assert left == ["fresh"]
    await again.close()


WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from journal.bucket.local.bucket import LocalBucket

def stand_still(*arguments, **options):
    print("written", flush=True)
    sys.stdin.read()

async def main():
    bucket = await LocalBucket.open(Path(sys.argv[1]))
    os.link = stand_still
    await bucket.create("a", b"erased")

asyncio.run(main())
"""


async def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(
    bucket: Bucket, root: Path
) -> None:
    await bucket.create("b", b"x")
    command = [sys.executable, "-c", WRITER, str(root)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        await (await LocalBucket.open(root)).close()
        assert temporary_files(root) == [b"erased"], "it is on its way"
        writer.kill()
        writer.wait()
    assert temporary_files(root) == [b"erased"]
    await (await LocalBucket.open(root)).close()
    assert temporary_files(root) == []
    assert (await bucket.create("c", b"y")).answer is Answer.CREATED


async def test_a_process_whose_directory_was_removed_by_hand_makes_another(
    bucket: Bucket, root: Path
) -> None:
    await bucket.create("a", b"x")
    for path in (root / ".tmp").iterdir():
        path.rmdir()
    assert (await bucket.create("b", b"y")).answer is Answer.CREATED


async def test_a_closed_bucket_leaves_no_directory(tmp_path: Path) -> None:
    bucket = await LocalBucket.open(tmp_path)
    await bucket.create("a", b"x")
    await bucket.close()
    assert [*(tmp_path / ".tmp").iterdir()] == []


async def test_a_component_that_the_filesystem_cannot_hold_is_refused(bucket: Bucket) -> None:
    for key in ("x" * 256, "a/" + "x" * 256, "x" * 256 + "/a"):
        assert (await bucket.create(key, b"")).answer is Answer.REFUSED
        with pytest.raises(BucketRefused):
            await bucket.read(key)


async def test_a_key_below_an_object_is_refused(bucket: Bucket) -> None:
    await bucket.create("a/b", b"")
    for key in ("a", "a/b/c"):
        assert (await bucket.create(key, b"")).answer is Answer.REFUSED


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("function", ["open", "write", "link", "mkdir"])
async def test_an_error_before_the_link_is_a_refusal_without_the_servers_path(
    bucket: Bucket, root: Path, monkeypatch: pytest.MonkeyPatch, function: str, code: int
) -> None:
    monkeypatch.setattr(os, function, failing(code))
    created = await bucket.create("a/b", b"x")
    monkeypatch.undo()
    assert created.answer is Answer.REFUSED
    assert created.detail == f"a/b: {os.strerror(code)}"
    assert temporary_files(root) == []
    assert await bucket.list_objects("") == []


async def test_an_upload_without_room_is_told_as_full(
    bucket: Bucket, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_bytes(b"x")
    monkeypatch.setattr("journal.bucket.local.write._linked", lambda *_: False)
    monkeypatch.setattr(os, "write", failing(errno.ENOSPC))
    with pytest.raises(BucketFull):
        await bucket.upload("a", tmp_path / "source")
    assert temporary_files(root) == []


async def test_a_link_that_may_have_been_made_is_unknown(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EIO))
    assert (await bucket.create("a", b"")).answer is Answer.UNKNOWN


async def test_a_directory_that_cannot_be_synced_breaks_the_bucket(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bucket.create("a/b", b"")
    really = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    for key in ("a/c", "a/b", "new/a"):
        with pytest.raises(BucketBroken):
            await bucket.create(key, b"")


class Syncs:
    """Which paths were synced, and what was in place when they were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        self._really = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self.paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        self._really(descriptor)


async def test_a_create_syncs_the_file_then_each_new_directory_then_the_link(
    bucket: Bucket, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = Syncs(monkeypatch)
    await bucket.create("a/b/c", b"x")
    file, *directories = syncs.paths
    assert file.startswith(f"{root}/.tmp/")
    assert directories == [str(root), str(root / "a"), str(root / "a/b")]
    syncs.paths.clear()
    await bucket.create("a/b/d", b"x")
    assert syncs.paths[1:] == [str(root / "a/b")]


async def test_what_another_process_linked_is_made_durable_before_we_rely_on_it(
    bucket: Bucket, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a").mkdir()
    (root / "a" / "b").write_bytes(b"linked, and its writer died before the sync")
    syncs = Syncs(monkeypatch)
    assert (await bucket.create("a/b", b"")).answer is Answer.EXISTS
    assert str(root / "a") in syncs.paths
    syncs.paths.clear()
    await bucket.read("a/b")
    assert syncs.paths == [str(root / "a")]


async def test_reading_a_quiet_directory_does_not_sync_it_again(
    bucket: Bucket, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bucket.create("a/b", b"")
    os.utime(root / "a", (0, 0))
    syncs = Syncs(monkeypatch)
    for _ in range(3):
        await bucket.read("a/b")
    assert syncs.paths == [str(root / "a")]


async def test_a_list_opens_only_the_directories_that_can_hold_its_keys(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a/1/x", "a/2/x", "a/3/x", "b/1/x"):
        await bucket.create(key, b"")
    opened: list[str] = []
    really = os.open

    def watch(path: str, flags: int, *arguments: int, **options: int) -> int:
        if flags & os.O_DIRECTORY:
            opened.append(path)
        return really(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", watch)
    found = await bucket.list_objects("a/", after="a/2/x")
    assert [each.key for each in found] == ["a/3/x"]
    assert set(opened) == {"a", "2", "3"}
