"""Views: parameters and answers. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.catalog.datasets import SchemaColumn
from lakehouse.api.fields import AsOfText, Seq, Time
from lakehouse.api.lists.pages import NextRow

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
    next: NextRow = None


class ViewDropped(msgspec.Struct, frozen=True):
    """A view was dropped."""

    name: ViewName
    seq: Seq


class AliasTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an alias stands for."""

    to: Annotated[str, Meta(description="A dataset or view.", examples=["sales_green"])]
    as_of: Annotated[
        int | str | None,
        Meta(
            description="The moment that is shown, whatever the query's own is: the number of an "
            "event, or an RFC 3339 time.",
            examples=[41],
        ),
    ] = None


Names = Annotated[
    dict[str, AliasTarget],
    Meta(description="By alias.", examples=[{"sales": {"to": "sales_green"}}]),
]
Others = Annotated[
    Literal["visible", "hidden"],
    Meta(description="Whether all other names are visible.", examples=["visible"]),
]


class PutProfileRequest(msgspec.Struct, frozen=True):
    """A profile. Unknown members are ignored."""

    names: Names
    others: Others


class Profile(msgspec.Struct, frozen=True):
    """A profile: what names stand for."""

    name: Annotated[str, Meta(description="Name of the profile.", examples=["books"])]
    names: Names
    others: Others
    created_at: Time
    updated_at: Time
    seq: Annotated[Seq, Meta(description="The event that last changed the profile.")]


class ProfileList(msgspec.Struct, frozen=True):
    """All profiles, in the order of their names."""

    profiles: list[Profile]
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]
    next: NextRow = None


class ProfileDropped(msgspec.Struct, frozen=True):
    """A profile was dropped."""

    name: Annotated[str, Meta(description="Name of the profile.", examples=["books"])]
    seq: Seq
