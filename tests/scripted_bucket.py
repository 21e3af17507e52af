"""A bucket with a script: what to answer, what to lose, and when a late write lands."""

from collections import deque
from datetime import datetime, timedelta

from journal.bucket.errors import BucketUnavailable
from journal.bucket.keys import SLOTS
from journal.bucket.memory import MemoryBucket
from journal.bucket.port import Answer, Created, Stat


class ScriptedBucket(MemoryBucket):
    """Creates of slots follow `script`, one word each; an empty script means a store that works.

    Words: `lost` stored and not answered; `late` not answered, lands when `land` is called;
    `never` not answered, never lands; `conflict` 409; `refused` 403; `exists` 412 whatever is there.
    """

    def __init__(self, *script: str) -> None:
        super().__init__()
        self.script = deque(script)
        self.reads_fail = 0
        self.creates: list[tuple[str, bytes]] = []
        self.reads: list[str] = []
        self.lists: list[str] = []
        self.before_create: deque[object] = deque()
        self.skew_s = 0.0
        self._late: list[tuple[str, bytes]] = []

    async def create(self, key: str, body: bytes) -> Created:
        if not key.startswith(SLOTS):
            return await super().create(key, body)
        self.creates.append((key, body))
        if self.before_create:
            await self.before_create.popleft()()
        match self.script.popleft() if self.script else "works":
            case "lost":
                await super().create(key, body)
                return Created(Answer.UNKNOWN, "reset")
            case "late":
                self._late.append((key, body))
                return Created(Answer.UNKNOWN, "time-out")
            case "never":
                return Created(Answer.UNKNOWN, "503")
            case "conflict":
                return Created(Answer.CONFLICT)
            case "refused":
                return Created(Answer.REFUSED, "403")
            case "exists":
                return Created(Answer.EXISTS)
        return await super().create(key, body)

    async def land(self) -> None:
        """What came late arrives now, where the slot is still free."""
        for key, body in self._late:
            await super().create(key, body)
        self._late.clear()

    async def put_by_another(self, key: str, body: bytes) -> None:
        """Another writer's object."""
        await super().create(key, body)

    async def read(self, key: str) -> bytes:
        self.reads.append(key)
        if self.reads_fail:
            self.reads_fail -= 1
            raise BucketUnavailable("no answer")
        return await super().read(key)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        self.lists.append(prefix)
        return await super().list_objects(prefix, after, limit)

    async def now(self) -> datetime:
        return await super().now() + timedelta(seconds=self.skew_s)

    def overwrite(self, key: str, body: bytes) -> None:
        """Damage: what no verb of the port can do."""
        self._objects[key] = (body, self._clock())

    def remove(self, key: str) -> None:
        """Damage: what no verb of the port can do."""
        del self._objects[key]
