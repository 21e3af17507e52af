"""The protocol broken on purpose, one rule at a time, as somebody might who had not read FORMAT.md.

Each replaces a function of the product while a run lasts. That a run finds it is what makes the runs
that find nothing worth something.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest import mock

import msgspec

from journal.bucket.port import Answer
from journal.commit import Found, Progress, Step, after_put, after_read
from journal.slot import format_at
from lakehouse.commit import batch as batches
from lakehouse.commit import writer as writers
from lakehouse.commit.batch import Batch, Closed
from lakehouse.commit.pending import Pending
from lakehouse.commit.writer import Writer
from lakehouse.domain.commands import Command, Context
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import Decision
from lakehouse.domain.errors import Refused
from projections.fold import State

_commit, _init = Writer._commit, Writer.__init__


class TakenAsLost(Exception):
    """A mutant holds the slot for lost, without having seen who has it."""


class LeftInDoubt(Exception):
    """A mutant does not wait to learn what became of the slot."""


@contextmanager
def conflict_is_a_loss() -> Iterator[None]:
    """409 taken as lost: the same write may have landed, or land later."""

    def broken(before: Progress, answer: Answer) -> Progress:
        if answer is Answer.CONFLICT:
            raise TakenAsLost
        return after_put(before, answer)

    with _answers(broken), _losing():
        yield


@contextmanager
def unknown_is_a_failure() -> Iterator[None]:
    """A time-out or 5xx reported as `not_committed`."""
    with _answers(_failing_at(Answer.UNKNOWN)):
        yield


@contextmanager
def goes_on_while_unknown() -> Iterator[None]:
    """N+1 is put while N is unknown."""

    def broken(before: Progress, answer: Answer) -> Progress:
        if answer is Answer.UNKNOWN:
            raise LeftInDoubt
        return after_put(before, answer)

    async def commit(
        self: Writer, batch: Batch, closed: Closed, decided: list[Pending]
    ) -> list[Pending]:
        try:
            return await _commit(self, batch, closed, decided)
        except LeftInDoubt:
            self._follower.accept(closed.slot, closed.state)
            for pending in decided:
                pending.refuse(Refused("outcome_unknown", "perhaps"))
            return []

    with _answers(broken), mock.patch.object(Writer, "_commit", commit):
        yield


@contextmanager
def taken_is_a_loss() -> Iterator[None]:
    """412 taken as lost without reading whose it is: often it is an own earlier attempt."""

    def broken(before: Progress, found: Found | None) -> Progress:
        if before.taken and found is Found.OURS:
            return Progress(Step.LOST)
        return after_read(before, found)

    with mock.patch("journal.log.after_read", broken):
        yield


@contextmanager
def no_proof_of_the_present() -> Iterator[None]:
    """Answers without an event are given from the node's own state."""

    class Presumptuous:
        def __init__(self, follower: object) -> None:
            self._real = follower

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

        async def catch_up(self) -> State:
            return self._real.state

    def begin(self: Writer, *arguments: object) -> None:
        _init(self, *arguments)
        self._follower = Presumptuous(self._follower)

    with mock.patch.object(Writer, "__init__", begin):
        yield


@contextmanager
def a_key_is_looked_up_once() -> Iterator[None]:
    """Idempotency checked when a command comes, and not again after a lost race."""
    seen: set[str] = set()

    def broken(state: State, command: Command, context: Context) -> Decision:
        if context.command in seen:
            context = msgspec.structs.replace(context, key=None, request=None)
        seen.add(context.command)
        return decide(state, command, context)

    with mock.patch.object(batches, "decide", broken):
        yield


@contextmanager
def other_bytes_while_in_doubt() -> Iterator[None]:
    """The slot reads absent, so the batch is stamped anew, while the first attempt is on its way."""

    def broken(before: Progress, found: Found | None) -> Progress:
        if found is Found.ABSENT and before.doubtful and not before.taken:
            raise TakenAsLost
        return after_read(before, found)

    with mock.patch("journal.log.after_read", broken), _losing():
        yield


@contextmanager
def refused_is_final() -> Iterator[None]:
    """A 403 reported as `not_committed` although an earlier attempt may land."""
    with _answers(_failing_at(Answer.REFUSED)):
        yield


@contextmanager
def late_is_not_committed() -> Iterator[None]:
    """A deadline that passes while the slot is unknown, reported as `not_committed`."""

    def broken(self: Pending) -> Refused:
        return Refused("not_committed", "too late")

    with mock.patch.object(Pending, "late", broken):
        yield


@contextmanager
def answers_before_the_commit() -> Iterator[None]:
    """Senders hear what was decided as soon as it is decided."""

    async def commit(
        self: Writer, batch: Batch, closed: Closed, decided: list[Pending]
    ) -> list[Pending]:
        writers._answer_all(decided, batch)
        return await _commit(self, batch, closed, decided)

    with mock.patch.object(Writer, "_commit", commit):
        yield


@contextmanager
def time_is_the_clock_s() -> Iterator[None]:
    """A slot's time is the writer's clock, though the slot before has a later one."""

    def broken(now: datetime, previous: str) -> str:
        return format_at(now)

    with mock.patch.object(batches, "next_at", broken):
        yield


@contextmanager
def any_clock_will_do() -> Iterator[None]:
    """A process whose clock is hours off writes."""

    async def broken(self: Writer) -> None:
        return None

    with mock.patch.object(Writer, "_check_clock", broken):
        yield


PROTOCOLS = (
    conflict_is_a_loss,
    unknown_is_a_failure,
    goes_on_while_unknown,
    taken_is_a_loss,
    no_proof_of_the_present,
    a_key_is_looked_up_once,
    other_bytes_while_in_doubt,
    refused_is_final,
    late_is_not_committed,
    answers_before_the_commit,
    time_is_the_clock_s,
    any_clock_will_do,
)


def _answers(broken: Callable[[Progress, Answer], Progress]) -> object:
    return mock.patch("journal.log.after_put", broken)


def _failing_at(fatal: Answer) -> Callable[[Progress, Answer], Progress]:
    def broken(before: Progress, answer: Answer) -> Progress:
        return Progress(Step.FAILED) if answer is fatal else after_put(before, answer)

    return broken


def _losing() -> object:
    """A writer that decides a batch again when a mutant calls it lost."""

    async def commit(
        self: Writer, batch: Batch, closed: Closed, decided: list[Pending]
    ) -> list[Pending]:
        try:
            return await _commit(self, batch, closed, decided)
        except TakenAsLost:
            for pending in decided:
                pending.attempted = False
            await self._follower.catch_up()
            return decided

    return mock.patch.object(Writer, "_commit", commit)
