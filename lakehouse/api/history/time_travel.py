"""Differences, pins and undo: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import (
    Actor,
    AsOf,
    AsOfSeq,
    AsOfText,
    Count,
    DatasetName,
    DryRun,
    Reason,
    Seq,
    Time,
)
from lakehouse.api.lists.pages import NextRow

ChangeType = Annotated[
    str, Meta(description="Type of the event to undo.", examples=["dataset_dropped"])
]


class DiffQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/catalog/diff."""

    first: Annotated[AsOfText, Meta(description="The earlier moment, as in `as_of`.")] = (
        msgspec.field(name="from")
    )
    last: Annotated[
        AsOfText | None,
        Meta(description="The later moment, as in `as_of`; absent means now.", examples=["57"]),
    ] = msgspec.field(name="to", default=None)


class PinRequest(msgspec.Struct, frozen=True):
    """The dataset to pin, and as of which moment. Unknown members are ignored."""

    name: DatasetName
    as_of: AsOf


class UnpinRequest(msgspec.Struct, frozen=True):
    """The pin to remove. Unknown members are ignored."""

    name: DatasetName
    as_of_seq: AsOfSeq


class UndoRequest(msgspec.Struct, frozen=True):
    """The event to undo. Unknown members are ignored."""

    seq: Annotated[Seq, Meta(description="The number of the event to undo.")]
    dry_run: Annotated[
        bool, Meta(description="Only report what would change.", examples=[True])
    ] = True


