"""Datasets that are results of statements: parameters and answers. Pure."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.catalog.datasets import Manifest, RowCountOrNull, SchemaColumn
from lakehouse.api.fields import AsOf, DatasetName, ProfileName, RowCount, SchemaFingerprint, Seq
from lakehouse.api.ingest.answers import Refusal, RowsIngested, RowsRemoved

SchemaChange = Annotated[
    Literal["replace", "widen"] | None,
    Meta(
        description="What a result with another schema does: `replace` the schema (with "
        "`mode=replace`), or `widen` it. By default it is refused.",
        examples=["replace"],
    ),
]


class DeriveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement whose result becomes rows of a dataset. Unknown members are refused."""

    name: DatasetName
    sql: Annotated[
        str,
        Meta(
            description="One read-only statement.",
            examples=["SELECT region, sum(amount) AS amount FROM sales GROUP BY region"],
        ),
    ]
    params: Annotated[
        list[Any] | dict[str, Any] | None,
        Meta(description="Values for `?`, or by name for `$name`.", examples=[None]),
    ] = None
    mode: Annotated[
        Literal["replace", "append", "merge"],
        Meta(
            description="Make the dataset exactly this result, add its rows, or (`merge`, with `key`) "
            "let them replace the rows with the same key."
        ),
    ] = "replace"
    key: Annotated[
        tuple[str, ...] | str,
        Meta(
            description="With `mode=merge`: the columns that identify a row, as a list or separated "
            "by commas; a name in double quotes may hold commas.",
            examples=[["id"]],
        ),
    ] = ()
    as_of: Annotated[
        AsOf | None, Meta(description="The moment that is read. The default is now.")
    ] = None
    profile: ProfileName = None
    schema_change: SchemaChange = None
    dry_run: Annotated[
        bool, Meta(description="Only report what would happen.", examples=[True])
    ] = False
    stage: Annotated[
        bool,
        Meta(
            description="Upload the rows without changing the dataset; a change set commits them "
            "later.",
            examples=[True],
        ),
    ] = False


class RefreshRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dataset whose statement is run again, or all. Unknown members are refused."""

    name: Annotated[
        str | None, Meta(description="The dataset; null with `all`.", examples=["sales"])
    ] = None
    schema_change: SchemaChange = None
    all: Annotated[
        bool,
        Meta(description="Refresh every dataset that can be refreshed.", examples=[False]),
    ] = False


class ReadVersion(msgspec.Struct, frozen=True):
    """What a statement read, and in which version."""

    name: Annotated[
        str,
        Meta(
            description="A dataset or view; `lake.…`, `information_schema` or `profile:…`.",
            examples=["sales"],
        ),
    ]
    seq: Annotated[Seq, Meta(description="The event that had changed it last.")]
    dataset_id: Annotated[str | None, Meta(description="Of a dataset; else null.", examples=[None])]
    as_of: Annotated[
        Seq | None, Meta(description="The moment of its own that the statement gives it.")
    ]


Reads = Annotated[list[ReadVersion], Meta(description="What was read, through views too.")]


class DeriveReceipt(Manifest, frozen=True, kw_only=True):
    """The dataset, and the rows that the statement brought: `objects` are those alone."""

    rows_ingested: RowsIngested
    rows_removed: RowsRemoved
    reads: Reads
    reused: Annotated[
        bool,
        Meta(description="Whether nothing that it reads has changed: no event was made."),
    ]


class RefreshResult(msgspec.Struct, frozen=True):
    """What became of one dataset of all that are refreshed."""

    name: DatasetName
    outcome: Annotated[
        str,
        Meta(
            description="`refreshed`, `unchanged`, `refused`, or `skipped`: what it reads was refused.",
            examples=["refreshed"],
        ),
    ]
    seq: Annotated[Seq | None, Meta(description="The event that changed it last.")]
    row_count: RowCountOrNull
    code: Annotated[str | None, Meta(description="Of a refusal.", examples=[None])]
    detail: Annotated[str | None, Meta(description="Of a refusal.", examples=[None])]


class RefreshedAll(msgspec.Struct, frozen=True):
    """All datasets that can be refreshed, each after those that it reads."""

    results: list[RefreshResult]
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]


class DeriveDryRun(msgspec.Struct, frozen=True):
    """What the statement would do (`dry_run`)."""

    dry_run: Annotated[bool, Meta(description="`true`.", examples=[True])]
    name: DatasetName
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]
    outcome: Annotated[
        str,
        Meta(
            description="`create`, `replace`, `append`, `merge` or `refuse`.", examples=["create"]
        ),
    ]
    schema: Annotated[
        list[SchemaColumn] | None, Meta(description="The columns; null if it was not run.")
    ]
    schema_fingerprint: Annotated[
        SchemaFingerprint | None, Meta(description="Fingerprint of the schema.")
    ]
    rows_ingested: Annotated[RowCount, Meta(description="Number of rows that would be added.")]
    row_count: RowCountOrNull
    reads: Reads
    refused: Annotated[
        Refusal | None, Meta(description="How it would be refused; null if it would not.")
    ]
