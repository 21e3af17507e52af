"""Inspection of a lake: caches compared with slots, referenced objects with the bucket. Writes nothing."""

import hashlib
from collections.abc import AsyncIterator
from itertools import chain

import msgspec

from journal import checkpoints, packs
from journal.bucket.errors import BucketRefused, BucketUnavailable, ObjectMissing
from journal.bucket.keys import CHECKPOINTS, PACKS
from journal.bucket.port import Bucket
from journal.checkpoints import Checkpoint
from journal.log import Journal
from journal.slot import Slot, check_link
from journal.store_events import MAIN
from lakehouse.admin.what_if import WhatIf
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.objects.stores.open_stores import OpenStores
from projections import catalog, stores
from projections.codec import state_root
from projections.fold import STATE_VERSION, Folding, State, empty
from projections.inventory import Stored
from projections.moment import Moment
from projections.states.heap import growing
from projections.stores import Copy

PAGE = 1_000
ABSENT, SILENT = "it is absent", "does not answer"


class CacheDifference(msgspec.Struct, frozen=True):
    """A cache that differs from what the slots give."""

    key: str
    says: str
    facts: str


class ObjectFault(msgspec.Struct, frozen=True):
    """A referenced object that does not match the journal."""

    key: str
    blob: str
    reason: str
    datasets: tuple[str, ...] = ()
    """The live datasets that hold it."""

    @property
    def is_damage(self) -> bool:
        """Whether the object exists, with other bytes."""
        return not self.reason.endswith(ABSENT) and SILENT not in self.reason


async def replayed(
    journal: Journal,
    seq: int | None = None,
    at: str | None = None,
    reached: ProgressCallback = ignore_progress,
) -> State:
    """The state folded from slots alone, without caches: at the end, or as of a seq or a time."""
    folding = Folding(empty(journal.origin))
    with growing():
        async for slot in journal.slots(1):
            if _is_beyond(slot, seq, at):
                break
            check_link(folding.head, slot, journal.lake.lake)
            folding.add(slot, seq)
            reached(folding.head.position)
        return folding.finish()


async def without(
    journal: Journal, seqs: frozenset[int], seq: int | None = None, at: str | None = None
) -> WhatIf:
    """The actual state, and the state that would exist without these events."""
    sides = WhatIf(empty(journal.origin), seqs)
    async for slot in journal.slots(1):
        if _is_beyond(slot, seq, at):
            break
        for event in slot.events:
            if seq is None or event.seq <= seq:
                sides.add(event, Moment(slot.header.position, event.seq, slot.header.at))
    return sides


async def differences(
    journal: Journal, reached: ProgressCallback = ignore_progress
) -> AsyncIterator[CacheDifference]:
    """Each checkpoint of this version, and each pack, that differs from the slots."""
    kept = await checkpoints_by_position(journal.bucket)
    folding = Folding(empty(journal.origin))
    async for slot in journal.slots(1):
        check_link(folding.head, slot, journal.lake.lake)
        folding.add(slot)
        reached(folding.head.position)
        if found := kept.pop(folding.head.position, None):
            state = folding.finish()
            facts = state_root(state)
            for checkpoint in found:
                says = await _root_in(journal.bucket, checkpoint)
                if facts != says or checkpoint.seq != state.head.seq:
                    yield CacheDifference(checkpoint.key, says, facts)
            folding = Folding(state)
    for checkpoint in chain(*kept.values()):
        yield CacheDifference(checkpoint.key, "a state", "the journal has no such slot")
    async for key in _damaged_packs(journal.bucket):
        yield CacheDifference(key, "other bytes", "the slots' own")


async def damaged_caches(journal: Journal) -> AsyncIterator[str]:
    """The key of each checkpoint of this version, and each pack, whose bytes are not what its name says.

    A checkpoint that was made of other events is not found: `differences` compares it with the slots.
    """
    for kept in (await checkpoints_by_position(journal.bucket)).values():
        for checkpoint in kept:
            if await checkpoints.load(journal.bucket, checkpoint) is None:
                yield checkpoint.key
    async for key in _damaged_packs(journal.bucket):
        yield key


async def checkpoints_by_position(bucket: Bucket) -> dict[int, list[Checkpoint]]:
    """The checkpoints of this version. Of several at one position at most one is right."""
    found: dict[int, list[Checkpoint]] = {}
    for key in await _keys(bucket, f"{CHECKPOINTS}{STATE_VERSION}/"):
        checkpoint = checkpoints.parse(key)
        if checkpoint is not None:
            found.setdefault(checkpoint.position, []).append(checkpoint)
    return found


async def object_faults(
    bucket: Bucket,
    state: State,
    reached: ProgressCallback = ignore_progress,
    opened: OpenStores | None = None,
) -> AsyncIterator[ObjectFault]:
    """Each copy of a version that may still be read and is absent, or has another size or SHA-256.

    `opened` gives the buckets of stores; one that does not answer is a fault too.
    """
    for number, version in enumerate(state.inventory.blobs.values(), 1):
        reached(number)
        if version.blob in state.inventory.marked:
            # Marked is final: the object may be deleted at any time, and nothing may refer to it again.
            continue
        for copy in stores.readable(state.stores, version.blob):
            if copy.store == MAIN:
                reason = await _fault(bucket, version, copy.key)
            else:
                reason = await _fault_in(opened, version, copy)
            if reason is not None:
                yield ObjectFault(version.key, version.blob, reason, _holders(state, version.blob))


def _holders(state: State, blob: str) -> tuple[str, ...]:
    return tuple(
        dataset.name
        for dataset in catalog.in_name_order(state.catalog)
        if any(item.blob == blob for item in dataset.objects + dataset.quarantine)
    )


def _is_beyond(slot: Slot, seq: int | None, at: str | None) -> bool:
    return (seq is not None and slot.header.first_seq > seq) or (
        at is not None and slot.header.at > at
    )


async def _keys(bucket: Bucket, prefix: str) -> list[str]:
    """The keys of all caches; there is at most one for a thousand slots."""
    found: list[str] = []
    page = await bucket.list_objects(prefix, "", PAGE)
    while page:
        found += [stat.key for stat in page]
        page = await bucket.list_objects(prefix, page[-1].key, PAGE)
    return found


async def _damaged_packs(bucket: Bucket) -> AsyncIterator[str]:
    for key in await _keys(bucket, PACKS):
        first = packs.parse(key)
        if first is not None and await packs.read_pack(bucket, first) is None:
            yield key


async def _root_in(bucket: Bucket, checkpoint: Checkpoint) -> str:
    body = await checkpoints.load(bucket, checkpoint)
    return hashlib.sha256(body).hexdigest() if body is not None else "damaged bytes"


async def _fault_in(opened: OpenStores | None, version: Stored, copy: Copy) -> str | None:
    if opened is None:
        return f"in the store {copy.store}, which was not opened"
    try:
        reason = await _fault(await opened.at(copy.store), version, copy.key)
    except (BucketUnavailable, BucketRefused) as error:
        return f"the store {copy.store} {SILENT}: {error}"
    return f"in the store {copy.store}: {reason}" if reason else None


async def _fault(bucket: Bucket, version: Stored, key: str) -> str | None:
    digest, size_bytes = hashlib.sha256(), 0
    try:
        async for piece in bucket.stream(key):
            digest.update(piece)
            size_bytes += len(piece)
    except ObjectMissing:
        return ABSENT
    if size_bytes != version.size_bytes:
        return f"it has {size_bytes:,} bytes, not {version.size_bytes:,}"
    return None if digest.hexdigest() == version.sha256 else "its SHA-256 differs"
