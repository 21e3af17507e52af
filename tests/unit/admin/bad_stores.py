"""Stores that break one promise each, as stores out there do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from journal.bucket.errors import BucketUnavailable, ObjectMissing
from journal.bucket.memory import MemoryBucket
from journal.bucket.port import Answer, Created, Stat


class IgnoresConditions(MemoryBucket):
    """Overwrites, and says 200."""

    async def create(self, key: str, body: bytes) -> Created:
        self._objects.pop(key, None)
        return await super().create(key, body)


class LetsSeveralWin(MemoryBucket):
    """Looks, then writes: whoever looked before the first write wins too."""

    async def create(self, key: str, body: bytes) -> Created:
        taken = key in self._objects
        await asyncio.sleep(0)
        if taken:
            return Created(Answer.EXISTS)
        self._objects.pop(key, None)
        return await super().create(key, body)


class KeepsTheLosersBytes(MemoryBucket):
    """One writer gets success, and the last writer's bytes are kept."""

    async def create(self, key: str, body: bytes) -> Created:
        created = await super().create(key, body)
        self._objects[key] = (body, self._clock())
        return created


class SaysConflictForTaken(MemoryBucket):
    async def create(self, key: str, body: bytes) -> Created:
        created = await super().create(key, body)
        taken = created.answer is Answer.EXISTS
        return Created(Answer.CONFLICT, "409") if taken else created


class SaysTakenAlways(MemoryBucket):
    async def create(self, key: str, body: bytes) -> Created:
        return Created(Answer.EXISTS)


class AnswersAbsentAsEmpty(MemoryBucket):
    async def read(self, key: str) -> bytes:
        return await super().read(key) if key in self._objects else b""


class RemembersWhatWasAbsent(MemoryBucket):
    """A 404 is cached, and answered once more after the object has come."""

    def __init__(self) -> None:
        super().__init__()
        self._missed: set[str] = set()

    async def read(self, key: str) -> bytes:
        if key in self._missed:
            self._missed.discard(key)
            raise ObjectMissing(f"{key}: no such object")
        if key not in self._objects:
            self._missed.add(key)
        return await super().read(key)


class ListsLate(MemoryBucket):
    """The newest object is not listed yet."""

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        newest = list(self._objects)[-1:]
        found = await super().list_objects(prefix, after, limit)
        return [each for each in found if each.key not in newest]


class ListsInAnyOrder(MemoryBucket):
    """By UTF-16 units, as Java's strings sort."""

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        found = await super().list_objects(prefix, after, limit)
        return sorted(found, key=lambda each: each.key.encode("utf-16-be"))


class ListsWithoutRegardToCase(MemoryBucket):
    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        found = await super().list_objects(prefix, after, limit)
        return sorted(found, key=lambda each: each.key.lower())


class ListsFromTheStart(MemoryBucket):
    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        return await super().list_objects(prefix, "", limit)


class ListsAll(MemoryBucket):
    """Takes the prefix for a directory's name, as some file servers do."""

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        directory = prefix.rpartition("/")[0] + "/"
        return await super().list_objects(directory, after, limit)


class IgnoresRanges(MemoryBucket):
    async def stream(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        yield await self.read(key)


class LivesAnHourAgo(MemoryBucket):
    async def now(self) -> datetime:
        return await super().now() - timedelta(hours=1)


class IsOutOfReach(MemoryBucket):
    async def now(self) -> datetime:
        raise BucketUnavailable("memory://: no answer from the store")

    async def create(self, key: str, body: bytes) -> Created:
        return Created(Answer.UNKNOWN, "no answer from the store")

    async def read(self, key: str) -> bytes:
        raise BucketUnavailable(f"{key}: no answer from the store")


class TakesNothing(MemoryBucket):
    """Read-only, or full."""

    async def create(self, key: str, body: bytes) -> Created:
        return Created(Answer.REFUSED, f"{key}: the store answered 403 AccessDenied")


class LosesAnswers(MemoryBucket):
    """Every second create is stored and not answered."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    async def create(self, key: str, body: bytes) -> Created:
        self._asked += 1
        created = await super().create(key, body)
        return created if self._asked % 2 else Created(Answer.UNKNOWN, "reset")
