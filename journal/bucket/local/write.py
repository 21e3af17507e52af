"""Stores an object in a local bucket: write a temporary file, sync, link, sync the directory.

Blocking; runs in the bucket's pool. link(2) never replaces a name: that makes create-if-absent
atomic among threads and processes. Deletes blobs too. Must never rename or overwrite.
"""

import errno
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from journal.bucket.errors import (
    BucketBroken,
    BucketError,
    BucketRefused,
    BucketUnavailable,
    ObjectExists,
    ObjectMissing,
)
from journal.bucket.local.tree import FULL, Tree, check_key, sync_directory, translated
from journal.bucket.port import Answer, Created

PIECE_BYTES = 1 << 20

_NOT_LINKED = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EMLINK,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EINVAL,
}
"""Errors of link(2) that prove that no link was made. After any other there may be one (NFS)."""

_LINK_IMPOSSIBLE = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP}


def create(tree: Tree, key: str, body: bytes) -> Created:
    """Store `body` if `key` is absent. Raises only BucketBroken: durability is not guaranteed."""
    try:
        check_key(key)
        return _write_and_link(tree, key, body)
    except BucketBroken:
        raise
    except BucketError as error:
        # Raised before the link, which reports its own errors: certainly not stored.
        return Created(Answer.REFUSED, str(error))


def upload(tree: Tree, key: str, source: Path | bytes, stopped: threading.Event) -> None:
    """Store a file, by a link of its own where the filesystem allows, else a copy; or bytes."""
    check_key(key)
    try:
        _store(tree, key, source, stopped)
    except ObjectMissing as error:
        # No object is read here: the bucket's directory or the source does not exist.
        raise BucketRefused(str(error)) from error


def _store(tree: Tree, key: str, source: Path | bytes, stopped: threading.Event) -> None:
    if isinstance(source, bytes):
        _expect_stored(tree, key, _write_and_link(tree, key, source), len(source))
        return
    with source.open("rb") as file, translated(key), tree.temporary_name() as name:
        if not _linked(tree, name, source, file):
            _copy(tree, name, file, stopped)
        if stopped.is_set():
            return
        created = _link(tree, name, key)
        size_bytes = os.fstat(file.fileno()).st_size
    _expect_stored(tree, key, created, size_bytes)


def _expect_stored(tree: Tree, key: str, created: Created, size_bytes: int) -> None:
    if created.answer is Answer.EXISTS:
        _expect_size(tree, key, size_bytes)
    elif created.answer is Answer.UNKNOWN:
        raise BucketUnavailable(created.detail)
    elif created.answer is Answer.REFUSED:
        raise BucketRefused(created.detail)


def delete(tree: Tree, keys: Sequence[str]) -> list[str]:
    """Unlink objects; return those that are absent now. Directories stay: a link may be about to use one."""
    return [key for key in keys if _is_unlinked(tree, key)]


def _is_unlinked(tree: Tree, key: str) -> bool:
    path, _, name = key.rpartition("/")
    try:
        with translated(key), tree.directory(path) as parent:
            os.unlink(name, dir_fd=parent)
    except ObjectMissing:
        return True
    except BucketUnavailable:
        return False
    return True


def _write_and_link(tree: Tree, key: str, body: bytes) -> Created:
    with translated(key), tree.temporary_name() as name:
        descriptor = tree.new_file(name)
        try:
            _write_all(descriptor, body)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return _link(tree, name, key)


def _linked(tree: Tree, name: str, source: Path, file: BinaryIO) -> bool:
    """Whether `name` is now a second, synced name of `file`."""
    try:
        os.link(source.resolve(), name, dst_dir_fd=tree.temporaries, follow_symlinks=False)
    except OSError as error:
        if error.errno in _LINK_IMPOSSIBLE:
            return False
        raise
    found = os.stat(name, dir_fd=tree.temporaries, follow_symlinks=False)
    if not os.path.samestat(found, os.fstat(file.fileno())) or not stat.S_ISREG(found.st_mode):
        raise BucketRefused(f"{source.name}: the source changed while it was being stored")
    os.fchmod(file.fileno(), 0o600)
    # The grace time of gc counts from when the object was stored, not from its last write.
    os.utime(file.fileno())
    os.fsync(file.fileno())
    return True


def _copy(tree: Tree, name: str, file: BinaryIO, stopped: threading.Event) -> None:
    with os.fdopen(tree.new_file(name), "wb", buffering=0) as target:
        while not stopped.is_set() and (piece := file.read(PIECE_BYTES)):
            _write_all(target.fileno(), piece)
        os.fsync(target.fileno())


def _write_all(descriptor: int, body: bytes) -> None:
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _link(tree: Tree, name: str, key: str) -> Created:
    path, _, base = key.rpartition("/")
    with tree.directory(path, make=True) as parent:
        try:
            os.link(
                name, base, src_dir_fd=tree.temporaries, dst_dir_fd=parent, follow_symlinks=False
            )
        except FileExistsError:
            return _taken(parent, base, key)
        except OSError as error:
            if error.errno in FULL:
                raise
            answer = Answer.REFUSED if error.errno in _NOT_LINKED else Answer.UNKNOWN
            return Created(answer, f"{key}: {error.strerror}")
        sync_directory(parent)
        return Created(Answer.CREATED)


def _taken(parent: int, base: str, key: str) -> Created:
    if not stat.S_ISREG(os.stat(base, dir_fd=parent, follow_symlinks=False).st_mode):
        return Created(Answer.REFUSED, f"{key}: a directory or a symlink has this name")
    # The winner may not have synced its link yet, and our answer depends on it.
    sync_directory(parent)
    return Created(Answer.EXISTS)


def _expect_size(tree: Tree, key: str, size_bytes: int) -> None:
    """Keys are fresh and hold the hash, so the same size means our own earlier attempt."""
    with translated(key), tree.opened(key) as descriptor:
        if os.fstat(descriptor).st_size != size_bytes:
            raise ObjectExists(f"{key}: another object has this key")
