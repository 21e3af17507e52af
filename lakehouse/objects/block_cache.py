"""The block cache: a directory with one file for each verified block, bounded, shareable.

Owns the files below its directory. Nothing in it is trusted: a file is compared with the block's
digest when this process first meets it, and again whenever its identity has changed. So files may be
truncated, altered or deleted at any time, and several processes may fill one directory. Files are
never written twice: each is made under a temporary name and renamed. Must never raise for a disk that
is full or absent: then blocks are not cached.

Methods block; they may be called from several threads.
"""

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from journal.block_hashes import BLOCK_BYTES
from lakehouse.objects.extents import Extent, Identity
from lakehouse.objects.file_identity import file_identity

TEMPORARY = "tmp-"
KEPT_SHARE = 0.9
"""An eviction stops at this part of the bound."""
REMEMBERED = 262_144
"""The identity of so many blocks is remembered; other blocks are hashed again."""


class BlockCache:
    """The cached blocks below one directory. Evicts the least recently used object first."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.failed_writes = 0
        """Blocks that could not be written: the disk is full, or the directory is absent."""
        self.discarded = 0
        """Files whose bytes were not the block's."""
        self.directory = directory
        self._max_bytes = max_bytes
        self._verified: OrderedDict[str, Identity] = OrderedDict()
        self._lock = threading.Lock()
        self._size_bytes: int | None = None
        """None until the directory has been measured."""

    def find(self, blob: str, index: int, digest: bytes) -> Extent | None:
        """The verified extent of a block; None when it is not cached, or its bytes are wrong."""
        path = self._path(blob, index)
        try:
            with _opened(path) as file:
                found = file_identity(file.fileno())
                if not self._is_verified(path, found):
                    body = file.read(BLOCK_BYTES + 1) or b""
                    changed = file_identity(file.fileno()) != found
                    if changed or hashlib.sha256(body).digest() != digest:
                        self._discard(path)
                        return None
                    self._remember(path, found)
        except OSError:  # absent, or on a disk that fails: the store has the block
            return None
        return _extent(path, index, found)

    def store(self, blob: str, index: int, body: bytes) -> Extent | None:
        """Cache a verified block; None when it cannot be cached."""
        path = self._path(blob, index)
        try:
            found = self._write(path, body)
        except OSError:
            self.failed_writes += 1
            return None
        self._remember(path, found)
        self._grow(len(body))
        return _extent(path, index, found)

    def put(self, blob: str, index: int, body: bytes) -> None:
        """Cache a block that is not verified: `find` will compare it."""
        try:
            self._write(self._path(blob, index), body)
        except OSError:
            self.failed_writes += 1
            return
        self._grow(len(body))

    def read(self, extent: Extent) -> bytes | None:
        """The bytes of an extent that this cache gave; None when its file has changed since."""
        try:
            with _opened(extent.path) as file:
                body = file.read(BLOCK_BYTES)
                return body if file_identity(file.fileno()) == extent.identity else None
        except OSError:
            return None

    def touch(self, blobs: Iterable[str]) -> None:
        """Mark these blobs as just used: they are evicted last."""
        for blob in blobs:
            with contextlib.suppress(OSError):
                # The directory's time: a file's own would change its identity.
                os.utime(self._place(blob))

    def drop(self, blobs: Iterable[str]) -> None:
        """Remove all blocks of these blobs, of which the cache may hold few."""
        held = {path.name for path in _entries(self.directory)}
        for blob in blobs if held else ():
            if self._place(blob).name in held:
                shutil.rmtree(self._place(blob), ignore_errors=True)
        self._size_bytes = None

    def sweep(self) -> None:
        """Remove temporary files of processes that have ended."""
        for left in self.directory.glob(f"{TEMPORARY}*"):
            owner = left.name.removeprefix(TEMPORARY).partition("-")[0]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                left.unlink(missing_ok=True)

    def _write(self, path: Path, body: bytes) -> Identity:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = f"{TEMPORARY}{os.getpid()}-"
        descriptor, name = tempfile.mkstemp(prefix=prefix, dir=self.directory)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                view = memoryview(body)
                while view:
                    view = view[file.write(view) :]
                os.replace(name, path)  # noqa: PTH105 - both are below one directory
                return file_identity(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108
            raise

    def _discard(self, path: Path) -> None:
        self.discarded += 1
        with contextlib.suppress(OSError):
            path.unlink()

    def _is_verified(self, path: Path, found: Identity) -> bool:
        with self._lock:
            return self._verified.get(path.as_posix()) == found

    def _remember(self, path: Path, found: Identity) -> None:
        with self._lock:
            self._verified[path.as_posix()] = found
            self._verified.move_to_end(path.as_posix())
            while len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)

    def _grow(self, size_bytes: int) -> None:
        with self._lock:
            if self._size_bytes is not None:
                self._size_bytes += size_bytes
            if self._size_bytes is None or self._size_bytes > self._max_bytes:
                self._size_bytes = self._evicted()

    def _evicted(self) -> int:
        """Remove the least recently used objects until there is room; return the size that is left."""
        places = sorted(_places(self.directory), key=lambda place: place.used_ns)
        size_bytes = sum(place.size_bytes for place in places)
        room = self._max_bytes if size_bytes <= self._max_bytes else self._max_bytes * KEPT_SHARE
        for place in places:
            if size_bytes <= room:
                break
            shutil.rmtree(place.path, ignore_errors=True)
            size_bytes -= place.size_bytes
        return size_bytes

    def _path(self, blob: str, index: int) -> Path:
        return self._place(blob) / str(index)

    def _place(self, blob: str) -> Path:
        return self.directory / hashlib.sha256(blob.encode()).hexdigest()[:32]


class _Place(msgspec.Struct, frozen=True):
    """One object's directory: when it was last used, and how much it holds."""

    path: Path
    used_ns: int
    size_bytes: int


def _places(directory: Path) -> list[_Place]:
    found: list[_Place] = []
    for path in _entries(directory):
        # A file that another process evicts meanwhile counts as empty.
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir():
                size_bytes = sum(file.stat().st_size for file in _entries(path))
                found.append(_Place(path, path.stat().st_mtime_ns, size_bytes))
    return found


def _opened(path: Path | str) -> io.FileIO:
    """The file, opened without waiting: what lies in its place may be a pipe. Raises OSError."""
    return open(path, "rb", buffering=0, opener=_open)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _extent(path: Path, index: int, found: Identity) -> Extent:
    start = index * BLOCK_BYTES
    return Extent(start, start + found[2], str(path), start, found)
