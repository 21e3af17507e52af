"""Ingest: answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.catalog.datasets import Manifest, RowCountOrNull, SchemaColumn
from lakehouse.api.fields import (
    EXAMPLE_SHA256,
    Actor,
    Count,
    DatasetName,
    ErrorRow,
    Reason,
    RowCount,
    SchemaFingerprint,
    Seq,
    Sha256,
    SizeBytes,
    Time,
)
from lakehouse.api.files.type_reasons import TypeReasons

RowsIngested = Annotated[RowCount, Meta(description="Number of rows that were added.")]
RowsRemoved = Annotated[
    Count,
    Meta(
        description="Number of the dataset's rows that `mode=merge` or `overwrite` removed.",
        examples=[0],
    ),
]
RowsQuarantined = Annotated[
    Count, Meta(description="Number of rows that were put in quarantine.", examples=[0])
]


class ReceivedFile(msgspec.Struct, frozen=True):
    """A file as it was received, compressed or not."""

    sha256: Sha256
    size_bytes: SizeBytes


class QuarantineObject(msgspec.Struct, frozen=True):
    """The Parquet file of the rows in quarantine; storage returns it by its key."""

    key: Annotated[
        str,
        Meta(description="Key of the file.", examples=["objects/9f/86d081884c7d-5b8a9f0e.41.k3j2"]),
    ]
    size_bytes: SizeBytes
    sha256: Sha256


class RenamedColumn(msgspec.Struct, frozen=True):
    """A header cell that cannot be a column's name as it stands."""

    position: Annotated[int, Meta(description="Position of the column, from 1.", examples=[2])]
    was: Annotated[str, Meta(description="The cell.", examples=[""])]
    name: Annotated[str, Meta(description="The name of the column.", examples=["column2"])]


class RoundedColumn(msgspec.Struct, frozen=True):
    """A column of `types=…:double` with numbers that no double is exactly."""

    name: Annotated[str, Meta(description="The column.", examples=["price"])]
    count: Annotated[
        int, Meta(description="Number of values stored as the nearest double.", examples=[2])
    ]


