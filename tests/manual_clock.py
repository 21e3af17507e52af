"""A clock that stands still until a test moves it, on the event loop that sleeps by it."""

import asyncio
from datetime import UTC, datetime, timedelta

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TURNS = 20
"""How often others get their turn after time has moved: enough for what wakes to sleep again."""


class ManualClock:
    """Moved by `advance`. Sleepers wake in the order of their time."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._sleeping: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self._now_s)

    def monotonic(self) -> float:
        return self._now_s

    async def sleep(self, delay_s: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        entry = (self._now_s + delay_s, waking)
        self._sleeping.append(entry)
        try:
            await waking
        finally:
            self._sleeping.remove(entry)

    @property
    def sleepers(self) -> int:
        return len(self._sleeping)

    async def until_asleep(self, count: int) -> None:
        """Wait until so many sleep."""
        while self.sleepers < count:
            await asyncio.sleep(0.001)

    async def advance(self, delay_s: float) -> None:
        """Let time pass."""
        end_s = self._now_s + delay_s
        while due := [each for each in self._sleeping if each[0] <= end_s and not each[1].done()]:
            at_s, waking = min(due, key=lambda each: each[0])
            self._now_s = max(self._now_s, at_s)
            waking.set_result(None)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        self._now_s = end_s
