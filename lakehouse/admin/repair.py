"""Repair: rebuild a lake's caches from its slots.

Owns which caches are removed and rebuilt. Must never touch a slot, an object, or a cache of another state
version. A crash costs time at the next start, never data.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from journal.log import Journal
from journal.packs import SLOTS_A_PACK
from journal.slot import check_link
from lakehouse.admin.inspection import checkpoints_by_position, differences
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback
from projections.fold import Folding, empty
from projections.states.checkpointing import has_pack, is_due, store_pack, store_state

Remove = Callable[[Sequence[str]], Awaitable[list[str]]]
"""Removes caches by key; returns the keys that could not be removed."""


class Repaired(msgspec.Struct, frozen=True):
    """How many wrong caches were removed, and how many of each kind were built."""

    removed: int
    checkpoints: int
    packs: int


async def repair(journal: Journal, remove: Remove, reached: ProgressCallback) -> Repaired:
    """Remove every cache that differs from the slots, and build those that are due.

    Reads the journal twice. `reached` is called with the slots of each reading. Raises
    JournalCorrupt, UpgradeRequired, BucketError, RefusedError `bucket_refused`.
    """
    wrong = [each.key async for each in differences(journal, reached)]
    left = await remove(wrong)
    if left:
        detail = f"{len(left)} caches could not be removed, beginning with {left[0]}"
        raise RefusedError(Refused("bucket_refused", detail))
    made, slots = await _store_states(journal, reached)
    return Repaired(len(wrong), made, await _store_packs(journal, slots))


async def _store_states(journal: Journal, reached: ProgressCallback) -> tuple[int, int]:
    """How many states were stored, and how many slots exist."""
    there, made = await checkpoints_by_position(journal.bucket), 0
    folding = Folding(empty(journal.origin))
    async for slot in journal.slots(1):
        before = folding.head
        check_link(before, slot, journal.lake.lake)
        folding.add(slot)
        reached(folding.head.position)
        if is_due(before, folding.head) and folding.head.position not in there:
            state = folding.finish()
            await store_state(journal, state, journal.bucket.spool_dir)
            folding, made = Folding(state), made + 1
    return made, folding.head.position


async def _store_packs(journal: Journal, slots: int) -> int:
    made = 0
    for first in range(1, slots - SLOTS_A_PACK + 2, SLOTS_A_PACK):
        if not await has_pack(journal, first):
            await store_pack(journal, first, journal.bucket.spool_dir)
            made += 1
    return made
