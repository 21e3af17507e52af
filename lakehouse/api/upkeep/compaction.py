"""Compaction: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Count, DatasetName, DryRun, RowCount, Seq

DEFAULT_TARGET_MB = 128


class CompactRequest(msgspec.Struct, frozen=True):
    """What to compact. Unknown members are ignored; without a body all datasets are compacted."""

    name: Annotated[
        str | None,
        Meta(
            description="The dataset; null for all. Objects of a named dataset are also rewritten "
            "if they lack our field ids or hold types that other engines cannot read.",
            examples=["sales"],
        ),
    ] = None
    target_mb: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="Size in MiB of the objects that are written. Objects of up to half of it "
            "are small.",
            examples=[128],
        ),
    ] = DEFAULT_TARGET_MB
    dry_run: Annotated[
        bool, Meta(description="Only report what would be done.", examples=[True])
    ] = False


class ColumnChange(msgspec.Struct, frozen=True, rename={"is_": "is"}):
    """A column that has another type now."""

    name: Annotated[str, Meta(description="The column.", examples=["id"])]
    was: Annotated[str, Meta(description="Its type before.", examples=["uint32"])]
    is_: Annotated[str, Meta(description="Its type now.", examples=["int64"])]


class CompactedDataset(msgspec.Struct, frozen=True):
    """What was done to one dataset, or in a dry run what would be done.

    Of what a dry run would write, it knows the numbers of objects roughly, and no sizes.
    """

    name: DatasetName
    objects_before: Annotated[Count, Meta(description="Number of objects before.", examples=[1000])]
    objects_after: Annotated[Count, Meta(description="Number of objects afterwards.", examples=[1])]
    objects_read: Annotated[
        Count, Meta(description="Number of objects that were replaced.", examples=[1000])
    ]
    bytes_read: Annotated[Count, Meta(description="Their size in bytes.", examples=[1482000])]
    bytes_written: Annotated[
        Count | None,
        Meta(
            description="Size in bytes of the objects that were written; null in a dry run.",
            examples=[48213],
        ),
    ]
    rows: Annotated[RowCount | None, Meta(description="Number of rows in them, if known.")]
    columns: Annotated[list[ColumnChange], Meta(description="Columns that changed their type.")]
    problems: Annotated[
        list[str],
        Meta(
            description="Why some objects were left as they are.",
            examples=[["the objects have different columns, and the dataset has no schema"]],
        ),
    ]


class CompactReport(msgspec.Struct, frozen=True):
    """Compaction of one or all datasets; those with nothing to do are not listed."""

    dry_run: DryRun
    datasets: list[CompactedDataset]
    seq: Annotated[
        Seq, Meta(description="The last event of the compaction; the head's if it made none.")
    ]
