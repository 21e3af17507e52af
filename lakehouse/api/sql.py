"""SQL: parameters and answers. Pure."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Actor, AsOfText, ProfileName, Seq, SizeBytes, Time
from lakehouse.api.lists.pages import NextRow

QueryId = Annotated[
    str, Meta(description="Id of the query: the client's own, or a new one.", examples=["report-7"])
]
QueriedMoment = Annotated[
    int | str | None,
    Meta(
        description="The moment to query: the number of an event, or an RFC 3339 time. The "
        "default is now.",
        examples=[41],
    ),
]
TimeoutMs = Annotated[
    Annotated[int, Meta(ge=1, le=24 * 3600 * 1000)] | None,
    Meta(
        description="Time limit in milliseconds; it may only shorten the server's.",
        examples=[5000],
    ),
]
ResultFormat = Annotated[
    str | None,
    Meta(
        description="`json`, `ndjson`, `csv`, `arrow`, `parquet`, or a media type. Overrides "
        "`Accept`.",
        examples=["json"],
    ),
]


class SqlRequest(msgspec.Struct, frozen=True):
    """One read-only statement. Unknown members are ignored."""

    sql: Annotated[str, Meta(description="The statement.", examples=["SELECT count(*) FROM sales"])]
    params: Annotated[
        list[Any] | dict[str, Any] | None,
        Meta(
            description="Values for `?`, or by name for `$name`. What JSON cannot carry is "
            '`{"$type": "DATE", "value": "2026-11-02"}`: the name of a DuckDB type and a text; the '
            "value of a `BLOB` is base64. A list of numbers is a `DOUBLE[]`.",
            examples=[None],
        ),
    ] = None
    as_of: QueriedMoment = None
    timeout_ms: TimeoutMs = None
    format: ResultFormat = None
    profile: ProfileName = None


class SqlTextQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Query of POST /v1/sql, where a body that is the bare statement has no place for these."""

    format: Annotated[
        str | None,
        Meta(description="Format of the result. Overrides `Accept`.", examples=["csv"]),
    ] = None
    as_of: AsOfText | None = None
    profile: ProfileName = None


class SqlQuery(SqlTextQuery, frozen=True, kw_only=True):
    """Query of GET /v1/sql."""

    q: Annotated[str, Meta(description="The statement.", examples=["SELECT count(*) FROM sales"])]


class QueryIdHeaders(msgspec.Struct, frozen=True):
    """Headers of the other routes that run a statement."""

    query_id: Annotated[
        str | None,
        Meta(
            description="Id for the query, `[A-Za-z0-9._-]{1,128}`; another value is replaced by a "
            "new id.",
            examples=["report-7"],
        ),
    ] = msgspec.field(name="Query-Id", default=None)


class SqlHeaders(msgspec.Struct, frozen=True):
    """Headers of GET and POST /v1/sql."""

    if_none_match: Annotated[
        list[str], Meta(description="ETags that the client has: 304 if the result is the same.")
    ] = msgspec.field(name="If-None-Match", default_factory=list)
    accept: Annotated[
        list[str],
        Meta(description="Media types, weighted; `format` overrides it.", examples=[["text/csv"]]),
    ] = msgspec.field(name="Accept", default_factory=list)
    cache_control: Annotated[
        list[str],
        Meta(
            description="`no-cache`: run the statement, whatever is cached.",
            examples=[["no-cache"]],
        ),
    ] = msgspec.field(name="Cache-Control", default_factory=list)
    query_id: Annotated[
        str | None,
        Meta(
            description="Id for the query, `[A-Za-z0-9._-]{1,128}`; another value is replaced by a "
            "new id.",
            examples=["report-7"],
        ),
    ] = msgspec.field(name="Query-Id", default=None)
    profile: ProfileName = msgspec.field(name="X-Profile", default=None)


class ResultColumn(msgspec.Struct, frozen=True):
    """A column of a result."""

    name: Annotated[str, Meta(description="Name of the column.", examples=["count_star()"])]
    type: Annotated[str, Meta(description="Name of its DuckDB type.", examples=["BIGINT"])]


class SqlResult(msgspec.Struct, frozen=True):
    """A result as JSON."""

    columns: list[ResultColumn]
    rows: Annotated[
        list[list[Any]],
        Meta(description="Each row as a list, in the order of the columns.", examples=[[[12500]]]),
    ]
    row_count: Annotated[int, Meta(description="Number of rows.", examples=[1])]


class RunningQuery(msgspec.Struct, frozen=True):
    """A query that runs, or waits for a worker."""

    query_id: QueryId
    state: Annotated[str, Meta(description="`waiting` or `running`.", examples=["running"])]
    actor: Annotated[Actor, Meta(description="Who sent it.")]
    sql: Annotated[
        str,
        Meta(
            description="The statement; at most 4,096 characters.",
            examples=["SELECT count(*) FROM sales"],
        ),
    ]
    format: Annotated[str, Meta(description="Format of the result.", examples=["json"])]
    seq: Annotated[Seq, Meta(description="The event up to which it reads.")]
    started_at: Time
    elapsed_ms: Annotated[int, Meta(description="Time since its start.", examples=[1250])]
    size_bytes: Annotated[SizeBytes, Meta(description="Bytes of the result sent so far.")]
    client_query_id: Annotated[
        str | None,
        Meta(
            description="The Query-Id that a principal sent; its query has an id of the server.",
            examples=[None],
        ),
    ] = None


class RunningQueries(msgspec.Struct, frozen=True):
    """The queries of this process, oldest first."""

    queries: list[RunningQuery]
    next: NextRow = None


class CancelledQueries(msgspec.Struct, frozen=True):
    """The queries that were cancelled."""

    query_id: QueryId
    cancelled: Annotated[int, Meta(description="Number of queries with this id.", examples=[1])]
