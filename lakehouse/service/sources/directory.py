"""A source's directory: listed in pieces, and its files read without following a link out of it.

Must never write below the directory, nor block the event loop: everything is done in threads.
"""

import os
import stat
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from pathlib import Path

from journal.threads import in_thread
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.sources.entries import Changed, Entry, Piece, Skipped
from lakehouse.service.sources.pattern import Pattern

PIECE = 500
CHUNK_BYTES = 1024 * 1024
SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev")))


class Directory:
    """The files below a directory whose keys match a pattern; `refused` are the lake's own directories."""

    is_whole = False

    def __init__(
        self, path: str, pattern: Pattern, refused: tuple[Path, ...], pool: Executor
    ) -> None:
        self._path = path
        self._pattern = pattern
        self._refused = refused
        self._pool = pool

    async def pieces(self) -> AsyncIterator[Piece]:
        """As `Place.pieces`."""
        root = await in_thread(self._pool, self.checked)
        found = _entries(root, self._pattern)
        while piece := await in_thread(self._pool, lambda: _piece(root, found)):
            yield piece

    def checked(self) -> str:
        """The directory's real path. Blocks. Raises RefusedError."""
        real = os.path.realpath(self._path)
        for own in self._refused:
            if _overlap(Path(real), own):
                detail = f"{self._path} is, contains or is inside a directory of the lake's own"
                raise RefusedError(Refused("invalid_request", f"{detail}: {own}"))
        if any(Path(real).is_relative_to(each) for each in SYSTEM):
            raise RefusedError(Refused("invalid_request", f"{self._path} is not a place for files"))
        if not Path(real).is_dir():
            raise unavailable(f"{self._path} is not a directory of this machine")
        return real

    async def chunks(self, entry: Entry) -> AsyncIterator[bytes]:
        """As `Place.chunks`: through one descriptor, whose file must be the same before and after."""
        descriptor = await in_thread(self._pool, partial(_opened, self._path, entry))
        try:
            while chunk := await in_thread(self._pool, partial(_chunk, descriptor, entry)):
                yield chunk
            await in_thread(self._pool, partial(_check_same, descriptor, entry))
        finally:
            os.close(descriptor)


def unavailable(detail: str) -> RefusedError:
    """The refusal for what cannot be listed or read now."""
    return RefusedError(Refused("source_unavailable", detail))


def identity_of(found: os.stat_result) -> str:
    """What identifies a version of a file. The time of change also moves when a tool sets the time of
    modification back."""
    return f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_size}"


def _overlap(path: Path, own: Path) -> bool:
    return path.is_relative_to(own) or own.is_relative_to(path)


def _piece(root: str, found: Iterator[Entry | Skipped]) -> Piece:
    try:
        return list(islice(found, PIECE))
    except OSError as error:
        raise unavailable(f"{root} cannot be listed: {error.strerror}") from error


def _entries(root: str, pattern: Pattern) -> Iterator[Entry | Skipped]:
    """All files of the directory and of those below it. Links to directories are not followed."""
    directories = [""]
    while directories:
        below = directories.pop()
        try:
            with os.scandir(f"{root}/{below}") as entries:
                for each in entries:
                    key = f"{below}/{each.name}" if below else each.name
                    if each.is_dir(follow_symlinks=False):
                        if pattern.may_match_below(key):
                            directories.append(key)
                    elif pattern.matches(key) and (found := _entry(root, key, each)):
                        yield found
        except FileNotFoundError:
            if not below:
                raise
        except OSError as error:
            if not below:
                raise
            yield Skipped(_shown(below), f"the directory cannot be listed: {error.strerror}")


def _entry(root: str, key: str, each: "os.DirEntry[str]") -> Entry | Skipped | None:
    """One name that matches; None for one that is gone."""
    if _shown(key) != key:
        return Skipped(_shown(key), "its name is not UTF-8, or has control characters")
    try:
        is_link = each.is_symlink()
        if is_link and not _is_inside(root, key):
            return Skipped(key, "a symbolic link that leads out of the source's directory")
        found = each.stat()
    except FileNotFoundError:
        return Skipped(key, "a symbolic link that leads nowhere") if each.is_symlink() else None
    except OSError as error:
        return Skipped(key, f"it cannot be examined: {error.strerror}")
    if not stat.S_ISREG(found.st_mode):
        what = "a symbolic link to a directory" if stat.S_ISDIR(found.st_mode) else "a special file"
        return Skipped(key, f"{what}, not a regular file")
    return Entry(key, identity_of(found), found.st_mtime_ns)


def _shown(name: str) -> str:
    text = name.encode(errors="surrogateescape").decode(errors="replace")
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _is_inside(root: str, key: str) -> bool:
    return Path(os.path.realpath(f"{root}/{key}")).is_relative_to(root)


def _opened(path: str, entry: Entry) -> int:
    """A descriptor of the listed version; no link on the way is followed after its target was judged."""
    root = os.path.realpath(path)
    real = os.path.realpath(f"{root}/{entry.key}")
    if not Path(real).is_relative_to(root):
        raise Changed(entry.key)
    *directories, name = os.path.relpath(real, root).split("/")
    try:
        holder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for each in directories:
                below = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=holder)
                os.close(holder)
                holder = below
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=holder)
        finally:
            os.close(holder)
    except FileNotFoundError as error:
        raise Changed(entry.key) from error
    except OSError as error:
        raise unavailable(f"{entry.key} cannot be read: {error.strerror}") from error
    try:
        _check_same(descriptor, entry)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _chunk(descriptor: int, entry: Entry) -> bytes:
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except OSError as error:
        raise unavailable(f"{entry.key} cannot be read: {error.strerror}") from error


def _check_same(descriptor: int, entry: Entry) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or identity_of(found) != entry.identity:
        raise Changed(entry.key)
