"""The datasets of a lake at a glance, for people: parameters and answers. Pure."""

from typing import Literal

import msgspec

from lakehouse.api.fields import Count, DatasetName, RowCount, Seq, SizeBytes, Time

Order = Literal["name", "rows", "updated"]


class OverviewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which datasets, in which order, and which part of them."""

    search: str = ""
    """Part of a name, in any case."""
    order: Order = "name"
    """By name, or the largest or the last changed first."""
    skip: int = 0
    limit: int = 50
    as_of: str | None = None


class DatasetGlance(msgspec.Struct, frozen=True):
    """One dataset, with the sizes of all its objects as one."""

    name: DatasetName
    row_count: RowCount | None
    size_bytes: SizeBytes
    objects: Count
    columns: Count | None
    quarantined: Count
    updated_at: Time
    seq: Seq


class Overview(msgspec.Struct, frozen=True):
    """A part of the datasets that match, and how many there are."""

    datasets: list[DatasetGlance]
    matching: Count
    total: Count
