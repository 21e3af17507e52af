"""What SQL answers, as JSON."""

from typing import Any

from lakehouse.web.shapes.shape import Shape


class ResultColumn(Shape, frozen=True):
    """A column's name and DuckDB's name for its type."""

    name: str
    type: str


class SqlResult(Shape, frozen=True):
    """Rows as lists, in the order of the columns."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    row_count: int


class RunningQuery(Shape, frozen=True):
    """A query that runs, or waits for a worker."""

    query_id: str
    state: str
    actor: str
    sql: str
    format: str
    seq: int
    started_at: str
    elapsed_ms: int
    size_bytes: int


class RunningQueries(Shape, frozen=True):
    """The queries of this process, oldest first."""

    queries: list[RunningQuery]


class CalledOff(Shape, frozen=True):
    """How many queries of that name were called off."""

    query_id: str
    cancelled: int
