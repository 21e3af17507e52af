"""Compaction broken on purpose, one rule at a time, as `broken_protocols` does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import msgspec

from journal.events import DatasetRewritten
from lakehouse.domain.rows import compaction_rules
from projections.catalog import Dataset


@contextmanager
def another_change_of_the_objects_loses() -> Iterator[None]:
    """A compaction brings rows back that were deleted, or dropped, since it was planned."""

    def broken(live: Dataset, blobs: tuple[str, ...]) -> bool:
        return True

    with mock.patch.object(compaction_rules, "_holds", broken):
        yield


@contextmanager
def only_the_merged_rows_are_counted() -> Iterator[None]:
    """The other objects of the dataset are forgotten in its number of rows."""
    made = compaction_rules.DatasetRewritten

    def broken(*values: Any) -> DatasetRewritten:
        event = made(*values)
        rows = sum(item.row_count or 0 for each in event.replaced for item in each.by)
        return msgspec.structs.replace(event, row_count=rows)

    with mock.patch.object(compaction_rules, "DatasetRewritten", broken):
        yield


@contextmanager
def merged_objects_are_not_checked_for_marks() -> Iterator[None]:
    """Gc may have marked what was uploaded a while ago."""

    def broken(state: object, blobs: tuple[str, ...]) -> None:
        return None

    with mock.patch.object(compaction_rules, "uploaded_again", broken):
        yield


COMPACTIONS = (
    another_change_of_the_objects_loses,
    only_the_merged_rows_are_counted,
    merged_objects_are_not_checked_for_marks,
)
