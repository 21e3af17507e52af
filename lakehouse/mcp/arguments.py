"""What each tool takes: one struct a tool, from which its JSON schema is made. Pure."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.vectors import MOST_NUMBERS, Metric

CONTENT_BYTES = 48 * 1024
"""How large the file of `preview_ingest` may be, as UTF-8."""

Name = Annotated[str, Meta(description="Name of a dataset.")]
Seq = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Moment = Annotated[
    int | str,
    Meta(description="A moment: the number of an event, or an RFC 3339 time."),
]
Cursor = Annotated[
    str | None,
    Meta(description="`cursor` of the previous page, with the other arguments unchanged."),
]


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """No arguments. An unknown one is refused: ignoring it would answer another question."""


class ListDatasets(Arguments, frozen=True, kw_only=True):
    """Arguments of `list_datasets`."""

    as_of: Moment | None = None
    cursor: Cursor = None


class DescribeDataset(Arguments, frozen=True, kw_only=True):
    """Arguments of `describe_dataset`."""

    name: Name
    as_of: Moment | None = None
    cursor: Cursor = None


class Query(Arguments, frozen=True, kw_only=True):
    """Arguments of `query`."""

    sql: Annotated[str, Meta(description="One read-only statement.")]
    as_of: Moment | None = None
    cursor: Cursor = None


class Nearest(Arguments, frozen=True, kw_only=True):
    """Arguments of `nearest`."""

    dataset: Name
    column: Annotated[str, Meta(description="The column of vectors.")]
    vector: Annotated[
        list[float],
        Meta(min_length=1, max_length=MOST_NUMBERS, description="The vector to compare with."),
    ]
    k: Annotated[int, Meta(ge=1, le=1_000, description="How many rows at most.")] = 10
    filter: Annotated[
        str | None, Meta(description="A SQL condition: only rows that fulfil it are compared.")
    ] = None
    metric: Annotated[Metric, Meta(description="The distance.")] = "cosine"
    columns: Annotated[
        list[str], Meta(description="The columns to return with `distance`; empty: all.")
    ] = []
    as_of: Moment | None = None
    cursor: Cursor = None


class History(Arguments, frozen=True, kw_only=True):
    """Arguments of `history`."""

    name: Name
    after: Annotated[Seq, Meta(description="Only events after this one.")] = 0
    cursor: Cursor = None


class Diff(Arguments, frozen=True, kw_only=True):
    """Arguments of `diff`."""

    first: Moment = msgspec.field(name="from")
    last: Moment | None = msgspec.field(name="to", default=None)
    cursor: Cursor = None


class Why(Arguments, frozen=True, kw_only=True):
    """Arguments of `why`."""

    name: Name
    where: Annotated[
        str | None,
        Meta(description="A SQL condition: only what is behind the rows that fulfil it."),
    ] = None
    cursor: Cursor = None


class PreviewIngest(Arguments, frozen=True, kw_only=True):
    """Arguments of `preview_ingest`."""

    name: Name
    content: Annotated[
        str, Meta(max_length=CONTENT_BYTES, description="The file's text, at most 48 KiB.")
    ]
    format: Annotated[Literal["csv", "ndjson"], Meta(description="Format of the file.")] = "csv"
    mode: Annotated[
        Literal["replace", "append", "merge", "overwrite"],
        Meta(description="What the rows would do to those of the dataset."),
    ] = "replace"
    key: Annotated[
        list[str],
        Meta(
            description="With mode `merge`: the columns that identify a row; a name in double quotes "
            "may hold commas."
        ),
    ] = []
    where: Annotated[
        str | None,
        Meta(description="With mode `overwrite`: the condition for the rows to replace."),
    ] = None
    schema_change: Annotated[
        Literal["replace", "widen"] | None,
        Meta(description="What a file with another schema would do; by default it is refused."),
    ] = None


class PreviewUndo(Arguments, frozen=True, kw_only=True):
    """Arguments of `preview_undo`."""

    seq: Annotated[Seq, Meta(description="The number of the event to undo.")]


class PreviewRestore(Arguments, frozen=True, kw_only=True):
    """Arguments of `preview_restore`."""

    name: Name
    as_of: Moment


def schema_of(shape: type[Arguments]) -> dict[str, Any]:
    """The JSON schema of a tool's arguments, without references."""
    found = msgspec.json.schema(shape)
    schema: dict[str, Any] = found["$defs"][shape.__name__]
    return {name: each for name, each in schema.items() if name not in ("title", "description")}
