"""The directories of a local bucket: opened without following a symlink, and made durable.

Blocking; runs in the bucket's pool. Below the root every component is opened by its parent's
descriptor with O_NOFOLLOW, so nothing swapped in meanwhile can lead outside the bucket.
"""

import contextlib
import errno
import fcntl
import itertools
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from journal.bucket.errors import (
    BucketBroken,
    BucketError,
    BucketFull,
    BucketRefused,
    BucketUnavailable,
    ObjectMissing,
)
from journal.bucket.keys import key_fault
from journal.process_directory import (
    make_process_directory,
    remove_abandoned,
    remove_process_directory,
)

TEMPORARY = ".tmp"
STALE_S = 86_400
SETTLED_NS = 1_000_000_000
"""A directory's mtime this old can no longer hide a later change within one tick of the clock."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

FULL = (errno.ENOSPC, errno.EDQUOT)
_PASSING = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ETIMEDOUT, errno.ESTALE)


class Tree:
    """An open bucket directory. Threads may share it; `close` only when none uses it any more."""

    def __init__(self, root: Path) -> None:
        self.root = _made(root)
        self._durable: set[str] = set()
        self._count, self._making = itertools.count(), threading.Lock()
        self._own: int | None = None
        self._synced_at: dict[str, int] = {}
        with contextlib.ExitStack() as stack:
            self._descriptors = stack
            self._root = os.open(self.root, _DIRECTORY)
            stack.callback(os.close, self._root)
            with self.directory(TEMPORARY, make=True) as descriptor:
                self._shared = os.dup(descriptor)
            stack.callback(os.close, self._shared)
            # A lock while the bucket is open, visible to other processes; the kernel releases it.
            with contextlib.suppress(OSError):
                fcntl.flock(self._shared, fcntl.LOCK_SH)
            remove_abandoned(self._shared)
            self._sweep()
            self._descriptors = stack.pop_all()

    def close(self) -> None:
        self._descriptors.close()

    @contextlib.contextmanager
    def directory(self, path: str, make: bool = False) -> Iterator[int]:
        """The descriptor of the directory `path` ('' is the root).

        `make` makes what is absent, durably.
        """
        descriptor, walked = os.dup(self._root), ""
        try:
            for name in path.split("/") if path else ():
                walked = f"{walked}/{name}"
                child = self._enter(descriptor, name, walked, make)
                os.close(descriptor)
                descriptor = child
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def opened(self, key: str, durable: bool = False) -> Iterator[int]:
        """The descriptor of the object `key`, a regular file; `durable` makes sure of its name."""
        check_key(key)
        path, _, name = key.rpartition("/")
        with self.directory(path) as parent:
            descriptor = os.open(name, _READ, dir_fd=parent)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ObjectMissing(f"{key}: no such object")
                if durable:
                    self._settle(path, parent)
                yield descriptor
            finally:
                os.close(descriptor)

    @property
    def temporaries(self) -> int:
        """The descriptor of this tree's own directory for temporary files, made when it is first needed.

        While the tree is open no other process removes it; what a killed process left, any other may.
        """
        with self._making:
            if self._own is None or not os.fstat(self._own).st_nlink:
                # Not yet made, or removed by hand.
                name, self._own = make_process_directory(self._shared)
                self._descriptors.callback(remove_process_directory, self._shared, name, self._own)
            return self._own

    @contextlib.contextmanager
    def temporary_name(self) -> Iterator[str]:
        """A new name in `temporaries`, unlinked at the end in every case."""
        name = f"{next(self._count):x}"
        try:
            yield name
        finally:
            # Must not raise: that would hide the outcome of a link. The directory's removal removes the file.
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self.temporaries)

    def new_file(self, name: str) -> int:
        """The descriptor of the file `name`, created in `temporaries`."""
        return os.open(name, _NEW, 0o600, dir_fd=self.temporaries)

    def is_shared(self) -> bool:
        """Whether other processes have this bucket open. True where that is unknown (no locks)."""
        try:
            fcntl.flock(self._shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            # Converting a lock releases it first, even when the conversion fails.
            with contextlib.suppress(OSError):
                fcntl.flock(self._shared, fcntl.LOCK_SH)
        return False

    def clock_s(self) -> float:
        """The filesystem's time: what it stamps on a file made now."""
        with self.temporary_name() as name:
            descriptor = self.new_file(name)
            try:
                return os.fstat(descriptor).st_mtime
            finally:
                os.close(descriptor)

    def _enter(self, parent: int, name: str, walked: str, make: bool) -> int:
        try:
            child = _open_directory(parent, name)
        except FileNotFoundError:
            if not make:
                raise
            self._durable.discard(walked)
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent)
            child = _open_directory(parent, name)
        if make and walked not in self._durable:
            # Also when it already existed: the process that created it may not have synced it yet.
            sync_directory(parent)
            self._durable.add(walked)
        return child

    def _settle(self, path: str, parent: int) -> None:
        """Sync what a reader is about to use: its writer may not have synced it yet."""
        changed_at = os.fstat(parent).st_mtime_ns
        if self._synced_at.get(path) == changed_at:
            return
        sync_directory(parent)
        if time.time_ns() - changed_at > SETTLED_NS:
            self._synced_at[path] = changed_at

    def _sweep(self) -> None:
        """Remove old files of version 0.1, which had no directory for each process."""
        for name in os.listdir(self._shared):  # noqa: PTH208 - a descriptor, not a path
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                found = os.stat(name, dir_fd=self._shared, follow_symlinks=False)
                if not stat.S_ISDIR(found.st_mode) and found.st_mtime < self.clock_s() - STALE_S:
                    os.unlink(name, dir_fd=self._shared)


@contextlib.contextmanager
def translated(subject: str) -> Iterator[None]:
    """OSError becomes a BucketError about `subject`, without the server's path."""
    try:
        yield
    except OSError as error:
        raise _bucket_error(subject, error) from error


def check_key(key: str) -> None:
    """Raise BucketRefused for a key that cannot name an object here."""
    if fault := path_fault(key):
        raise BucketRefused(fault)


def path_fault(key: str) -> str | None:
    """Why `key` names neither an object here nor a directory of objects, or None."""
    if key == TEMPORARY or key.startswith(TEMPORARY + "/"):
        return f"{key}: {TEMPORARY}/ holds no objects"
    return key_fault(key)


def sync_directory(descriptor: int) -> None:
    """Make the names in a directory durable. After a failed fsync nothing can be promised."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise BucketBroken(f"the directory could not be synced: {error.strerror}") from error


def _bucket_error(subject: str, error: OSError) -> BucketError:
    text = f"{subject}: {error.strerror or type(error).__name__}"
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return ObjectMissing(text)
    if error.errno == errno.ELOOP:
        return BucketRefused(f"{subject}: a symlink is in the way")
    if error.errno in FULL:
        return BucketFull(text)
    return BucketUnavailable(text) if error.errno in _PASSING else BucketRefused(text)


def _open_directory(parent: int, name: str) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except NotADirectoryError:
        # Linux reports ENOTDIR, not ELOOP, for a symlink opened as a directory.
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def _made(root: Path) -> Path:
    """`root` resolved; it and its parents are created when absent, each durable in its parent."""
    root = root.resolve()
    if not root.is_dir():
        parent = _made(root.parent)
        root.mkdir(0o700, exist_ok=True)
        descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_directory(descriptor)
        finally:
            os.close(descriptor)
    return root
