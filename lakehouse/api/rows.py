"""Deleting, updating and erasing rows: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Count, DatasetName, Seq

Where = Annotated[
    str,
    Meta(
        description="A boolean expression over the dataset's columns, without subqueries and functions "
        "of chance. A row for which it is null does not match; `now()` is one time for all rows.",
        examples=["day < DATE '2020-01-01'"],
    ),
]
DryRun = Annotated[
    bool, Meta(description="Only say what would change; `seq` is then the present one.")
]
ObjectsRewritten = Annotated[
    int, Meta(description="How many objects held such rows.", examples=[1])
]


class DeleteRequest(msgspec.Struct, frozen=True):
    """The rows to delete. Unknown members are ignored."""

    name: DatasetName
    where: Where
    dry_run: DryRun = False


class DeleteReceipt(msgspec.Struct, frozen=True):
    """The rows are deleted; without a matching row nothing has changed and there is no event."""

    rows_deleted: Annotated[int, Meta(description="How many rows matched.", examples=[12])]
    objects_rewritten: ObjectsRewritten
    seq: Seq


class UpdateRequest(msgspec.Struct, frozen=True):
    """The rows to change, and their new values. Unknown members are ignored."""

    name: DatasetName
    set: Annotated[
        dict[str, str],
        Meta(
            description="The new value of each column: an expression over the old row. 422 "
            "`value_does_not_fit` where a value is not of the column's type.",
            examples=[{"price": "price * 2"}],
        ),
    ]
    where: Where
    dry_run: DryRun = False


class UpdateReceipt(msgspec.Struct, frozen=True):
    """The rows are changed; without a matching row nothing has changed and there is no event."""

    rows_updated: Annotated[int, Meta(description="How many rows matched.", examples=[12])]
    objects_rewritten: ObjectsRewritten
    seq: Seq


class EraseRequest(msgspec.Struct, frozen=True):
    """Which rows to erase. Unknown members are ignored."""

    name: DatasetName
    where: Annotated[
        str,
        Meta(
            description="The condition: a boolean expression over the columns of the dataset's "
            "versions, as in `delete`. It is stored nowhere.",
            examples=["customer_id = 4711"],
        ),
    ]
    reason: Annotated[
        str,
        Meta(
            description="Why; recorded with the event. It must not hold a literal of `where`.",
            examples=["request 2026-114"],
        ),
    ]
    dry_run: Annotated[
        bool, Meta(description="Only report what would be erased.", examples=[True])
    ] = True


class NotErased(msgspec.Struct, frozen=True):
    """Something that may hold such rows, or a literal of the condition, and that is not changed."""

    kind: Annotated[
        str,
        Meta(
            description="`derived` (a dataset made from this one), `upload` (a stored object whose "
            "bytes were ingested), `event` (a text in the journal), `view`, `unregistered` (objects "
            "that no event names, which gc removes), or `store` (one that does not answer).",
            examples=["upload"],
        ),
    ]
    name: Annotated[
        str,
        Meta(
            description="A dataset, key, view or prefix, or the number of an event.",
            examples=["raw/2026/november.csv"],
        ),
    ]
    detail: Annotated[
        str,
        Meta(description="Why it is listed.", examples=["its bytes were ingested by event 41"]),
    ]


class EraseReport(msgspec.Struct, frozen=True):
    """What was erased, or would be."""

    name: DatasetName
    dry_run: Annotated[bool, Meta(description="Whether nothing was changed.", examples=[False])]
    moments: Annotated[
        Count, Meta(description="How many versions held such rows.", examples=[1000])
    ]
    objects: Annotated[
        Count, Meta(description="How many objects were replaced or discarded.", examples=[12])
    ]
    rows: Annotated[
        Count,
        Meta(
            description="How many rows and quarantined records: once for each object that holds it.",
            examples=[12],
        ),
    ]
    datasets: Annotated[
        list[str],
        Meta(description="Every live dataset that held such an object.", examples=[["customers"]]),
    ]
    also: Annotated[list[NotErased], Meta(description="What the erasure does not reach.")]
    collected: Annotated[
        Count, Meta(description="How many replaced objects were deleted.", examples=[12])
    ]
    seq: Seq
