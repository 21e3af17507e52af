"""Verified blocks of a local bucket's objects, read from the bucket's own files.

A block is hashed when this process first reads it, and again whenever the file's identity has
changed: every write changes a file's identity. Methods block.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Container
from pathlib import Path

import msgspec

from journal.block_hashes import BLOCK_BYTES
from journal.bucket.port import LocalFile
from lakehouse.objects.damage import ObjectDamaged, block_fault, size_fault
from lakehouse.objects.extents import Extent, Identity
from lakehouse.objects.file_identity import file_identity
from projections.inventory import Stored

REMEMBERED = 100_000
"""For so many objects the verified blocks are remembered; others are hashed again."""
SWEPT = 4_096
"""With so many, those of objects that no dataset holds any more are dropped, and again whenever their
number has doubled: under appends and compaction there are always more."""
ATTEMPTS = 3
"""How often a read is repeated when the file changes meanwhile."""


class _Verified(msgspec.Struct):
    """The verified blocks of one file, as bits."""

    identity: Identity
    blocks: int = 0


class LocalBlocks:
    """The verified blocks of all files."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Verified] = OrderedDict()
        self._lock = threading.Lock()
        self._sweep_at = SWEPT

    def verify(
        self,
        version: Stored,
        digests: tuple[bytes, ...],
        blocks: range,
        file: LocalFile,
    ) -> Extent:
        """The extent of these blocks of the object in `file`.

        Raises ObjectDamaged, BucketError.
        """
        for _ in range(ATTEMPTS):
            descriptor = file.open()
            try:
                known = self._of(version, file_identity(descriptor))
                for index in blocks:
                    if not known.blocks >> index & 1:
                        _compare(version, digests, index, descriptor)
                        known.blocks |= 1 << index
                if file_identity(descriptor) == known.identity:
                    return _extent(version, blocks, file.path, known.identity)
            finally:
                os.close(descriptor)
        raise ObjectDamaged(version.key, version.blob, "it changes while it is being read")

    def drop(self, blobs: frozenset[str]) -> None:
        """Forget these blobs."""
        with self._lock:
            for blob in blobs:
                self._known.pop(blob, None)

    def blobs(self) -> tuple[str, ...]:
        """The blobs that are remembered, the longest unused first."""
        return tuple(self._known)

    def sweep(self, held: Container[str]) -> None:
        """Forget blobs that are not `held`, if there are many."""
        if len(self._known) < self._sweep_at:
            return
        with self._lock:
            for blob in [blob for blob in self._known if blob not in held]:
                del self._known[blob]
            self._sweep_at = max(SWEPT, 2 * len(self._known))

    def _of(self, version: Stored, identity: Identity) -> _Verified:
        with self._lock:
            known = self._known.get(version.blob)
            if known is None or known.identity != identity:
                if fault := size_fault(version.size_bytes, identity[2]):
                    raise ObjectDamaged(version.key, version.blob, fault)
                known = self._known[version.blob] = _Verified(identity)
            self._known.move_to_end(version.blob)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return known


def _compare(version: Stored, digests: tuple[bytes, ...], index: int, descriptor: int) -> None:
    body = os.pread(descriptor, BLOCK_BYTES, index * BLOCK_BYTES)
    if hashlib.sha256(body).digest() != digests[index]:
        raise ObjectDamaged(version.key, version.blob, block_fault(version.size_bytes, index))


def _extent(version: Stored, blocks: range, path: Path, identity: Identity) -> Extent:
    stop = min(blocks.stop * BLOCK_BYTES, version.size_bytes)
    return Extent(blocks.start * BLOCK_BYTES, stop, str(path), 0, identity)
