"""The result of a statement: a stream of Arrow batches, read on demand. Holds what a method needs and
no more: iterating over a result keeps one batch.
"""

import html
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import urllib3

from lakehouse.client import http
from lakehouse.client.closing import Closing
from lakehouse.client.error import Error
from lakehouse.domain.counts import counted

if TYPE_CHECKING:
    import pandas
    import polars

SMALL_BYTES = 1024 * 1024
"""A result up to this size is read at once, so that its connection is free again."""
SHOWN_ROWS = 20
_HUGEINT = pa.decimal128(38, 0)
"""The type of a sum of integers: here it becomes Python's int."""


class Result(Closing):
    """The rows that a statement selected. A context manager: leaving it stops what still runs."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        """Raises Error, when not even the columns can be read."""
        self.seq = http.seq_of(response.headers) or 0
        """The event up to which the statement read."""
        self.query_id = response.headers.get("Query-Id", "")
        """Its id: in the logs, and to cancel it."""
        self._response = response
        length = response.headers.get("Content-Length", "")
        whole = length.isdecimal() and int(length) <= SMALL_BYTES
        source = pa.BufferReader(http.read_all(response)) if whole else response
        with _reading():
            self._reader = pa.ipc.open_stream(source)
        self._kept: list[pa.RecordBatch] = []
        self._gone = False

    @property
    def schema(self) -> pa.Schema:
        """The names and Arrow types of the columns."""
        return self._reader.schema

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches as they come. What was iterated over is not kept. Raises Error."""
        self._refuse_gone()
        kept, self._kept, self._gone = self._kept, [], True
        yield from kept
        yield from self._batches()

    def arrow(self) -> pa.Table:
        """All rows as a table. Raises Error."""
        self._refuse_gone()
        self._kept.extend(self._batches())
        return pa.Table.from_batches(self._kept, self.schema)

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows as tuples of Python values. Raises Error."""
        return [row for batch in self.arrow().to_batches() for row in rows_of(batch)]

    def one(self) -> Any:
        """The value of a result of one row and one column. Raises Error, ValueError."""
        table = self.arrow()
        if table.shape != (1, 1):
            raise ValueError(
                f"{counted(table.num_rows, 'row')} of {counted(table.num_columns, 'column')}, not one value"
            )
        return self.rows()[0][0]

    def pandas(self, **options: Any) -> "pandas.DataFrame":
        """All rows as a DataFrame of pandas; `options` as of `pyarrow.Table.to_pandas`."""
        return self.arrow().to_pandas(**options)

    def polars(self) -> "polars.DataFrame":
        """All rows as a DataFrame of polars."""
        import polars

        return polars.DataFrame(self.arrow())

    def plot(self, **options: Any) -> Any:
        """A chart of all rows: by pandas and what draws for it, else by polars and Altair.

        `options` are those of `DataFrame.plot`. Raises ImportError where neither is installed.
        """
        try:
            return self.pandas().plot(**options)
        except ImportError:
            kind = options.pop("kind", "line")
            return getattr(self.polars().plot, kind)(**options)

    def close(self) -> None:
        """Stop reading; the lake stops the statement."""
        self._gone = True
        self._response.close()

    def __repr__(self) -> str:
        return f"<Result of {', '.join(self.columns)} as of event {self.seq}>"

    def _repr_html_(self) -> str:
        """The first rows as a table, for notebooks."""
        rows, more = self._first(SHOWN_ROWS)
        head = "".join(
            f"<th title='{html.escape(str(field.type), quote=True)}'>{html.escape(field.name)}</th>"
            for field in self.schema
        )
        body = "".join(
            f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows
        )
        note = f"<p>The first {SHOWN_ROWS} rows.</p>" if more else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"

    def _first(self, count: int) -> tuple[list[tuple[Any, ...]], bool]:
        """The first rows, and whether there are more; what was read for them is kept."""
        self._refuse_gone()
        while sum(batch.num_rows for batch in self._kept) <= count:
            batch = next(self._batches(), None)
            if batch is None:
                break
            self._kept.append(batch)
        table = pa.Table.from_batches(self._kept, self.schema)
        first = table.slice(0, count).to_batches()
        return [row for batch in first for row in rows_of(batch)], table.num_rows > count

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while True:
            with _reading():
                try:
                    batch = self._reader.read_next_batch()
                except StopIteration:
                    self._response.release_conn()
                    return
            yield batch

    def _refuse_gone(self) -> None:
        if self._gone:
            raise ValueError("the result was read or closed already; run the statement again")


def rows_of(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows of a batch as tuples; columns may share a name."""
    named = zip(batch.schema.names, batch.columns, strict=True)
    return zip(*(_values(name, column) for name, column in named), strict=True)


def _values(name: str, column: pa.Array) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError) as error:
        detail = f"column {name} holds a value that Python's {column.type} cannot: {error}"
        hint = "Read the result with arrow(), or cast the column to VARCHAR."
        raise Error("value_does_not_fit", detail, hint=hint) from error
    if column.type != _HUGEINT:
        return values
    return [int(each) if isinstance(each, Decimal) else each for each in values]


def _cell(value: Any) -> str:
    return "<i>NULL</i>" if value is None else html.escape(str(value))


@contextmanager
def _reading() -> Iterator[None]:
    """Raises what Arrow and the connection report of a broken stream as an Error."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, pa.ArrowInvalid, OSError) as error:
        raise http.broken_off(error) from error
