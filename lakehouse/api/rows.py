"""Deleting and updating rows: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import DatasetName, Seq

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
