"""Where a dataset's rows come from: answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.catalog import RowCountOrNull
from lakehouse.api.fields import Actor, DatasetName, Key, Reason, Seq, Sha256, SizeBytes, Time


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


class ObjectOrigin(msgspec.Struct, frozen=True):
    """An object of a dataset, and where it comes from."""

    key: Key
    size_bytes: SizeBytes
    sha256: Sha256
    row_count: RowCountOrNull
    event: OriginEvent | None
    source: OriginFile | None
    matching_rows: (
        Annotated[int, Meta(description="Number of rows that fulfil the condition.", examples=[1])]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class DatasetOrigin(msgspec.Struct, frozen=True):
    """The objects of a dataset; with a condition only those with rows that fulfil it."""

    name: DatasetName
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]
    objects: list[ObjectOrigin]
