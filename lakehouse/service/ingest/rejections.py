"""Ingests that were refused or failed: who, what, why; the last of them, for an operator to see.

They are no facts: nothing has changed, and a journal of the world's mistakes would grow with each retry
of each of them. So they live in this process's memory, within bounds; the log has every one of them.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog

from journal.clock import Clock
from journal.slot import format_at
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.process.spool import Spooled
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.plan import IngestPlan

REMEMBERED = 1_000
DETAIL_CHARACTERS = 1_024

log = structlog.get_logger()


class Rejection(msgspec.Struct, frozen=True):
    """One ingest that brought nothing; by the names of `lake.rejections`."""

    at: str
    dataset: str
    mode: str
    code: str
    detail: str
    actor: str
    reason: str | None
    correlation: str | None
    sha256: str
    size_bytes: int


class Rejections:
    """The rejections of one process, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Rejection] = deque(maxlen=REMEMBERED)

    def remembered(self) -> list[dict[str, Any]]:
        """The last ones, by the names of `lake.rejections`."""
        return [msgspec.structs.asdict(each) for each in self._kept]

    @contextmanager
    def noted(self, plan: IngestPlan, file: Spooled, caller: Caller) -> Iterator[None]:
        """Note what ends the ingest inside, and let it go on its way."""
        try:
            yield
        except RefusedError as error:
            self._note(plan, file, caller, error.refused)
            raise
        except KNOWN as error:
            self._note(plan, file, caller, refusal(error))
            raise

    def _note(self, plan: IngestPlan, file: Spooled, caller: Caller, refused: Refused) -> None:
        at, detail = format_at(self._clock.now()), refused.detail[:DETAIL_CHARACTERS]
        kept = Rejection(
            *(at, plan.name, plan.mode, refused.code, detail),
            *(caller.actor, caller.reason, caller.correlation, file.sha256, file.size_bytes),
        )
        self._kept.append(kept)
        log.info("ingest_rejected", dataset=plan.name, code=refused.code, sha256=file.sha256)
