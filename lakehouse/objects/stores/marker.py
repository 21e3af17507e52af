"""The mark of a store: one object, created once, that says whose place it is.

A place that has two names, or a disk that is not mounted, is found by it. The main store has a mark too,
with random text that the marks of its stores repeat: an exported lake has its id, but not its mark, and so
never deletes what lies in the stores of the lake that it was copied from.
"""

import msgspec

from journal.bucket.errors import BucketBroken, BucketRefused, BucketUnavailable, ObjectMissing
from journal.bucket.keys import STORES
from journal.bucket.port import Answer, Bucket
from journal.store_events import MAIN

ATTEMPTS = 5


class Mark(msgspec.Struct, frozen=True):
    """Whose place it is: the id of the store, and the random text of the lake's main store."""

    store: str
    main: str


def mark_key(lake: str) -> str:
    """The key of the mark of a lake's store."""
    return f"{STORES}{lake}.json"


async def main_mark(bucket: Bucket, lake: str, random_text: str = "") -> Mark | None:
    """The mark of the main store; with `random_text` it is made if there is none."""
    found = await read_mark(bucket, lake)
    if found is not None or not random_text:
        return found
    return await put_mark(bucket, lake, Mark(MAIN, random_text))


async def put_mark(bucket: Bucket, lake: str, mark: Mark) -> Mark:
    """Make the mark, unless there is one; the one that is there then. Raises BucketError."""
    created = None
    for _ in range(ATTEMPTS):
        created = await bucket.create(mark_key(lake), msgspec.json.encode(mark) + b"\n")
        if created.answer is Answer.REFUSED:
            raise BucketRefused(created.detail or "the store takes no object")
        if created.answer in (Answer.CREATED, Answer.EXISTS):
            break
    found = await read_mark(bucket, lake)
    if found is None:
        raise BucketUnavailable(created.detail if created else "the mark was not stored")
    return found


async def read_mark(bucket: Bucket, lake: str) -> Mark | None:
    """The mark that is there, None without one. Raises BucketError."""
    try:
        return msgspec.json.decode(await bucket.read(mark_key(lake)), type=Mark)
    except ObjectMissing:
        return None
    except msgspec.DecodeError as error:
        raise BucketBroken(f"{mark_key(lake)}: it is not the mark of a store") from error
