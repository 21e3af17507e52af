"""The catalog: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import (
    DEFAULT_LIMIT,
    AfterSeq,
    AfterText,
    AsOf,
    AsOfText,
    DatasetId,
    DatasetName,
    Key,
    Limit,
    ProfileName,
    RowCount,
    SchemaFingerprint,
    Seq,
    Sha256,
    SizeBytes,
    Time,
)

CreatedAt = Annotated[Time, Meta(description="When the dataset was made.")]
UpdatedAt = Annotated[Time, Meta(description="When the dataset last changed.")]
LastSeq = Annotated[Seq, Meta(description="The event that last changed the dataset.")]
RowCountOrNull = Annotated[
    RowCount | None, Meta(description="Number of rows; null if it is not known.")
]


class ObjectReference(msgspec.Struct, frozen=True):
    """An object to register."""

    key: Key


class RegisterRequest(msgspec.Struct, frozen=True):
    """A dataset over objects that exist. Unknown members are ignored."""

    name: DatasetName
    schema_fingerprint: Annotated[
        str,
        Meta(description="1 to 256 visible ASCII characters; not interpreted.", examples=["v1"]),
    ]
    objects: Annotated[
        tuple[ObjectReference, ...], Meta(description="Up to 10,000 objects, each named once.")
    ]
    row_count: Annotated[RowCount | None, Meta(description="Number of rows, if known.")] = None


class RestoreRequest(msgspec.Struct, frozen=True):
    """The dataset to restore, and from which moment. Unknown members are ignored."""

    name: DatasetName
    as_of: AsOf


class ShowDatasetQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/catalog/manifest/{name}."""

    as_of: AsOfText | None = None
    limit: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=10_000,
                description="Number of objects on a page; all objects without it.",
                examples=[100],
            ),
        ]
        | None
    ) = None
    after: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53 - 1,
            description="Number of objects to skip: `next` of the previous page.",
            examples=[100],
        ),
    ] = 0
    profile: ProfileName = None


class ShowDatasetHeaders(msgspec.Struct, frozen=True):
    """Headers of GET /v1/catalog/manifest/{name}."""

    profile: ProfileName = msgspec.field(name="X-Profile", default=None)


class ListDatasetsQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/catalog/list."""

    after: AfterText = ""
    limit: Limit = DEFAULT_LIMIT
    summary: Annotated[
        bool, Meta(description="Leave out `schema` and `objects`.", examples=[True])
    ] = False
    as_of: AsOfText | None = None
    profile: ProfileName = None


class ListDatasetsHeaders(msgspec.Struct, frozen=True):
    """Headers of GET /v1/catalog/list."""

    if_none_match: Annotated[
        list[str], Meta(description="ETags that the client has: 304 if nothing has changed.")
    ] = msgspec.field(name="If-None-Match", default_factory=list)
    profile: ProfileName = msgspec.field(name="X-Profile", default=None)


class HistoryQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/catalog/history/{name}."""

    after: AfterSeq = 0
    limit: Limit = DEFAULT_LIMIT


class SchemaColumn(msgspec.Struct, frozen=True):
    """A column."""

    name: Annotated[str, Meta(description="Name of the column.", examples=["price"])]
    type: Annotated[str, Meta(description="Name of its Arrow type.", examples=["double"])]


QuotingHint = Annotated[
    str,
    Meta(
        description="How to write the name in SQL, where it is a reserved word.",
        examples=['order is a reserved word in SQL: write FROM "order"'],
    ),
]


class ManifestObject(msgspec.Struct, frozen=True):
    """An object that holds rows of a dataset."""

    key: Key
    size_bytes: SizeBytes
    sha256: Sha256
    row_count: RowCountOrNull
    version: Annotated[
        Seq | None,
        Meta(
            description="The event that stored it: with `as_of`, storage returns this version.",
            examples=[41],
        ),
    ]


class Summary(msgspec.Struct, frozen=True):
    """A dataset without its schema and objects."""

    dataset_id: DatasetId
    name: DatasetName
    schema_fingerprint: SchemaFingerprint
    row_count: RowCountOrNull
    created_at: CreatedAt
    updated_at: UpdatedAt
    seq: LastSeq


class Manifest(msgspec.Struct, frozen=True):
    """A dataset: its schema and the objects that hold its rows."""

    dataset_id: DatasetId
    name: DatasetName
    schema_fingerprint: SchemaFingerprint
    schema: Annotated[
        list[SchemaColumn] | None,
        Meta(description="The columns in order; null if the dataset was registered."),
    ]
    objects: list[ManifestObject]
    row_count: RowCountOrNull
    created_at: CreatedAt
    updated_at: UpdatedAt
    seq: LastSeq
    hint: QuotingHint | msgspec.UnsetType = msgspec.UNSET


class ManifestPage(Manifest, frozen=True, kw_only=True):
    """A dataset with its objects, or with a page of them."""

    next: Annotated[
        int | msgspec.UnsetType | None,
        Meta(
            description="With `limit`: value of `after` for the next page; null on the last.",
            examples=[100],
        ),
    ] = msgspec.UNSET


class ListedDataset(msgspec.Struct, frozen=True):
    """A dataset in a list; with `summary=true` without `schema` and `objects`."""

    dataset_id: DatasetId
    name: DatasetName
    schema_fingerprint: SchemaFingerprint
    row_count: RowCountOrNull
    created_at: CreatedAt
    updated_at: UpdatedAt
    seq: LastSeq
    schema: list[SchemaColumn] | msgspec.UnsetType | None = msgspec.UNSET
    objects: list[ManifestObject] | msgspec.UnsetType = msgspec.UNSET
    hint: QuotingHint | msgspec.UnsetType = msgspec.UNSET


class DatasetPage(msgspec.Struct, frozen=True):
    """Datasets in the order of their names."""

    datasets: list[ListedDataset]
    seq: Annotated[Seq, Meta(description="The event up to which the list is true.")]
    next: Annotated[
        str | None,
        Meta(description="Value of `after` for the next page; null on the last.", examples=[None]),
    ]


class Dropped(msgspec.Struct, frozen=True):
    """The dataset that was dropped."""

    name: DatasetName
    dataset_id: DatasetId
    seq: Annotated[Seq, Meta(description="The event that dropped it.")]
