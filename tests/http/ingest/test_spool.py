"""The spool under a client that leaves: its file is neither closed under a writing thread nor left."""

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lakehouse.process.spool
from journal.block_hashes import BLOCK_BYTES
from lakehouse.domain.errors import RefusedError
from lakehouse.process.spool import BUFFER_BYTES, HELD_BYTES, spooled


async def pieces(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b"x" * size


async def spool(directory: Path, pool: ThreadPoolExecutor, *sizes: int) -> int:
    async with spooled(pieces(*sizes), directory, 4 * BUFFER_BYTES, pool) as file:
        if isinstance(file.content, bytes):
            assert list(directory.iterdir()) == []
            assert (file.content, file.size_bytes <= HELD_BYTES) == (b"x" * sum(sizes), True)
        else:
            assert file.content.read_bytes() == b"x" * sum(sizes)
            assert file.content.stat().st_mode & 0o077 == 0
            assert file.size_bytes > HELD_BYTES
        return file.size_bytes


async def test_a_body_is_whole_on_disk_and_gone_afterwards(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert await spool(tmp_path, pool, 5, 0, BUFFER_BYTES, 7) == BUFFER_BYTES + 12
        assert await spool(tmp_path, pool) == 0
    assert list(tmp_path.iterdir()) == []


async def test_only_what_becomes_an_object_as_it_is_has_block_hashes(tmp_path: Path) -> None:
    size = BLOCK_BYTES + BUFFER_BYTES
    with ThreadPoolExecutor(1) as pool:
        for wanted in (True, False):
            chunks = pieces(size)
            context = spooled(chunks, tmp_path, size, pool, hash_blocks=wanted)
            async with context as file:
                assert file.sha256 == hashlib.sha256(b"x" * size).hexdigest()
                assert bool(file.block_hashes) == wanted


@pytest.mark.parametrize("size_bytes", [0, 1, HELD_BYTES, HELD_BYTES + 1])
async def test_a_small_body_is_never_on_disk(tmp_path: Path, size_bytes: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert (
            await spool(tmp_path, pool, size_bytes // 2, size_bytes - size_bytes // 2) == size_bytes
        )
    assert list(tmp_path.iterdir()) == []


async def test_what_is_too_large_is_cut_off(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(RefusedError, match="too_large"):
        await spool(tmp_path, pool, 4 * BUFFER_BYTES, 1)
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_upload_waits_for_the_thread_that_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A descriptor that is closed too early may be another file's by the time the thread writes."""
    begun, go_on, done = threading.Event(), threading.Event(), []
    write, close = os.write, os.close

    def slow_write(descriptor: int, data: bytes) -> int:
        begun.set()
        go_on.wait(60)
        done.append("written")
        return write(descriptor, data)

    def noted_close(descriptor: int) -> None:
        done.append("closed")
        close(descriptor)

    with ThreadPoolExecutor(1) as pool, monkeypatch.context() as patched:
        patched.setattr(lakehouse.process.spool.os, "write", slow_write)
        patched.setattr(lakehouse.process.spool.os, "close", noted_close)
        task = asyncio.create_task(spool(tmp_path, pool, BUFFER_BYTES))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert done[0] == "written"
    assert done[-1] == "closed"
    assert list(tmp_path.iterdir()) == []
