"""Fields that answers and parameters share, each described once. Pure.

Owns types only: no defaults, no parsing. A description in a struct replaces the one that stands here.
"""

from typing import Annotated, Any

from msgspec import Meta

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps."""
EXAMPLE_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_AS_OF = (
    "The number of an event, or an RFC 3339 time with Z or an offset. The answer is as of the end of "
    "that event, or of the last event before that time."
)

Seq = Annotated[
    int, Meta(ge=0, le=MAX_INTEGER, description="The number of an event.", examples=[41])
]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
SizeBytes = Annotated[Count, Meta(description="Size in bytes.", examples=[48213])]
Sha256 = Annotated[
    str, Meta(description="SHA-256 of the bytes, lower-case hex.", examples=[EXAMPLE_SHA256])
]
Time = Annotated[
    str, Meta(description="RFC 3339 time in UTC.", examples=["2026-11-26T09:15:30.120000Z"])
]
DatasetName = Annotated[str, Meta(description="Name of the dataset.", examples=["sales"])]
DatasetId = Annotated[
    str,
    Meta(
        description="UUIDv5 of the name: the same name has the same id on any machine.",
        examples=["0f2b6c1e-6e0a-5c0e-9a58-5b8a9f0e2f11"],
    ),
]
Key = Annotated[
    str, Meta(description="Key of an object in storage.", examples=["raw/2026/november.csv"])
]
SchemaFingerprint = Annotated[
    str,
    Meta(
        description="Fingerprint of the schema: as registered, or computed by ingest.",
        examples=[EXAMPLE_SHA256],
    ),
]
RowCount = Annotated[Count, Meta(description="Number of rows.", examples=[12500])]
Actor = Annotated[str, Meta(description="Who made the change.", examples=["ana@example.org"])]
Reason = Annotated[
    str | None, Meta(description="Why the change was made.", examples=["monthly load"])
]
DryRun = Annotated[bool, Meta(description="Whether this was a dry run: nothing was changed.")]

AsOfText = Annotated[str, Meta(description=_AS_OF, examples=["41"])]
"""A moment in a query string."""
AsOf = Annotated[int | str, Meta(description=_AS_OF, examples=[41])]
"""A moment in a JSON body."""
AsOfSeq = Annotated[Seq, Meta(description="The number of the event that the moment means.")]
Limit = Annotated[
    int, Meta(ge=1, le=10_000, description="Maximum number of rows in the page.", examples=[100])
]
DEFAULT_LIMIT = 1_000
ProfileName = Annotated[
    str | None,
    Meta(
        description="A profile: what names stand for, as it is now. The body goes before the query, "
        "the query before the header.",
        examples=["books"],
    ),
]
AfterSeq = Annotated[
    Seq, Meta(description="Return events with a higher number: `next` of the previous page.")
]
AfterText = Annotated[
    str,
    Meta(
        description="Return rows that sort after this: `next` of the previous page.",
        examples=["sales"],
    ),
]
ErrorRow = dict[str, Any]
"""A row of a refusal's `errors`: its members depend on the code."""
