"""Watched sources: parameters and answers. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Count, DatasetName, Seq, Time
from lakehouse.api.lists.pages import NextRow

MIN_EVERY_S, MAX_EVERY_S, DEFAULT_EVERY_S = 1, 86_400, 60
MAX_WAIT_S = 60

SourceName = Annotated[str, Meta(description="Name of the source.", examples=["invoices"])]
Uri = Annotated[
    str,
    Meta(
        description="A directory of the server's machine, as a path or `file:///…`, or "
        "`s3://bucket/prefix/`.",
        examples=["/data/invoices"],
    ),
]
PatternText = Annotated[
    str, Meta(description="Which files, relative to `uri`.", examples=["**/*.csv"])
]
Mode = Annotated[
    Literal["append", "replace", "merge"],
    Meta(description="What each file does to the dataset, as in an ingest.", examples=["append"]),
]
EveryS = Annotated[
    int,
    Meta(
        ge=MIN_EVERY_S,
        le=MAX_EVERY_S,
        description="Seconds from the end of one look to the next.",
        examples=[60],
    ),
]
File = Annotated[
    str, Meta(description="Key of the file, relative to the source.", examples=["2026/11.csv"])
]


class PutSourceRequest(msgspec.Struct, frozen=True):
    """A source. Unknown members are ignored."""

    uri: Uri
    dataset: DatasetName
    pattern: PatternText = "**/*"
    mode: Mode = "append"
    options: Annotated[
        dict[str, str | bool | int | list[str]],
        Meta(
            description="Options of an ingest's query: `null`, `types`, `delimiter`, `encoding`, "
            "`header`, `format`, `on_error`, `missing`, `min_rows`, `schema_change`, and `key` with "
            "`merge`.",
            examples=[{"null": ["NA"], "delimiter": ";"}],
        ),
    ] = {}
    every: EveryS = DEFAULT_EVERY_S


class SetAsideFile(msgspec.Struct, frozen=True):
    """A file that was refused."""

    file: File
    code: Annotated[str, Meta(description="Code of the refusal.", examples=["malformed_csv"])]
    detail: Annotated[str, Meta(description="What is wrong with it.")]
    tries: Annotated[Count, Meta(description="How often this version was tried.", examples=[3])]
    next_try_at: Time


class SkippedFile(msgspec.Struct, frozen=True):
    """A file that matches the pattern and never comes in."""

    file: File
    detail: Annotated[str, Meta(description="Why not.", examples=["a special file"])]


class SourceError(msgspec.Struct, frozen=True):
    """Why the source could not be listed."""

    code: Annotated[str, Meta(description="Code.", examples=["source_unavailable"])]
    detail: Annotated[str, Meta(description="What happened.")]


class SourceStatus(msgspec.Struct, frozen=True):
    """What the process that answers has seen of a source since it started. Lists have up to 100 files."""

    looked_at: Annotated[
        str | None,
        Meta(description="When it last looked.", examples=["2026-11-26T09:15:30.120000Z"]),
    ]
    listed: Annotated[Count, Meta(description="Files that matched then.", examples=[120])]
    waiting: Annotated[list[str], Meta(description="New files that have not come in yet.")]
    waiting_count: Annotated[Count, Meta(description="How many wait.", examples=[2])]
    set_aside: list[SetAsideFile]
    set_aside_count: Annotated[Count, Meta(description="How many are set aside.", examples=[1])]
    skipped: list[SkippedFile]
    skipped_count: Annotated[Count, Meta(description="How many never come in.", examples=[0])]
    error: SourceError | None


class Source(msgspec.Struct, frozen=True):
    """A source: its definition, what came in, and what waits."""

    name: SourceName
    uri: Uri
    pattern: PatternText
    dataset: DatasetName
    mode: Mode
    options: Annotated[
        dict[str, list[str]],
        Meta(description="Options by name.", examples=[{"null": ["NA"]}]),
    ]
    every: EveryS
    files_received: Annotated[
        Count, Meta(description="How often a file came in, into this dataset.", examples=[118])
    ]
    received_at: Annotated[
        str | None,
        Meta(description="When the last file came in.", examples=["2026-11-26T09:15:30.120000Z"]),
    ]
    status: SourceStatus
    created_at: Time
    updated_at: Time
    seq: Annotated[Seq, Meta(description="The event that last changed the source.")]


class SourceList(msgspec.Struct, frozen=True):
    """All sources, in the order of their names."""

    sources: list[Source]
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]
    next: NextRow = None


class SourceDropped(msgspec.Struct, frozen=True):
    """A source was dropped. Its files and rows stay."""

    name: SourceName
    seq: Seq


class RunSourceRequest(msgspec.Struct, frozen=True):
    """A look at a source now. Unknown members are ignored."""

    wait: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_WAIT_S,
            description="Look again after this many seconds if files wait: those that stayed the "
            "same meanwhile come in. 0: look once.",
            examples=[1],
        ),
    ] = 0


class FileReceived(msgspec.Struct, frozen=True):
    """A file that came in."""

    file: File
    seq: Annotated[Seq, Meta(description="The event that it made.")]
    rows: Annotated[int | None, Meta(description="Rows that it brought.", examples=[250])]


class SourceRun(msgspec.Struct, frozen=True):
    """What a look found and did."""

    name: SourceName
    received: Annotated[list[FileReceived], Meta(description="The last 1,000 files that came in.")]
    received_count: Annotated[Count, Meta(description="How many came in.", examples=[2])]
    status: SourceStatus
    seq: Annotated[Seq, Meta(description="The last event when the look ended.")]
