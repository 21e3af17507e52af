"""The checks at every start of a server: three concurrent requests, one small permanent object.

The first start creates `_doctor/condition` and creates it again; every later one creates it again.
A store that answers CREATED to both ignores conditions. The object is never removed, so every start
but the first needs only one create.
"""

import asyncio

import structlog

from journal.bucket import keys
from journal.bucket.errors import BucketBroken, BucketError, BucketUnavailable, ObjectMissing
from journal.bucket.port import Answer, Bucket
from journal.clock import Clock
from lakehouse.commit.limits import CommitLimits
from lakehouse.domain.errors import Refused, RefusedError

ABSENT = f"{keys.PROBES}absent"
BODY = b"Made once to see that this store honours If-None-Match. Leave it here.\n"

log = structlog.get_logger()


async def refuse_unfit(bucket: Bucket, clock: Clock) -> None:
    """Raise RefusedError `store_unfit` for a store that breaks a promise.

    What cannot be judged now (read-only, full, out of reach) does not stop a start: a store that
    refuses every create loses none, and reads go on. Nor does a clock that is off: the writer
    refuses changes for as long as it is. Both are logged.
    """
    questions = {
        "create_if_absent": _condition(bucket),
        "absent_is_404": _absence(bucket),
        "clock": _clock(bucket, clock),
    }
    answers = await asyncio.gather(*questions.values(), return_exceptions=True)
    for promise, answer in zip(questions, answers, strict=True):
        if isinstance(answer, BucketBroken):
            detail = f"{bucket.url} does not keep {promise}: {answer}"
            raise RefusedError(Refused("store_unfit", detail)) from answer
        if isinstance(answer, BucketError):
            log.warning("promise_not_judged", promise=promise, detail=str(answer))
        elif isinstance(answer, BaseException):
            raise answer


async def _condition(bucket: Bucket) -> None:
    for _ in range(2):
        created = await bucket.create(keys.PROBED_ONCE, BODY)
        if created.answer is Answer.EXISTS:
            return
        if created.answer is not Answer.CREATED:  # it may exist or not
            raise BucketUnavailable(created.detail or f"answered {created.answer.value}")
    raise BucketBroken("one key was created twice: the store ignores If-None-Match")


async def _absence(bucket: Bucket) -> None:
    try:
        await bucket.read(ABSENT)
    except ObjectMissing:
        return
    raise BucketBroken("a key never used is not answered 404")


async def _clock(bucket: Bucket, clock: Clock) -> None:
    skew_s = (clock.now() - await bucket.now()).total_seconds()
    if abs(skew_s) > CommitLimits().clock_skew_s:
        log.warning("clock_skew", skew_s=round(skew_s), effect="changes are refused")
