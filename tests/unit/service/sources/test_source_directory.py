"""A directory of a source: listed in pieces, and each file read in the version that was listed, or not."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lakehouse.domain.errors import RefusedError
from lakehouse.service.sources.directory import CHUNK_BYTES, PIECE, Directory
from lakehouse.service.sources.entries import Changed, Entry, Skipped
from lakehouse.service.sources.pattern import checked_pattern


def listed(directory: Path, pattern: str = "**/*", *own: Path) -> list[Entry | Skipped]:
    async def main() -> list[Entry | Skipped]:
        with ThreadPoolExecutor(1) as pool:
            place = Directory(str(directory), checked_pattern(pattern), own, pool)
            pieces = [piece async for piece in place.pieces()]
        assert all(0 < len(piece) <= PIECE for piece in pieces)
        return [each for piece in pieces for each in piece]

    return asyncio.run(main())


def read(directory: Path, entry: Entry, between: Callable[[], object] = lambda: None) -> bytes:
    """The file's bytes; `between` is called after the first chunk."""

    async def main() -> bytes:
        found = b""
        with ThreadPoolExecutor(1) as pool:
            place = Directory(str(directory), checked_pattern("**/*"), (), pool)
            async for chunk in place.chunks(entry):
                if not found:
                    between()
                found += chunk
        return found

    return asyncio.run(main())


def only(directory: Path) -> Entry:
    (entry,) = listed(directory)
    assert isinstance(entry, Entry)
    return entry


def test_more_files_than_a_piece_has_are_all_listed(tmp_path: Path) -> None:
    for number in range(PIECE + 5):
        (tmp_path / f"{number}.csv").touch()
    assert len({each.key for each in listed(tmp_path)}) == PIECE + 5


def test_a_file_is_read_as_it_was_listed(tmp_path: Path) -> None:
    body = b"x" * (CHUNK_BYTES + 1)
    (tmp_path / "a").write_bytes(body)
    assert read(tmp_path, only(tmp_path)) == body


def test_a_file_that_grows_or_is_replaced_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path.parent / "other"
    path.write_bytes(b"x" * (2 * CHUNK_BYTES))
    entry = only(tmp_path)
    with pytest.raises(Changed):
        read(tmp_path, entry, lambda: path.write_bytes(b"x" * (3 * CHUNK_BYTES)))
    entry = only(tmp_path)
    other.write_bytes(b"y" * (3 * CHUNK_BYTES))
    with pytest.raises(Changed):
        read(tmp_path, entry, lambda: other.replace(path))


def test_a_file_that_is_gone_or_became_a_link_outwards_is_not_read(tmp_path: Path) -> None:
    directory, secret = tmp_path / "in", tmp_path / "secret"
    directory.mkdir()
    secret.write_text("secret")
    path = directory / "a"
    path.write_text("public")
    entry = only(directory)
    path.unlink()
    with pytest.raises(Changed):
        read(directory, entry)
    path.symlink_to(secret)
    with pytest.raises(Changed):
        read(directory, entry)


def test_directories_that_cannot_match_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "y" / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    assert [each.key for each in listed(tmp_path, "*.csv")] == ["b.csv"]
    assert [each.key for each in listed(tmp_path, "x/*/*.csv")] == ["x/y/a.csv"]


def test_what_is_absent_or_the_lakes_own_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "bucket"
    (own / "datasets").mkdir(parents=True)
    (tmp_path / "link").symlink_to(own)
    for path in (own, own / "datasets", tmp_path, tmp_path / "link"):
        with pytest.raises(RefusedError, match="the lake's own"):
            listed(path, "**/*", own)
    with pytest.raises(RefusedError) as raised:
        listed(tmp_path / "none")
    assert raised.value.refused.code == "source_unavailable"
