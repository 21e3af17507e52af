"""Delegation broken on purpose, one rule at a time: what each rule prevents.

Each replaces a function of the product while a run lasts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from unittest import mock

from journal.slot import Slot
from lakehouse.commit.delegation.leader import Leader, _Guest
from lakehouse.commit.delegation.member import Member
from lakehouse.commit.pending import Pending
from lakehouse.commit.writer import Writer
from lakehouse.domain.errors import Refused, RefusedError
from projections.fold import State


@contextmanager
def committed_elsewhere_unnoticed() -> Iterator[None]:
    """A process does not notice that the leader has committed its change, and commits it again."""

    def broken(self: Member, slot: Slot, states: Mapping[str, State]) -> None:
        """Answers nothing."""

    with mock.patch.object(Member, "note_slot", broken):
        yield


@contextmanager
def leader_keeps_what_was_taken_back() -> Iterator[None]:
    """A leader commits a change although its sender has left, and has committed it meanwhile."""

    def note_slot(self: Leader, slot: Slot) -> None:
        self._seen.add(slot)

    def left(self: Leader, guest: _Guest) -> None:
        self._guests = [each for each in self._guests if each is not guest]

    with (
        mock.patch.object(Leader, "note_slot", note_slot),
        mock.patch.object(Leader, "left", left),
    ):
        yield


@contextmanager
def handed_over_is_not_committed() -> Iterator[None]:
    """A change that another process may still commit is refused as certainly not done."""

    def refuse(self: Pending, refused: Refused) -> None:
        if not self.answer.done():
            self.answer.set_exception(RefusedError(refused))

    def late(self: Pending) -> Refused:
        return Refused("not_committed", "it was still waiting at its deadline")

    with mock.patch.object(Pending, "refuse", refuse), mock.patch.object(Pending, "late", late):
        yield


@contextmanager
def skewed_clocks_hand_over() -> Iterator[None]:
    """A process hands changes over before it has compared its clock with the store's."""
    due = Writer._clock_due

    def broken(self: Writer) -> bool:
        return self._clock_checked_s is not None and due(self)

    with mock.patch.object(Writer, "_clock_due", broken):
        yield


@contextmanager
def refused_changes_are_handed_over() -> Iterator[None]:
    """A change that was refused, and waits in the queue still, is handed to the leader."""

    def broken(self: Writer) -> bool:
        if (delegation := self.delegation) is None or self._clock_due():
            return False
        waiting = self._take()
        self._queue.extend(each for each in waiting if not delegation.passed_on(each))
        return not self._queue

    with mock.patch.object(Writer, "_passed_all_on", broken):
        yield


DELEGATIONS: list[Callable[[], AbstractContextManager[None]]] = [
    committed_elsewhere_unnoticed,
    leader_keeps_what_was_taken_back,
    handed_over_is_not_committed,
    skewed_clocks_hand_over,
    refused_changes_are_handed_over,
]
"""Each is found, given seeds enough: `test_broken_protocols`."""
