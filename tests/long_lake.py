"""A lake of 2,100 slots, for what happens every 1,024: its bytes, its states, its kept caches."""

from builders import (
    EMPTY,
    LAKE,
    LAKE_BODY,
    ORIGIN,
    FakeClock,
    chance,
    registered,
    slot_body,
    stored,
)
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.log import Journal
from journal.slot import decode_slot
from lakehouse.commit.checkpointer import Checkpointer
from projections.fold import State, fold
from projections.states.follower import Follower

SLOTS = 2_100


class Long:
    """A journal of 2,100 slots, two events each, and the state after each slot."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.states: list[State] = [EMPTY]
        for position in range(1, SLOTS + 1):
            facts = stored(f"k{position % 50}", f"b{position}"), registered(f"d{position % 7}")
            body = slot_body(self.states[-1], *facts)
            self.bodies.append(body)
            self.states.append(fold(self.states[-1], decode_slot(body, position)))

    async def bucket(self) -> ScriptedBucket:
        bucket = ScriptedBucket()
        await bucket.put_by_another(keys.LAKE, LAKE_BODY)
        for position, body in enumerate(self.bodies, 1):
            await bucket.put_by_another(keys.slot_key(position), body)
        return bucket


def journal_on(bucket: ScriptedBucket) -> Journal:
    return Journal(bucket, LAKE, ORIGIN, FakeClock(), chance())


async def kept(bucket: ScriptedBucket) -> Follower:
    """A follower that has read everything, and whose keeper has kept what was due."""
    follower = Follower(journal_on(bucket))
    await follower.catch_up()
    await Checkpointer(follower, FakeClock(), chance(), None).store_due()
    bucket.reads.clear()
    bucket.lists.clear()
    return follower
