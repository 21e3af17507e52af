"""Storage: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import DEFAULT_LIMIT, AsOfText, Key, Limit, Seq, Sha256, SizeBytes, Time


class GetObjectQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/storage/get/{key}."""

    as_of: AsOfText | None = None


class GetObjectHeaders(msgspec.Struct, frozen=True):
    """Headers of GET /v1/storage/get/{key}."""

    if_none_match: Annotated[
        list[str],
        Meta(description="ETags that the client has: 304 if the object has one of them."),
    ] = msgspec.field(name="If-None-Match", default_factory=list)
    range: Annotated[
        str | None, Meta(description="One range of bytes: 206.", examples=["bytes=0-1023"])
    ] = msgspec.field(name="Range", default=None)
    if_range: Annotated[
        str | None,
        Meta(
            description="The ETag for which `Range` holds; for another, the whole object is sent."
        ),
    ] = msgspec.field(name="If-Range", default=None)


class PutObjectHeaders(msgspec.Struct, frozen=True):
    """Headers of PUT /v1/storage/put/{key}."""

    if_none_match: Annotated[
        list[str],
        Meta(description="`*`: store the object only if the key does not exist.", examples=[["*"]]),
    ] = msgspec.field(name="If-None-Match", default_factory=list)
    content_type: Annotated[
        str | None,
        Meta(
            description="Media type, stored with the object and sent with it.",
            examples=["text/csv"],
        ),
    ] = msgspec.field(name="Content-Type", default=None)


class ListObjectsQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/storage/list."""

    prefix: Annotated[
        str, Meta(description="Only keys that start with this.", examples=["raw/"])
    ] = ""
    after: Annotated[
        str,
        Meta(
            description="Only keys that sort after this: `next` of the previous page.",
            examples=["raw/2026/november.csv"],
        ),
    ] = ""
    limit: Limit = DEFAULT_LIMIT
    as_of: AsOfText | None = None


class StoredObject(msgspec.Struct, frozen=True):
    """The object that was stored, or that already had these bytes."""

    key: Key
    size_bytes: SizeBytes
    sha256: Sha256
    seq: Annotated[Seq, Meta(description="The event that stored this version.")]


class ListedObject(msgspec.Struct, frozen=True):
    """The version of a key that is current."""

    key: Key
    size_bytes: SizeBytes
    sha256: Sha256
    seq: Annotated[Seq, Meta(description="The event that stored this version.")]
    created_at: Time


class ObjectPage(msgspec.Struct, frozen=True):
    """Objects in byte order of their keys."""

    objects: list[ListedObject]
    next: Annotated[
        str | None,
        Meta(description="Value of `after` for the next page; null on the last.", examples=[None]),
    ]
