"""A change whose sender waits for its outcome.

Owns the one answer of each change. Must never report `not_committed`, or an answer without an event,
for a change that another process may still commit.
"""

import asyncio
from typing import assert_never

from lakehouse.commit.batch import Answered, CommandFailed, Outcome, Recorded
from lakehouse.domain.commands import Command, Context
from lakehouse.domain.errors import Refused, RefusedError

UNKNOWN = Refused(
    "outcome_unknown", "the store did not answer in time whether it was committed", retry_after_s=1
)
HANDED_OVER = Refused(
    "outcome_unknown",
    "it was handed to a process that stopped answering and may still commit it",
    retry_after_s=1,
)


class Pending:
    """A command whose sender waits."""

    def __init__(self, command: Command, context: Context, accepted_s: float) -> None:
        self.command = command
        self.context = context
        self.accepted_s = accepted_s
        self.answer: asyncio.Future[Recorded | Answered] = (
            asyncio.get_running_loop().create_future()
        )
        self.attempted = False
        """Its slot may already be in the journal."""
        self.handed_over = False
        """Another process may still commit it."""
        self.declined = False
        """Another process found nothing to commit: this one answers it, or commits it."""

    def settle(self, outcome: Outcome) -> None:
        """Answer with the outcome of a batch that is committed or proven, if the sender still waits."""
        if self.answer.done():
            return
        match outcome:
            case Recorded():
                self.answer.set_result(outcome)
            case Answered() | CommandFailed() if self.handed_over:
                # Decided as unnecessary here; the other process may decide otherwise, later.
                self.refuse(HANDED_OVER)
            case Answered():
                self.answer.set_result(outcome)
            case CommandFailed():
                self.answer.set_exception(outcome.error)
            case _:
                assert_never(outcome)

    def refuse(self, refused: Refused) -> None:
        """Refuse the command, if its sender still waits."""
        if not self.answer.done():
            refused = HANDED_OVER if self.handed_over else refused
            self.answer.set_exception(RefusedError(refused))

    def late(self) -> Refused:
        """The refusal of a change whose deadline has passed."""
        if self.handed_over:
            return HANDED_OVER
        if self.attempted:
            return UNKNOWN
        return Refused("not_committed", "it was still waiting at its deadline")
