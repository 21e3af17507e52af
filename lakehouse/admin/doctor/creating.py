"""Probes of create-if-absent, which the commit protocol needs: each key is created once."""

import asyncio
from collections import Counter

from journal.bucket.errors import BucketUnavailable
from journal.bucket.port import Answer, Bucket, Created
from lakehouse.admin.doctor.site import Site, expect

KEYS = 20
RACERS = 16
TRIES = 5


async def create_if_absent(site: Site) -> str:
    """A second create is refused, and the first one's bytes stay."""
    key = await site.store("twice", b"first")
    again = await site.bucket.create(key, b"second")
    expect(
        again.answer is not Answer.CREATED,
        "a second create of one key succeeds: the store ignores If-None-Match, and loses changes",
    )
    expect(await site.bucket.read(key) == b"first", "a refused create changed the bytes")
    _expect_answered(again)
    return "a second create is refused, the first bytes stay"


async def one_winner(site: Site) -> str:
    """Of many creates at once exactly one wins, and its bytes are what is stored.

    One bucket is enough: each of several requests at once has a connection (a local bucket: a
    thread) of its own.
    """
    settled = [await _race(site, site.key(f"race/{number:02d}")) for number in range(KEYS)]
    if not all(settled):
        detail = f"{settled.count(False)} of {KEYS} races had no winner that answered"
        raise BucketUnavailable(detail)
    return f"{KEYS} keys, {RACERS} creates at once for each: one winner each, with its bytes"


async def taken_is_412(site: Site) -> str:
    """A create of an existing key without a race is answered 412: 409 would be retried for ever."""
    key = await site.store("taken", b"first")
    for _ in range(TRIES):
        again = await site.bucket.create(key, b"again")
        expect(
            again.answer is not Answer.CONFLICT,
            "a create of an existing key is answered as a conflict (409), so retries never end",
        )
        _expect_answered(again)
        expect(again.answer is Answer.EXISTS, "a create of an existing key is not answered 412")
    return "a create of an existing key is answered 412, never 409"


def _expect_answered(created: Created) -> None:
    """Raise BucketUnavailable for an answer that does not show whether the condition was checked."""
    if created.answer in (Answer.UNKNOWN, Answer.REFUSED):
        raise BucketUnavailable(created.detail or f"the store answered {created.answer.value}")


async def _race(site: Site, key: str) -> bool:
    """Whether the race for `key` could be judged."""
    bodies = [f"racer {number}".encode() for number in range(RACERS)]
    answers = await asyncio.gather(*(_answer(site.bucket, key, body) for body in bodies))
    winners = [body for body, each in zip(bodies, answers, strict=True) if each is Answer.CREATED]
    counted = Counter(answers)
    expect(len(winners) <= 1, f"{len(winners)} of {RACERS} creates at once won one key")
    if not winners:
        expect(counted[Answer.EXISTS] < RACERS, "every create of a new key was answered 412")
        return False
    expect(await site.bucket.read(key) == winners[0], "the stored bytes are not the winner's")
    return True


async def _answer(bucket: Bucket, key: str, body: bytes) -> Answer:
    return (await bucket.create(key, body)).answer