class IngestReceipt(Manifest, frozen=True, kw_only=True):
    """The dataset, and what the file added to it: `objects` are those of this file alone."""

    rows_ingested: Annotated[
        RowsIngested | None, Meta(description="Number of rows of the file; null if not known.")
    ]
    rows_removed: RowsRemoved
    rows_quarantined: RowsQuarantined
    quarantine: Annotated[
        QuarantineObject | None, Meta(description="The rows in quarantine; null if there are none.")
    ]
    source: Annotated[
        ReceivedFile | None, Meta(description="The file; null if the event does not name it.")
    ]
    renamed: list[RenamedColumn]
    rounded: list[RoundedColumn]
    reused: Annotated[
        bool, Meta(description="Whether the dataset already held the file: nothing was changed.")
    ]
    duplicate_of: (
        Annotated[
            Seq,
            Meta(description="With `dedupe=source`: the event that added the same file before."),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class StagedIngest(msgspec.Struct, frozen=True):
    """A file that was read and uploaded (`stage=true`); no dataset has changed."""

    staged: Annotated[
        str,
        Meta(
            description="Its id, for one `commit` in a change set.",
            examples=[f"{EXAMPLE_SHA256}-5b8a9f0e-41-k3j2"],
        ),
    ]
    expires_at: Annotated[Time, Meta(description="Until when it can be committed.")]
    name: DatasetName
    mode: Annotated[str, Meta(description="As asked for.", examples=["append"])]
    schema: Annotated[list[SchemaColumn], Meta(description="The file's columns.")]
    schema_fingerprint: SchemaFingerprint
    rows_ingested: RowsIngested
    rows_removed: RowsRemoved
    rows_quarantined: RowsQuarantined
    source: Annotated[
        ReceivedFile | None, Meta(description="The file; null for the result of a statement.")
    ]
    renamed: list[RenamedColumn]
    type_reasons: TypeReasons
    seq: Annotated[Seq, Meta(description="The event up to which the file was judged.")]


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot be read, or has a value that does not fit its column."""

    line: Annotated[int, Meta(description="Line of the file, from 1.", examples=[17])]
    column: Annotated[
        str | None,
        Meta(description="The column; null if the row cannot be read.", examples=["price"]),
    ]
    reason: Annotated[str, Meta(description="What is wrong.", examples=["'n/a' is not a double"])]


class Refusal(msgspec.Struct, frozen=True):
    """How the file would be refused."""

    code: Annotated[str, Meta(description="The error code.", examples=["schema_conflict"])]
    status: Annotated[int, Meta(description="HTTP status.", examples=[409])]
    detail: Annotated[str, Meta(description="What is wrong.", examples=["sales: 1 column differs"])]
    errors: Annotated[
        list[ErrorRow], Meta(description="The single things that are wrong.", examples=[[]])
    ]


class IngestDryRun(msgspec.Struct, frozen=True):
    """What the file would do (`dry_run=true`)."""

    dry_run: Annotated[bool, Meta(description="`true`.", examples=[True])]
    name: DatasetName
    source: ReceivedFile
    seq: Annotated[Seq, Meta(description="The event up to which this is true.")]
    outcome: Annotated[
        str,
        Meta(
            description="`create`, `replace`, `append`, `merge`, `overwrite`, `reuse` or `refuse`.",
            examples=["create"],
        ),
    ]
    schema: Annotated[
        list[SchemaColumn] | None, Meta(description="The file's columns; null if it was not read.")
    ]
    schema_fingerprint: Annotated[
        SchemaFingerprint | None, Meta(description="Fingerprint of the file's schema.")
    ]
    rows_ingested: RowsIngested
    rows_removed: RowsRemoved
    rows_quarantined: RowsQuarantined
    row_count: RowCountOrNull
    reused: Annotated[bool, Meta(description="Whether the dataset already holds the file.")]
    rows_good: Annotated[
        int | None,
        Meta(description="Number of rows that can be read; null if not read.", examples=[12500]),
    ]
    rows_bad: Annotated[
        int | None,
        Meta(description="Number of rows that cannot be read; null if not read.", examples=[0]),
    ]
    bad_rows: Annotated[list[BadRow], Meta(description="The first 100 of them.")]
    renamed: list[RenamedColumn]
    rounded: list[RoundedColumn]
    type_reasons: TypeReasons
    refused: Annotated[
        Refusal | None, Meta(description="How the file would be refused; null if it would not.")
    ]


class Rejection(msgspec.Struct, frozen=True):
    """An ingest that was refused: a row of `lake.rejections`."""

    at: Time
    dataset: DatasetName
    mode: Annotated[str, Meta(description="As asked for.", examples=["replace"])]
    code: Annotated[str, Meta(description="The error code.", examples=["malformed_csv"])]
    detail: Annotated[
        str, Meta(description="What is wrong.", examples=["line 17: 2 fields, expected 3"])
    ]
    actor: Actor
    reason: Reason
    correlation: Annotated[
        str | None,
        Meta(description="The request id.", examples=["3f1c9a52b7d84e0f8a6d5c4b3a291807"]),
    ]
    sha256: Sha256
    size_bytes: SizeBytes


class QuarantineRow(msgspec.Struct, frozen=True):
    """A row in quarantine, as `lakehouse quarantine --json` prints it."""

    key: Annotated[str, Meta(description="Key of the quarantine file.")]
    seq: Annotated[Seq, Meta(description="The event that put it in quarantine.")]
    line: Annotated[int, Meta(description="Line of the source file, from 1.", examples=[17])]
    column: Annotated[
        str | None,
        Meta(description="The column; null if the row cannot be read.", examples=["price"]),
    ]
    reason: Annotated[str, Meta(description="What is wrong.", examples=["'n/a' is not a double"])]
    raw: Annotated[
        str, Meta(description="The row as text, without its line end.", examples=["7,n/a"])
    ]
