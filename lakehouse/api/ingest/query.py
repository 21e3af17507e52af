"""Ingest: parameters and headers of a request. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.fields import (
    DatasetName,
)


class IngestQuery(msgspec.Struct, frozen=True):
    """Query of POST /v1/ingest."""

    name: DatasetName
    mode: Annotated[
        Literal["replace", "append", "merge", "overwrite"],
        Meta(
            description="Make the dataset exactly this file; add its rows; add them in place of the "
            "dataset's rows with the same `key`; or in place of its rows that match `where`."
        ),
    ] = "replace"
    key: Annotated[
        list[str],
        Meta(
            description="With `mode=merge`: the columns that identify a row, separated by commas, or "
            "each in a `key` of its own; a name in double quotes may hold commas.",
            examples=[["id,day"]],
        ),
    ] = []
    where: Annotated[
        str | None,
        Meta(
            description="With `mode=overwrite`: the condition for the rows to replace, which every "
            "row of the file must match.",
            examples=["day = '2026-11-02'"],
        ),
    ] = None
    schema_change: Annotated[
        Literal["replace", "widen"] | None,
        Meta(
            description="What a file with another schema does: `replace` the schema (with "
            "`mode=replace`), or `widen` it. By default it is refused.",
            examples=["widen"],
        ),
    ] = None
    dedupe: Annotated[
        Literal["source"] | None,
        Meta(
            description="`source`: do nothing if the same file with the same options is in the "
            "dataset.",
            examples=["source"],
        ),
    ] = None
    resolves: Annotated[
        list[str],
        Meta(
            description="Keys of quarantine files of the dataset whose rows this file contains, "
            "corrected. They leave the quarantine when the rows are added (not with `mode=replace`)."
        ),
    ] = []
    dry_run: Annotated[
        bool, Meta(description="Only report what would happen.", examples=[True])
    ] = False
    stage: Annotated[
        bool,
        Meta(
            description="Upload the file without changing the dataset; a change set commits it "
            "later (`POST /v1/catalog/transaction`, op `commit`).",
            examples=[True],
        ),
    ] = False
    format: Annotated[
        Literal["csv", "ndjson", "parquet"] | None,
        Meta(
            description="Format of the file. By default it is found by its Content-Type, then by its "
            "name, else it is CSV.",
            examples=["csv"],
        ),
    ] = None
    types: Annotated[
        list[str],
        Meta(
            description="Types of columns, instead of those found by their values.",
            examples=[["zip:string,rate:double"]],
        ),
    ] = []
    null: Annotated[
        list[str],
        Meta(description="CSV: further unquoted values that mean null.", examples=[["NA"]]),
    ] = []
    delimiter: Annotated[
        str, Meta(description="CSV: the character between fields.", examples=[";"])
    ] = ","
    encoding: Annotated[str, Meta(description="CSV: the text encoding.", examples=["latin-1"])] = (
        "utf-8"
    )
    header: Annotated[
        bool, Meta(description="CSV: whether the first row is a header.", examples=[True])
    ] = True
    on_error: Annotated[
        Literal["reject", "quarantine"],
        Meta(
            description="What a row that cannot be read does: it refuses the file, or is put in "
            "quarantine."
        ),
    ] = "reject"
    missing: Annotated[
        Literal["null"] | None,
        Meta(
            description="`null`: columns of the dataset that the file lacks are null in its rows. By "
            "default the file is refused.",
            examples=["null"],
        ),
    ] = None
    min_rows: Annotated[
        int,
        Meta(
            ge=0,
            description="Refuse a file of fewer rows, without those that go to quarantine.",
            examples=[1000],
        ),
    ] = 0


class IngestHeaders(msgspec.Struct, frozen=True):
    """Headers of POST /v1/ingest."""

    content_encoding: Annotated[
        str | None,
        Meta(
            description="Compression of a raw body: `gzip` or `zstd`. It is found by the first bytes "
            "too.",
            examples=["gzip"],
        ),
    ] = msgspec.field(name="Content-Encoding", default=None)
