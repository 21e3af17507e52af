"""Views: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.catalog import SchemaColumn
from lakehouse.api.fields import AsOfText, Seq, Time

ViewName = Annotated[str, Meta(description="Name of the view.", examples=["adults"])]
ViewSql = Annotated[
    str | None,
    Meta(
        description="One read-only statement, without parameters, `lake.*` and `AT`.",
        examples=["SELECT * FROM people WHERE age >= 18"],
    ),
]
SafeOf = Annotated[
    str | None, Meta(description="The dataset or view that it masks.", examples=["people"])
]
Comment = Annotated[str | None, Meta(description="A note.", examples=["for the sales team"])]


class PutViewRequest(msgspec.Struct, frozen=True):
    """A view: `sql`, or `of` with masks (a safe view). Unknown members are ignored."""

    sql: ViewSql = None
    of: SafeOf = None
    masks: Annotated[
        dict[str, str],
        Meta(
            description="By column: `hash`, `last4`, `year`, `null` or `constant:<text>`.",
            examples=[{"email": "hash", "born": "year"}],
        ),
    ] = {}
    rows: Annotated[
        str | None,
        Meta(description="Only rows that fulfil this are shown.", examples=["country = 'DE'"]),
    ] = None
    unmasked: Annotated[
        list[str],
        Meta(description="Columns shown as they are; all others are null.", examples=[["id"]]),
    ] = []
    comment: Comment = None


class ViewQuery(msgspec.Struct, frozen=True):
    """Query of the routes that read views."""

    as_of: AsOfText | None = None


class SafeDefinition(msgspec.Struct, frozen=True):
    """What a safe view masks, and how."""

    of: Annotated[str, Meta(description="The dataset or view that it masks.", examples=["people"])]
    masks: Annotated[
        dict[str, str], Meta(description="Masks by column.", examples=[{"email": "hash"}])
    ]
    rows: Annotated[
        str | None, Meta(description="The condition of rows.", examples=["country = 'DE'"])
    ]
    unmasked: Annotated[list[str], Meta(description="Columns shown as they are.")]


class View(msgspec.Struct, frozen=True):
    """A view. `columns` and `reads` are of when it was put."""

    name: ViewName
    sql: ViewSql
    safe: Annotated[SafeDefinition | None, Meta(description="Of a safe view; else null.")]
    comment: Comment
    columns: list[SchemaColumn]
    reads: Annotated[list[str], Meta(description="Names that it reads.", examples=[["people"]])]
    created_at: Time
    updated_at: Time
    seq: Annotated[Seq, Meta(description="The event that last changed the view.")]


class ViewList(msgspec.Struct, frozen=True):
    """All views, in the order of their names."""

    views: list[View]
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]


class ViewDropped(msgspec.Struct, frozen=True):
    """A view was dropped."""

    name: ViewName
    seq: Seq
