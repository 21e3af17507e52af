"""Where a dataset's rows come from: answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import (
    Actor,
    AsOfText,
    DatasetName,
    Key,
    Reason,
    Seq,
    Sha256,
    SizeBytes,
    Time,
)


class OriginEvent(msgspec.Struct, frozen=True):
    """The event that added an object to a dataset."""

    seq: Seq
    at: Time
    type: Annotated[str, Meta(description="Type of the event.", examples=["dataset_appended"])]
    actor: Actor
    reason: Reason
    correlation: Annotated[
        str | None,
        Meta(description="The request id.", examples=["3f1c9a52b7d84e0f8a6d5c4b3a291807"]),
    ]


class OriginFile(msgspec.Struct, frozen=True):
    """The file that an object was made from, and the options that it was read with."""

    sha256: Sha256
    size_bytes: SizeBytes
    options: Annotated[
        list[tuple[str, str]],
        Meta(description="[name, value] pairs.", examples=[[["header", "false"]]]),
    ]


class WhyQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/catalog/why/{name}."""

    where: Annotated[
        str | None,
        Meta(
            description="Only what is behind the rows that fulfil this condition.",
            examples=["id = 7"],
        ),
    ] = None
    as_of: AsOfText | None = None


class UploadedRows(msgspec.Struct, frozen=True):
    """Rows of an object."""

    key: Key
    rows: Annotated[
        list[tuple[int, int]],
        Meta(
            description="[from, to] of each range: positions in the object from 0, `to` exclusive. "
            "Empty if the number of rows is not known.",
            examples=[[[0, 2]]],
        ),
    ]


class Upload(msgspec.Struct, frozen=True):
    """A change that brought rows into the lake, and the rows that came from it."""

    event: OriginEvent
    source: Annotated[
        OriginFile | None, Meta(description="The file; null if the event does not name it.")
    ]
    objects: Annotated[
        list[UploadedRows],
        Meta(description="Objects of the dataset, or of the versions that it was derived from."),
    ]


class Lineage(msgspec.Struct, frozen=True):
    """The uploads behind the rows of a dataset, in the order of their events."""

    name: DatasetName
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]
    uploads: list[Upload]
