"""Copying and moving objects between stores: batches of copies, each an event.

Owns the order of the steps. A copy is read from its place again and compared with the journal's SHA-256
before an event names it; a move releases the old copy only then. Whatever dies, a second call copies only
what is missing; what was copied without an event is deleted by gc. Must never delete anything itself.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from journal.bucket.errors import (
    BucketError,
    BucketRefused,
    BucketUnavailable,
    ObjectMissing,
)
from journal.bucket.keys import object_blob
from journal.bucket.port import Bucket
from journal.clock import uuid7
from journal.store_events import MAIN, CopyKey
from journal.threads import in_thread
from lakehouse.api.stores import CopyReport, CopyRequest
from lakehouse.api.versioned import Versioned
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import check_pattern
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.domain.stores.commands import RecordCopies, ReleaseCopies
from lakehouse.domain.stores.rules import no_store
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.process.spool import full_disk_refused
from lakehouse.service.access.permissions import require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, mint, settle
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.stores.selection import selected
from projections import stores
from projections.inventory import Stored

T = TypeVar("T")
PARALLEL = 4
"""Objects that are copied at once."""
BATCH_OBJECTS = 1_000
BATCH_BYTES = 1 << 30
"""An event is made after so many bytes: that much is copied again after a crash."""


class _Done(msgspec.Struct):
    """What a run has done so far."""

    run: str
    objects: int
    seq: int
    copied: int = 0
    copied_bytes: int = 0
    released: int = 0
    absent: int = 0


class Copying:
    """The copies and moves of one node; one run at a time."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        opened: OpenStores,
        pool: Executor,
        spool_dir: Path,
    ) -> None:
        self._node = node
        self._objects = objects
        self._opened = opened
        self._pool = pool
        self._spool_dir = spool_dir
        self._gate = Limiter(1, "copy between stores", retry_after_s=60)

    async def copy(
        self,
        caller: Caller,
        request: CopyRequest,
        payload: bytes = b"",
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[CopyReport]:
        """Copy the objects that `to` does not have yet.

        `reached` is called with how many objects are done. Raises RefusedError: `forbidden`, `busy`,
        `invalid_request`, `store_not_found`, `store_unavailable`, `object_damaged`, what settle raises.
        """
        return await self._run(caller, request, reached, moves=False)

    async def move(
        self,
        caller: Caller,
        request: CopyRequest,
        payload: bytes = b"",
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[CopyReport]:
        """As `copy`; then the copies of `from` are released, and deleted by gc."""
        return await self._run(caller, request, reached, moves=True)

    async def _run(
        self, caller: Caller, request: CopyRequest, reached: ProgressCallback, *, moves: bool
    ) -> Versioned[CopyReport]:
        require_admin(self._node, caller)
        self._check(request)
        caller = msgspec.structs.replace(caller, idempotency_key=None)
        with self._gate.slot():
            state = self._node.state
            found = selected(state, request.on)
            run = uuid7(self._node.clock.now(), self._node.chance)
            done = _Done(run, len(found), state.head.seq)
            target = await self._at(request.to)
            for number, batch in _batches(found):
                copied = await self._copy(caller, request, batch, target, done)
                if moves:
                    left = [each for each in batch if self._is_in(request.from_, each.blob)]
                    sound = await self._sound(request.to, left, copied, target)
                    done.absent += len(left) - len(sound)
                    await self._release(caller, request, sound, done)
                reached(number)
        report = CopyReport(
            *(done.run, request.from_, request.to, done.objects, done.copied, done.copied_bytes),
            *(done.released, done.absent, done.seq),
        )
        return Versioned(report, done.seq)

    def _check(self, request: CopyRequest) -> None:
        check_pattern(request.on)
        for store in (request.from_, request.to):
            if store != MAIN and store not in self._node.state.stores.stores:
                raise RefusedError(no_store(store))
        if request.from_ == request.to:
            raise RefusedError(Refused("invalid_request", "`from` and `to` are the same store"))

    async def _at(self, store: str) -> Bucket:
        try:
            return await self._opened.at(store)
        except (BucketUnavailable, BucketRefused) as error:
            raise RefusedError(Refused("store_unavailable", f"{store}: {error}")) from error

    async def _copy(
        self,
        caller: Caller,
        request: CopyRequest,
        batch: list[Stored],
        target: Bucket,
        done: _Done,
    ) -> frozenset[str]:
        """Copy what the target lacks, and record it: one event. The blobs that it got."""
        wanted = [each for each in batch if not self._is_in(request.to, each.blob)]
        missing = [each for each in wanted if self._is_in(request.from_, each.blob)]
        done.absent += len(wanted) - len(missing)
        gate = asyncio.Semaphore(PARALLEL)

        async def one(version: Stored) -> CopyKey | None:
            async with gate:
                try:
                    return await self._copied(version, request.to, target)
                except RefusedError as error:
                    if error.refused.code not in ("objects_collected", "object_lost"):
                        raise
                    done.absent += error.refused.code == "object_lost"
                    return None

        copies = tuple(copy for copy in await _all([one(each) for each in missing]) if copy)
        if copies:
            await self._settle(caller, RecordCopies(request.to, done.run, copies), done)
        recorded = [each for each in missing if self._is_in(request.to, each.blob)]
        done.copied += len(recorded)
        done.copied_bytes += sum(each.size_bytes for each in recorded)
        return frozenset(each.blob for each in recorded)

    async def _sound(
        self, store: str, batch: list[Stored], copied: frozenset[str], target: Bucket
    ) -> list[Stored]:
        """Those whose copy in the store has the right bytes now; what was just copied was compared."""
        gate = asyncio.Semaphore(PARALLEL)

        async def is_sound(version: Stored) -> bool:
            found = stores.readable(self._node.state.stores, version.blob)
            key = next((copy.key for copy in found if copy.store == store), None)
            if key is None or version.blob in copied:
                return key is not None
            async with gate:
                try:
                    await self._compare(version, store, target.stream(key))
                except ObjectMissing:
                    return False
                except BucketError as error:
                    detail = f"{store}: {error}"
                    raise RefusedError(Refused("store_unavailable", detail)) from error
                return True

        found = await _all([is_sound(each) for each in batch])
        return [version for version, sound in zip(batch, found, strict=True) if sound]

    async def _release(
        self, caller: Caller, request: CopyRequest, batch: list[Stored], done: _Done
    ) -> None:
        """Release the copies in `from` of what is in `to`: one event."""
        now = self._node.state.stores
        keys = tuple(
            copy.key
            for each in batch
            if self._is_in(request.to, each.blob)
            for copy in stores.readable(now, each.blob)
            if copy.store == request.from_
        )
        if not keys:
            return
        command = ReleaseCopies(request.from_, done.run, keys)
        await self._settle(caller, command, done)
        done.released += len(keys)

    async def _settle(
        self, caller: Caller, command: RecordCopies | ReleaseCopies, done: _Done
    ) -> None:
        # Accepted now: a run may take longer than a change is valid.
        now = msgspec.structs.replace(caller, accepted_s=self._node.clock.monotonic())
        settled = await settle(self._node, command, now, NOTHING_SHA256)
        if settled.fresh:
            done.seq = settled.seq

    def _is_in(self, store: str, blob: str) -> bool:
        """Whether a copy of a blob that is still needed can be read from a store."""
        now = self._node.state
        if blob not in now.inventory.blobs:
            return False
        return any(copy.store == store for copy in stores.readable(now.stores, blob))

    async def _copied(self, version: Stored, store: str, target: Bucket) -> CopyKey:
        """A new copy of a version, compared in its place. Raises RefusedError."""
        key = object_blob(version.sha256, mint(self._node))
        try:
            with full_disk_refused():
                made = partial(tempfile.mkstemp, prefix="copy-", dir=self._spool_dir)
                descriptor, name = await in_thread(self._pool, made)
            path = Path(name)
            try:
                await self._download(version, descriptor)
                await target.upload(key, path)
            finally:
                await in_thread(self._pool, partial(path.unlink, missing_ok=True))
            await self._compare(version, store, target.stream(key))
        except BucketError as error:
            raise RefusedError(Refused("store_unavailable", f"{store}: {error}")) from error
        return CopyKey(version.blob, key)

    async def _download(self, version: Stored, descriptor: int) -> None:
        """Write the verified bytes of the nearest copy to a file. Raises RefusedError."""
        with full_disk_refused(), os.fdopen(descriptor, "wb") as file:
            async for piece in await self._objects.pieces(version):
                await in_thread(self._pool, partial(file.write, piece))

    async def _compare(self, version: Stored, store: str, pieces: AsyncIterator[bytes]) -> None:
        """Raises RefusedError `object_damaged` for bytes that are not the version's."""
        digest = hashlib.sha256()
        async for piece in pieces:
            await in_thread(self._pool, partial(digest.update, piece))
        if digest.hexdigest() != version.sha256:
            detail = f"object {version.key}: the store {store} returns other bytes than were stored"
            raise RefusedError(Refused("object_damaged", detail))


async def _all(work: list[Coroutine[None, None, T]]) -> list[T]:
    """What each returns; if one fails, or the caller is cancelled, the others are ended first."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _batches(found: Iterable[Stored]) -> Iterator[tuple[int, list[Stored]]]:
    """The versions in parts that are an event each, with how many come up to the part's end."""
    batch: list[Stored] = []
    number = size_bytes = 0
    for version in found:
        number += 1
        batch.append(version)
        size_bytes += version.size_bytes
        if len(batch) == BATCH_OBJECTS or size_bytes >= BATCH_BYTES:
            yield number, batch
            batch, size_bytes = [], 0
    if batch:
        yield number, batch
