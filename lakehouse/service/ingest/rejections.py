"""The last ingests that were refused or failed, each with actor, file and cause. They are not
events: the lake did not change, and the journal would grow with each retry. They are kept in this
process's memory, within bounds; the log has all of them.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog

from journal.clock import Clock
from journal.slot import format_at
from lakehouse.api.ingest.answers import Rejection
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.process.spool import Spooled
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.plan import IngestPlan

REMEMBERED = 1_000
DETAIL_CHARACTERS = 1_024

log = structlog.get_logger()


class Rejections:
    """The rejections of one process, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[tuple[str | None, Rejection]] = deque(maxlen=REMEMBERED)
        """Each with the principal whose ingest it was."""

    def log(self) -> list[dict[str, Any]]:
        """The last ones, as rows of `lake.rejections`, with the principal of each."""
        return [
            msgspec.structs.asdict(each) | {"principal": principal}
            for principal, each in self._kept
        ]

    @contextmanager
    def noted(self, plan: IngestPlan, file: Spooled, caller: Caller) -> Iterator[None]:
        """Remember an error that ends the ingest inside, and raise it again."""
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
        self._kept.append((caller.principal, kept))
        log.info("ingest_rejected", dataset=plan.name, code=refused.code, sha256=file.sha256)
