"""Changes of rows broken on purpose, one rule at a time, as `broken_protocols` does."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from lakehouse.domain.commands import Rewritten
from lakehouse.domain.rules import rewrites as rewrite_rules
from projections.catalog import Dataset
from projections.fold import State

_outdated = rewrite_rules._outdated


@contextmanager
def two_changes_of_one_object_both_succeed() -> Iterator[None]:
    """The second writes rows back that the first has removed."""

    def broken(live: Dataset, work: Rewritten) -> str | None:
        reason = _outdated(live, work)
        return None if reason and reason.startswith("another change") else reason

    with mock.patch.object(rewrite_rules, "_outdated", broken):
        yield


@contextmanager
def objects_that_were_not_searched_are_left() -> Iterator[None]:
    """An append, an update or a restore between search and commit brings rows that should go."""

    def broken(live: Dataset, work: Rewritten) -> str | None:
        reason = _outdated(live, work)
        return None if reason and reason.endswith("not searched") else reason

    with mock.patch.object(rewrite_rules, "_outdated", broken):
        yield


@contextmanager
def written_objects_are_not_checked_for_marks() -> Iterator[None]:
    """Gc may have marked what was uploaded a while ago."""

    def broken(state: State, blobs: tuple[str, ...]) -> None:
        return None

    with mock.patch.object(rewrite_rules, "uploaded_again", broken):
        yield


ROW_CHANGES = (
    two_changes_of_one_object_both_succeed,
    objects_that_were_not_searched_are_left,
    written_objects_are_not_checked_for_marks,
)
