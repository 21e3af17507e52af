"""Change sets and views broken on purpose, one rule at a time, as `broken_protocols` does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import msgspec

from journal.events import Change
from lakehouse.domain.commands import Command, CommitChangeSet
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules import change_sets as change_set_rules
from lakehouse.domain.rules import datasets as dataset_rules
from lakehouse.domain.rules import definitions as definition_rules
from projections.fold import State
from projections.moment import Moment

_commit = change_set_rules.commit


@contextmanager
def a_set_goes_on_after_a_refusal() -> Iterator[None]:
    """What is possible is done, and what is refused is left out."""

    def broken(state: State, command: CommitChangeSet, judge: Callable[..., Decision]) -> Decision:
        def lenient(running: State, each: Command) -> Decision:
            decision = judge(running, each)
            return Unchanged(None) if isinstance(decision, Refused) else decision

        return _commit(state, command, lenient)

    with mock.patch.object(change_set_rules, "commit", broken):
        yield


@contextmanager
def each_change_sees_the_state_before_the_set() -> Iterator[None]:
    """A drop and a rename to its name: the name is taken."""

    def broken(state: State, change: Change, moment: Moment) -> State:
        return state

    with mock.patch.object(change_set_rules, "apply_change", broken):
        yield


@contextmanager
def nothing_is_expected() -> Iterator[None]:
    """`expect` was judged by the service, before the race for the slot."""

    def broken(state: State, command: CommitChangeSet, judge: Callable[..., Decision]) -> Decision:
        return _commit(state, msgspec.structs.replace(command, expect=()), judge)

    with mock.patch.object(change_set_rules, "commit", broken):
        yield


@contextmanager
def a_view_s_name_is_free_for_datasets() -> Iterator[None]:
    """Views and datasets have name spaces of their own."""

    def broken(state: State, name: str) -> None:
        return None

    with mock.patch.object(dataset_rules, "_view_not_absent", broken):
        yield


@contextmanager
def a_view_may_read_itself() -> Iterator[None]:
    """Cycles are found when a view is asked."""

    def broken(state: State, name: str, reads: tuple[str, ...]) -> list[str]:
        return []

    with mock.patch.object(definition_rules, "_cycle", broken):
        yield


CHANGE_SETS = (
    a_view_s_name_is_free_for_datasets,
    a_view_may_read_itself,
    a_set_goes_on_after_a_refusal,
    each_change_sees_the_state_before_the_set,
    nothing_is_expected,
)
