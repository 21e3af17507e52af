"""Erasure broken on purpose, one rule at a time, as `broken_protocols` does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest import mock

from lakehouse.domain.commands import EraseRows
from lakehouse.domain.erasure import rules
from lakehouse.domain.rules import restore as restore_rules
from projections.catalog import Dataset
from projections.erasure import replacements
from projections.erasure.replacements import Erasure
from projections.fold import State
from projections.overlay import Overlay


@contextmanager
def restores_bring_what_was_found_before_the_erasure() -> Iterator[None]:
    """The blobs of a past version are taken as they were read, not as they are replaced now."""

    def broken(now: State, was: Dataset) -> Dataset:
        return was

    with mock.patch.object(restore_rules, "dataset_seen_from", broken):
        yield


@contextmanager
def what_was_replaced_is_replaced_again() -> Iterator[None]:
    """The second erasure brings rows back that the first has removed."""

    def broken(state: State, command: EraseRows) -> None:
        return None

    with mock.patch.object(rules, "_outdated", broken):
        yield


@contextmanager
def a_chain_is_not_followed_to_its_end() -> Iterator[None]:
    """A past moment is led to a successor that was itself replaced."""

    def broken(erased: Overlay[str, Erasure], found: Mapping[str, Erasure]) -> None:
        for blob, each in found.items():
            erased.put(blob, each)

    with mock.patch.object(replacements, "_record", broken):
        yield


ERASURES = (
    restores_bring_what_was_found_before_the_erasure,
    what_was_replaced_is_replaced_again,
    a_chain_is_not_followed_to_its_end,
)
