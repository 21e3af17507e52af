"""A worker's read of a verified block: whatever lies in its file's place, the block is requested again."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.objects.extents import Extent
from lakehouse.objects.file_identity import file_identity
from lakehouse.query.worker.objects.blocks import _part

BODY = bytes(range(100))
LONG_S = 60.0
"""Far more than a read takes: one that has not ended hangs."""


def verified(path: Path) -> Extent:
    path.write_bytes(BODY)
    with path.open("rb") as file:
        return Extent(0, len(BODY), str(path), 0, file_identity(file.fileno()))


def other_file(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(BODY)
    other.rename(path)


def link(path: Path) -> None:
    same = path.with_name("same")
    path.rename(same)
    path.symlink_to(same)


def replaced_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


@pytest.mark.parametrize(
    "change",
    [
        Path.unlink,
        lambda path: os.truncate(path, 50),
        other_file,
        link,
        replaced_by(Path.mkdir),
        replaced_by(os.mkfifo),
        lambda path: shutil.rmtree(path.parent),
    ],
    ids=["absent", "truncated", "other file", "link", "directory", "pipe", "no directory"],
)
def test_what_is_no_more_the_verified_file_is_not_read(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    path = tmp_path / "cache" / "0"
    path.parent.mkdir()
    extent = verified(path)
    assert _part(extent, 10, 20) == BODY[10:20]
    change(path)
    found: list[object] = []
    reading = threading.Thread(target=lambda: found.append(_part(extent, 10, 20)), daemon=True)
    reading.start()
    reading.join(LONG_S)
    assert found == [None]
