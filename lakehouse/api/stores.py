"""Stores and the copies of objects in them: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.access import GrantPattern
from lakehouse.api.administration import Promise
from lakehouse.api.fields import Count, Seq, Time
from lakehouse.api.lists.pages import NextRow

StoreId = Annotated[
    str,
    Meta(
        description="Id of the store: 1 to 63 of a-z, 0-9, _ and -; `main` has the journal.",
        examples=["cold"],
    ),
]
StoreUrl = Annotated[
    str,
    Meta(
        description="`s3://name[/prefix]` or `file:///directory`, without credentials.",
        examples=["s3://archive/lake"],
    ),
]
Credentials = Annotated[
    str | None,
    Meta(
        description="Name of the table `[stores.<name>]` in the secrets file of each process; null: "
        "the process's own credentials.",
        examples=["archive"],
    ),
]


class PutStoreRequest(msgspec.Struct, frozen=True):
    """A store. Unknown members are ignored."""

    url: StoreUrl
    credentials: Credentials = None


class Store(msgspec.Struct, frozen=True):
    """A store, and what is in it."""

    id: StoreId
    url: StoreUrl
    credentials: Credentials
    copies: Annotated[Count, Meta(description="Objects that can be read from it.", examples=[1200])]
    size_bytes: Annotated[Count, Meta(description="Their size in bytes.", examples=[48213000])]
    released: Annotated[
        Count, Meta(description="Copies that gc will delete from it.", examples=[0])
    ]
    created_at: Annotated[Time | None, Meta(description="When it was made; null for `main`.")]
    seq: Annotated[Seq | None, Meta(description="The event that last changed it; null for `main`.")]


class StoreList(msgspec.Struct, frozen=True):
    """All stores by id."""

    stores: list[Store]
    seq: Seq
    next: NextRow = None


class StoreDropped(msgspec.Struct, frozen=True):
    """A store that was dropped."""

    id: StoreId
    seq: Annotated[Seq, Meta(description="The event that dropped it.")]


class StoreExamination(msgspec.Struct, frozen=True):
    """Whether a store has the properties that the lake relies on."""

    id: StoreId
    fit: Annotated[bool, Meta(description="Whether it has all of them.", examples=[True])]
    promises: list[Promise]
    left: Annotated[
        list[str], Meta(description="Keys of probes that could not be removed.", examples=[[]])
    ]
    seq: Seq


class CopyRequest(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """Which objects to copy or move, from where and to where. Unknown members are ignored."""

    from_: Annotated[StoreId, Meta(description="The store that has them.", examples=["main"])]
    to: Annotated[StoreId, Meta(description="The store that gets them.", examples=["cold"])]
    on: Annotated[
        GrantPattern,
        Meta(
            description="Datasets by name, or the beginning of names and `*`, as they are now; "
            "`storage:` and a key or its beginning and `*`: all versions of these keys; `*`: all that "
            "the lake holds.",
            examples=["sales_*"],
        ),
    ]


class CopyReport(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What was copied or moved."""

    run: Annotated[str, Meta(description="Id of the run, in its events.")]
    from_: StoreId
    to: StoreId
    objects: Annotated[Count, Meta(description="Objects that match `on`.", examples=[12])]
    copied: Annotated[Count, Meta(description="Objects that were copied by this run.")]
    copied_bytes: Annotated[Count, Meta(description="Their size in bytes.")]
    released: Annotated[
        Count,
        Meta(description="Copies of `from` that gc will delete; 0 for a copy.", examples=[0]),
    ]
    absent: Annotated[
        Count,
        Meta(description="Objects that `from` does not have, nor `to`.", examples=[0]),
    ]
    seq: Annotated[Seq, Meta(description="The last event of the run; the head's if it made none.")]
