"""The block cache alone: its bound, its sweep, and other processes in the same directory."""

import hashlib
import os
from pathlib import Path

from object_bucket import body_of

from journal.block_hashes import BLOCK_BYTES
from lakehouse.objects.block_cache import TEMPORARY, BlockCache

BODY = body_of(BLOCK_BYTES)
DIGEST = hashlib.sha256(BODY).digest()


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_the_longest_unused_object_leaves_first(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path, 10 * BLOCK_BYTES)
    for name in "abcdefghij":
        cache.store(name, 0, BODY)
    for number, name in enumerate("abcdefghij"):
        [place] = {Path(found.path).parent for found in [cache.find(name, 0, DIGEST)] if found}
        os.utime(place, (number, number))
    cache.touch(["a"])
    cache.store("k", 0, BODY)
    left = [name for name in "abcdefghijk" if cache.find(name, 0, DIGEST)]
    assert left == list("adefghijk")
    assert len(files_in(tmp_path)) == len(left)


def test_it_stays_within_its_bound_beside_another_process(tmp_path: Path) -> None:
    ours, theirs = BlockCache(tmp_path, 8 * BLOCK_BYTES), BlockCache(tmp_path, 8 * BLOCK_BYTES)
    for number in range(40):
        (ours, theirs)[number % 2].store(f"{number}", 0, BODY)
    # Each measures the directory when what it stored itself has used the room up.
    assert len(files_in(tmp_path)) <= 16


def test_what_another_process_cached_is_compared_before_it_counts(tmp_path: Path) -> None:
    BlockCache(tmp_path, 99 * BLOCK_BYTES).store("a", 0, BODY)
    cache = BlockCache(tmp_path, 99 * BLOCK_BYTES)
    assert cache.find("a", 0, DIGEST) is not None
    assert cache.find("a", 1, DIGEST) is None
    other = BlockCache(tmp_path, 99 * BLOCK_BYTES)
    assert other.find("a", 0, bytes(32)) is None
    assert other.discarded == 1
    assert files_in(tmp_path) == []


def test_what_a_killed_process_was_writing_is_swept(tmp_path: Path) -> None:
    dead, alive = tmp_path / f"{TEMPORARY}999999999-x", tmp_path / f"{TEMPORARY}{os.getpid()}-x"
    for path in (dead, alive):
        path.write_bytes(b"half")
    cache = BlockCache(tmp_path, BLOCK_BYTES)
    cache.sweep()
    assert files_in(tmp_path) == [alive]


def test_the_directory_may_go_at_any_time(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path / "cache", 9 * BLOCK_BYTES)
    assert cache.find("a", 0, DIGEST) is None
    cache.store("a", 0, BODY)
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert cache.find("a", 0, DIGEST) is None
    assert cache.store("a", 0, BODY) is not None
    assert cache.find("a", 0, DIGEST) is not None
