"""Export: a lake, journal and referenced objects, into another bucket; verified, and resumable.

Copies objects first, then slots: an interrupted copy never refers to an absent object. Existing
objects are compared and kept; nothing is ever overwritten.
"""

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from journal.bucket import keys
from journal.bucket.errors import ObjectMissing
from journal.bucket.port import Answer, Bucket
from journal.log import WINDOW, Journal
from lakehouse.admin.inspection import replayed
from lakehouse.domain.errors import Refused, RefusedError
from projections.fold import State
from projections.inventory import Stored

PARALLEL = 8


class Progress(msgspec.Struct, frozen=True):
    """The progress of a copy. `copied` counts the objects that were absent."""

    objects: int
    slots: int
    copied: int


async def export(
    source: Journal, target: Bucket, over: Callable[[State], Bucket] | None = None
) -> AsyncIterator[Progress]:
    """Copy everything up to the journal's present head; `over` gives the bucket that reads all stores.

    All objects come into the target itself, under their own keys, wherever they lay.

    Raises RefusedError `object_damaged` for an object that is not what the journal says, and
    `bucket_refused` for a target that holds something else; JournalCorrupt, BucketError.
    """
    state = await replayed(source)
    versions = [
        version
        for version in state.inventory.blobs.values()
        if version.blob not in state.inventory.marked
    ]
    objects = slots = copied = 0
    bucket = over(state) if over else source.bucket
    for start in range(0, len(versions), PARALLEL):
        batch = versions[start : start + PARALLEL]
        fresh = await asyncio.gather(*(_copy(bucket, target, each) for each in batch))
        objects, copied = objects + len(batch), copied + sum(fresh)
        yield Progress(objects, slots, copied)
    async for fresh_slots, done in _copy_slots(source, target, state):
        slots, copied = done, copied + fresh_slots
        yield Progress(objects, slots, copied)


async def _copy_slots(
    source: Journal, target: Bucket, state: State
) -> AsyncIterator[tuple[int, int]]:
    """(How many were absent, how many are done) after each window; `lake.json` is first."""
    await _put(source.bucket, target, keys.LAKE)
    with contextlib.suppress(ObjectMissing):  # a lake without safe views has none
        await _put(source.bucket, target, keys.MASK_KEY)
    last = state.head.position
    for first in range(1, last + 1, WINDOW):
        window = range(first, min(first + WINDOW, last + 1))
        named = [keys.slot_key(position) for position in window]
        fresh = await asyncio.gather(*(_put(source.bucket, target, key) for key in named))
        yield sum(fresh), window[-1]


async def _put(source: Bucket, target: Bucket, key: str) -> bool:
    """Copy a slot or `lake.json`. False when the same bytes already existed."""
    body = await source.read(key)
    created = await target.create(key, body)
    if created.answer is Answer.CREATED:
        return True
    try:
        there = await target.read(key)
    except ObjectMissing:
        raise _refused(f"{key}: the target did not take it: {created.detail}") from None
    if there != body:
        raise _refused(f"{key}: the target holds something else under this key")
    return False


async def _copy(source: Bucket, target: Bucket, version: Stored) -> bool:
    """Copy a blob through a temporary file and verify its hash. False when it already existed."""
    try:
        if (await target.stat(version.blob)).size_bytes == version.size_bytes:
            return False
        raise _refused(f"{version.blob}: the target holds something else under this key")
    except ObjectMissing:
        descriptor, name = tempfile.mkstemp(prefix="keep-", dir=target.spool_dir)
    path = Path(name)
    try:
        await _download(source, version, descriptor)
        await target.upload(version.blob, path)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    return True


async def _download(source: Bucket, version: Stored, descriptor: int) -> None:
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "wb") as file:
        async for piece in source.stream(version.blob):
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
    if digest.hexdigest() != version.sha256:
        raise RefusedError(Refused("object_damaged", f"{version.key}: its SHA-256 differs"))


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("bucket_refused", detail))