class Span(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """A number before and after."""

    first: Annotated[
        int | None, Meta(description="Before; null if not known or absent.", examples=[100])
    ]
    last: Annotated[
        int | None, Meta(description="After; null if not known or absent.", examples=[120])
    ]


class RowSpan(Span, frozen=True, rename={"first": "from", "last": "to"}):
    """The number of rows before and after, and how many came and went: a changed one in both."""

    added: Annotated[
        int | None,
        Meta(
            description="Rows that came; null if not known, as after some erasures.", examples=[25]
        ),
    ]
    removed: Annotated[
        int | None, Meta(description="Rows that went; null if not known.", examples=[5])
    ]


class ObjectChanges(msgspec.Struct, frozen=True):
    """Keys of the objects that differ."""

    added: list[str]
    removed: list[str]


class ColumnChange(msgspec.Struct, frozen=True, rename={"now": "is"}):
    """A column that differs: by type, by absence, or by position."""

    name: Annotated[str, Meta(description="Name of the column.", examples=["price"])]
    was: Annotated[
        str | None, Meta(description="Type before; null if it was absent.", examples=["int64"])
    ]
    now: Annotated[
        str | None, Meta(description="Type after; null if it is absent.", examples=["double"])
    ]
    position: (
        Annotated[
            int, Meta(description="Where it was, from 1, if only the order differs.", examples=[2])
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class DatasetChange(msgspec.Struct, frozen=True):
    """How one dataset differs."""

    name: DatasetName
    change: Annotated[
        str, Meta(description="`added`, `dropped` or `changed`.", examples=["changed"])
    ]
    rows: Annotated[RowSpan, Meta(description="Number of rows, and how they changed.")]
    objects: ObjectChanges
    schema: Annotated[
        list[ColumnChange], Meta(description="Columns that differ, if both schemas are known.")
    ]
    seq: Annotated[Span, Meta(description="The event that last changed the dataset.")]


class DefinitionChange(msgspec.Struct, frozen=True):
    """A view or profile that was added, dropped or changed."""

    name: Annotated[str, Meta(description="Its name.", examples=["adults"])]
    change: Annotated[
        str, Meta(description="`added`, `dropped` or `changed`.", examples=["changed"])
    ]
    seq: Span


class AccessTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a principal, grant or token says; only members that it has, and that are not the default."""

    kind: Annotated[str | None, Meta(description="Of a principal.", examples=["user"])] = None
    admin: Annotated[bool, Meta(description="Of a principal.")] = False
    disabled: Annotated[bool, Meta(description="Of a principal.")] = False
    profile: Annotated[str | None, Meta(description="Of a principal.")] = None
    limits: Annotated[dict[str, int], Meta(description="Of a principal.")] = {}
    can: Annotated[list[str], Meta(description="Of a grant.", examples=[["read"]])] = []
    expires_at: Annotated[str | None, Meta(description="Of a token.")] = None
    note: Annotated[str | None, Meta(description="Of a token.")] = None


class AccessDifference(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """A principal, grant or token that was added, dropped or changed."""

    what: Annotated[str, Meta(description="`principal`, `grant` or `token`.", examples=["grant"])]
    principal: Annotated[str, Meta(description="Whose it is.", examples=["ana"])]
    on: Annotated[
        str | None,
        Meta(description="The pattern of a grant, the id of a token.", examples=["sales_*"]),
    ]
    change: Annotated[
        str, Meta(description="`added`, `dropped` or `changed`.", examples=["changed"])
    ]
    first: Annotated[AccessTerms | None, Meta(description="Before; null if absent.")]
    last: Annotated[AccessTerms | None, Meta(description="After; null if absent.")]
    seq: Span


class CatalogDiff(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """What differs between two moments, in the order of the datasets' names."""

    first: Annotated[Seq, Meta(description="The event of the earlier moment.")]
    last: Annotated[Seq, Meta(description="The event of the later moment.")]
    datasets: list[DatasetChange]
    views: Annotated[list[DefinitionChange], Meta(description="Views that differ.")]
    profiles: Annotated[list[DefinitionChange], Meta(description="Profiles that differ.")]
    access: Annotated[
        list[AccessDifference],
        Meta(description="Principals, grants and tokens that differ; empty except for admins."),
    ]
    sources: Annotated[
        list[DefinitionChange],
        Meta(description="Watched sources that differ; empty except for admins."),
    ]


class PinReceipt(msgspec.Struct, frozen=True):
    """The pin that was made, or removed."""

    name: DatasetName
    as_of_seq: AsOfSeq
    seq: Annotated[Seq, Meta(description="The event that made or removed the pin.")]


class ListedPin(msgspec.Struct, frozen=True):
    """A pin, with who made it and why."""

    name: DatasetName
    as_of_seq: AsOfSeq
    objects: Annotated[
        Count, Meta(description="Number of objects that the pin protects.", examples=[3])
    ]
    seq: Annotated[Seq, Meta(description="The event that made the pin.")]
    at: Time
    actor: Actor
    reason: Reason


class Pins(msgspec.Struct, frozen=True):
    """All pins, oldest first."""

    pins: list[ListedPin]
    next: NextRow = None


class Undone(msgspec.Struct, frozen=True):
    """The change that undoes an event, and what differs by it."""

    dry_run: DryRun
    undoes: Annotated[Seq, Meta(description="The event to undo.")]
    undone_type: ChangeType
    type: Annotated[
        str | None,
        Meta(
            description="Type of the event that undoes it; null if nothing needs to change.",
            examples=["dataset_restored"],
        ),
    ]
    datasets: Annotated[
        list[DatasetChange], Meta(description="The datasets that differ before and after.")
    ]
    key: Annotated[
        str | None,
        Meta(description="The key, if the event is about an object.", examples=[None]),
    ]
    seq: Annotated[
        Seq,
        Meta(description="The event that undid it; in a dry run the last event."),
    ]


class RestorePreview(msgspec.Struct, frozen=True):
    """What restoring a dataset would change."""

    name: DatasetName
    as_of_seq: AsOfSeq
    type: Annotated[
        str | None,
        Meta(
            description="Type of the event that would restore it; null if nothing needs to change.",
            examples=["dataset_restored"],
        ),
    ]
    datasets: Annotated[list[DatasetChange], Meta(description="The datasets that would differ.")]
    seq: Annotated[Seq, Meta(description="The last event.")]
