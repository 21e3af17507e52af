"""Stores checkpoints and packs in the background, so that opening a lake stays fast.

Owns when they are stored. Both are caches: a failure costs time, never data. Must never delete
anything; a crash leaves at most a temporary file, which the next start removes.
"""

import random
from pathlib import Path

import structlog

from journal.bucket.errors import BucketError
from journal.clock import Clock
from journal.packs import SLOTS_A_PACK
from projections.fold import State
from projections.states.checkpointing import has_pack, store_pack, store_state
from projections.states.follower import Follower

CHECK_S = 1.0
PAUSE_S = 30.0
"""The pause after a failure."""

log = structlog.get_logger()


class Checkpointer:
    """Stores the states that one follower finds due. `directory`: for temporary files."""

    def __init__(
        self, follower: Follower, clock: Clock, chance: random.Random, directory: Path | None
    ) -> None:
        self._follower = follower
        self._clock = clock
        self._chance = chance
        self._directory = directory

    async def run(self) -> None:
        """Store what is due, until cancelled."""
        while True:
            # All nodes find the same states due at the same time: a random pause lets one be first.
            await self._clock.sleep(CHECK_S * self._chance.uniform(0.5, 1.5))
            try:
                await self.store_due()
            except (BucketError, OSError) as error:
                log.warning("checkpoint_failed", kind=type(error).__name__, detail=str(error))
                await self._clock.sleep(PAUSE_S)

    async def store_due(self) -> None:
        """Store every state that is due now, oldest first, and the packs that are full."""
        due = self._follower.due
        while due:
            state = due[0]
            key = await store_state(self._follower.journal, state, self._directory)
            await self._store_pack(state)
            log.info("checkpoint_stored", checkpoint=key)
            if due and due[0] is state:
                due.popleft()

    async def _store_pack(self, state: State) -> None:
        position = state.head.position
        if position % SLOTS_A_PACK:
            return
        journal, first = self._follower.journal, position - SLOTS_A_PACK + 1
        if not await has_pack(journal, first):
            await store_pack(journal, first, self._directory)
