"""Garbage collection: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Count, DryRun, Seq, SizeBytes


class GcRequest(msgspec.Struct, frozen=True):
    """What to collect. Unknown members are ignored; without a body this is a dry run."""

    dry_run: Annotated[
        bool, Meta(description="Only report what would be removed.", examples=[True])
    ] = True
    older_than: Annotated[
        int | str | None,
        Meta(
            description="Keep what was needed within this span: `7d`, `12h`, `30m`, `45s`, `2w`, or a "
            "number of seconds. The default is 7 days.",
            examples=["7d"],
        ),
    ] = None


class GcObject(msgspec.Struct, frozen=True):
    """An object that nothing refers to, or one that another lake made."""

    object: Annotated[
        str,
        Meta(
            description="The object's own name in the bucket.",
            examples=["objects/9f/86d081884c7d-5b8a9f0e.41.k3j2"],
        ),
    ]
    key: Annotated[
        str | None,
        Meta(
            description="The key it was stored under; null if there was none.",
            examples=["raw/2026/november.csv"],
        ),
    ]
    size_bytes: Annotated[SizeBytes | None, Meta(description="Size in bytes; null if not known.")]
    verdict: Annotated[
        str,
        Meta(
            description="`unreferenced`, `never_registered`, `marked`, `collected`, `foreign`, "
            "`expired` (a batch of the audit past its retention), or `derived` (metadata of an Iceberg "
            "table that no present table needs).",
            examples=["unreferenced"],
        ),
    ]
    why: Annotated[
        str,
        Meta(description="The verdict in words.", examples=["nothing refers to it since event 41"]),
    ]
    since: Annotated[
        Seq | None,
        Meta(description="The event since which this is so; null if there is none.", examples=[41]),
    ]


class GcReport(msgspec.Struct, frozen=True, kw_only=True):
    """What nothing refers to and, unless this was a dry run, what was removed. The members from
    `marked` on are absent in a dry run."""

    dry_run: DryRun
    run: Annotated[
        str,
        Meta(
            description="Id of the run (UUIDv7).", examples=["019ab1c2-7d3e-7f40-8a51-2b3c4d5e6f70"]
        ),
    ]
    cutoff_seq: Annotated[Seq, Meta(description="What this event still needed is kept.")]
    objects: Annotated[
        list[GcObject], Meta(description="The first 10,000 objects that may be removed.")
    ]
    object_count: Annotated[
        Count, Meta(description="Number of objects that may be removed.", examples=[1])
    ]
    size_bytes: Annotated[SizeBytes, Meta(description="Their total size in bytes.")]
    foreign: Annotated[
        list[GcObject],
        Meta(description="The first 10,000 objects of other lakes; they are never removed."),
    ]
    foreign_count: Annotated[
        Count, Meta(description="Number of objects of other lakes.", examples=[0])
    ]
    seq: Annotated[Seq, Meta(description="The last event of the run, or the last event.")]
    marked: (
        Annotated[Count, Meta(description="Number of objects marked by this run.", examples=[1])]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    marked_bytes: (
        Annotated[SizeBytes, Meta(description="Total size of the marked objects.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    deleted: (
        Annotated[Count, Meta(description="Number of objects deleted.", examples=[1])]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    deleted_again: (
        Annotated[
            Count,
            Meta(
                description="Number of objects that were collected before, had been stored again by "
                "a late request, and were deleted again.",
                examples=[0],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    left: (
        Annotated[
            Count,
            Meta(
                description="Number of marked objects left to a later run: the store did not delete "
                "them, or readers of other engines may still need them.",
                examples=[0],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    aborted_uploads: (
        Annotated[Count, Meta(description="Number of unfinished uploads aborted.", examples=[0])]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    copies_deleted: (
        Annotated[Count, Meta(description="Released copies deleted in all stores.", examples=[0])]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    stores_unavailable: (
        Annotated[
            list[str],
            Meta(
                description="Stores that did not answer; what they hold is left to a later run.",
                examples=[[]],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
