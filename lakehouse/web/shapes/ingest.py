"""What an ingest answers, and a rehearsed one."""

from typing import Any

import msgspec

from lakehouse.web.shapes.catalog import Manifest, SchemaColumn
from lakehouse.web.shapes.shape import Shape


class ReceivedFile(Shape, frozen=True):
    """A file as it was received."""

    sha256: str
    size_bytes: int


class QuarantineObject(Shape, frozen=True):
    """The Parquet file of the rows that were set aside; its `key` is read from storage."""

    key: str
    size_bytes: int
    sha256: str


class RenamedColumn(Shape, frozen=True):
    """A header cell that could not be a name as written; `position` counts from 1."""

    position: int
    was: str
    name: str


class IngestReceipt(Manifest, frozen=True, kw_only=True):
    """A manifest, and what the file brought."""

    rows_ingested: int | None
    rows_quarantined: int
    quarantine: QuarantineObject | None
    source: ReceivedFile | None
    renamed: list[RenamedColumn]
    reused: bool
    duplicate_of: int | msgspec.UnsetType = msgspec.UNSET


class BadRow(Shape, frozen=True):
    """A row that cannot be read, or has a value that does not fit its column."""

    line: int
    column: str | None
    reason: str


class Refusal(Shape, frozen=True):
    """How an ingest would be refused."""

    code: str
    status: int
    detail: str
    errors: list[dict[str, Any]]


class Rehearsal(Shape, frozen=True):
    """What an ingest would do (`dry_run`): `outcome` is create, replace, append, reuse or refuse."""

    dry_run: bool
    name: str
    source: ReceivedFile
    seq: int
    outcome: str
    schema: list[SchemaColumn] | None
    schema_fingerprint: str | None
    rows_ingested: int
    rows_quarantined: int
    row_count: int | None
    reused: bool
    rows_good: int | None
    rows_bad: int | None
    bad_rows: list[BadRow]
    renamed: list[RenamedColumn]
    refused: Refusal | None
