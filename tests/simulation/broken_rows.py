"""Changes of rows broken on purpose, one rule at a time, as `broken_protocols` does."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from journal.events import Object
from lakehouse.domain import rewrite_rules
from lakehouse.domain.commands import Rewritten
from projections.catalog import Dataset
from projections.fold import State

_outdated = rewrite_rules._outdated


@contextmanager
def two_changes_of_one_object_both_succeed() -> Iterator[None]:
    """The second writes rows back that the first has removed."""

    def broken(state: State, live: Dataset, work: Rewritten) -> str | None:
        reason = _outdated(state, live, work)
        return None if reason and reason.startswith("another change") else reason

    with mock.patch.object(rewrite_rules, "_outdated", broken):
        yield


@contextmanager
def objects_that_came_back_are_not_looked_at() -> Iterator[None]:
    """A restore between search and commit brings rows that should go."""

    def broken(state: State, item: Object, work: Rewritten) -> bool:
        return False

    with mock.patch.object(rewrite_rules, "_is_unexamined", broken):
        yield


@contextmanager
def written_objects_are_not_checked_for_marks() -> Iterator[None]:
    """Gc may have marked what was uploaded a while ago."""

    def broken(state: State, blobs: tuple[str, ...]) -> None:
        return None

    with mock.patch.object(rewrite_rules, "uploaded_again", broken):
        yield


@contextmanager
def the_count_of_rows_is_that_of_the_objects_that_were_read() -> Iterator[None]:
    """What was appended meanwhile is not counted."""

    def broken(live: Dataset, work: Rewritten) -> int:
        read = [item.row_count or 0 for item in live.objects if item.blob in work.examined]
        return sum(read) + sum(each.rows_added - each.rows_removed for each in work.replaced)

    with mock.patch.object(rewrite_rules, "_row_count", broken):
        yield


ROW_CHANGES = (
    two_changes_of_one_object_both_succeed,
    objects_that_came_back_are_not_looked_at,
    written_objects_are_not_checked_for_marks,
    the_count_of_rows_is_that_of_the_objects_that_were_read,
)
