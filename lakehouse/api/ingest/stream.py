"""Streams of rows: parameters, and the lines of the answer. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Count, Seq, Time
from lakehouse.api.ingest.answers import RowsIngested, RowsQuarantined
from lakehouse.api.problem import Problem

Lines = Annotated[
    tuple[int, int],
    Meta(description="First line, and the line after the last one.", examples=[[1, 501]]),
]


class StreamQuery(msgspec.Struct, frozen=True):
    """Query of POST /v1/stream/{dataset}."""

    mode: Annotated[
        Literal["append"], Meta(description="A stream adds rows; it has no other mode.")
    ] = "append"
    schema_change: Annotated[
        Literal["widen"] | None,
        Meta(
            description="`widen`: new members become columns, and wider values widen their column. By "
            "default a group with another schema ends the stream.",
            examples=["widen"],
        ),
    ] = None
    format: Annotated[
        Literal["ndjson"], Meta(description="A stream has one JSON object a line.")
    ] = "ndjson"
    types: Annotated[
        list[str],
        Meta(
            description="Types of columns, instead of those found by the values of the first group.",
            examples=[["at:timestamp,rate:double"]],
        ),
    ] = []
    on_error: Annotated[
        Literal["reject", "quarantine"],
        Meta(
            description="What a row that cannot be read does: it ends the stream, or is put in "
            "quarantine."
        ),
    ] = "reject"
    missing: Annotated[
        Literal["null"] | None,
        Meta(description="As in ingest; an absent member is null in any case.", examples=["null"]),
    ] = None
    first_line: Annotated[
        int,
        Meta(
            ge=1,
            description="The number of the first line that is sent, for a stream that is continued.",
            examples=[501],
        ),
    ] = 1


class StreamHeaders(msgspec.Struct, frozen=True):
    """Headers of POST /v1/stream/{dataset}."""

    content_encoding: Annotated[
        str | None,
        Meta(
            description="Compression of the body: `gzip` or `zstd`. It is found by the first bytes too.",
            examples=["gzip"],
        ),
    ] = msgspec.field(name="Content-Encoding", default=None)


class StreamAck(msgspec.Struct, frozen=True):
    """These lines are committed. Groups that a client is too slow to read about share a line."""

    seq: Annotated[Seq, Meta(description="The event of the last group.")]
    rows: RowsIngested
    rows_quarantined: RowsQuarantined
    lines: Lines
    at: Annotated[Time, Meta(description="When it was committed.")]


class StreamKeepalive(msgspec.Struct, frozen=True):
    """Sent when nothing else was for 10 seconds."""

    keepalive: Annotated[bool, Meta(description="`true`.", examples=[True])]
    at: Annotated[Time, Meta(description="When it was sent.")]


class StreamTotal(msgspec.Struct, frozen=True):
    """The last line: all lines are committed."""

    done: Annotated[bool, Meta(description="`true`.", examples=[True])]
    seq: Annotated[Seq | None, Meta(description="The event of the last group; null without one.")]
    rows: RowsIngested
    rows_quarantined: RowsQuarantined
    groups: Annotated[Count, Meta(description="How many groups were committed.", examples=[3])]
    lines: Lines


class StreamProblem(Problem, frozen=True, kw_only=True):
    """The last line of a stream that failed: a problem, and which lines are committed all the same."""

    committed: Annotated[
        Lines | None, Meta(description="What this request has committed; null if nothing.")
    ]
