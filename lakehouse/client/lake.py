"""A lake behind a connection: the class that `lakehouse.connect` and `lakehouse.open` return."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from lakehouse.api.catalog.datasets import DatasetPage
from lakehouse.api.history.time_travel import Undone
from lakehouse.api.ingest.answers import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.ingest.stream import StreamAck
from lakehouse.api.sql import CancelledQueries
from lakehouse.client import events, parameters, request
from lakehouse.client.closing import Closing
from lakehouse.client.dataset import Dataset
from lakehouse.client.events import Event
from lakehouse.client.http import Http, pool_for
from lakehouse.client.parameters import AsOf, Params
from lakehouse.client.transaction import Transaction
from lakehouse.client.upload import Progress, upload_of
from lakehouse.domain.column_list import join_columns

if TYPE_CHECKING:
    from lakehouse.client.result import Result
    from lakehouse.client.row_sender import Row

PAGE = 1_000
ARROW = "arrow"
T = TypeVar("T")


class Lake(Closing):
    """A connection to a lake; threads may share it. Every method that asks the lake raises Error."""

    def __init__(self, http: Http, closed: Callable[[], None] | None = None) -> None:
        self.http = http
        """Sends any request, for routes that have no method here."""
        self._closed = closed

    def sql(
        self,
        q: str,
        params: Params | None = None,
        as_of: AsOf | None = None,
        *,
        profile: str | None = None,
        timeout_s: float | None = None,
        query_id: str | None = None,
    ) -> "Result":
        """Run one read-only statement.

        `params`: values for `?` in a list, for `$name` in a dict. `as_of`: the moment to query.
        `timeout_s` may only shorten the server's limit. `query_id` names the query for `cancel`.
        """
        from lakehouse.client.result import Result  # Arrow takes a while to load

        body = {
            "sql": q,
            "params": parameters.encoded(params),
            "as_of": parameters.moment(as_of),
            "timeout_ms": None if timeout_s is None else max(1, round(timeout_s * 1000)),
            "format": ARROW,
            "profile": profile,
        }
        return Result(self.http.open(request.ask("/v1/sql", body, query_id)))

    def ingest(
        self,
        data: Any,
        name: str,
        mode: str = "replace",
        *,
        reason: str | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> IngestReceipt:
        """Make `data` a dataset, or add it to one (`mode="append"`).

        `data`: a path, bytes, a binary file, a table or DataFrame, a RecordBatchReader, an iterator of
        dicts or RecordBatches. `options` are the parameters of `POST /v1/ingest`; `types` may be a
        dict, `key` a list of names. `progress` is called with the bytes sent and all bytes.
        """
        return self._ingest(IngestReceipt, data, name, mode, reason, progress, options)

    def preview(self, data: Any, name: str, mode: str = "replace", **options: Any) -> IngestDryRun:
        """What `ingest` would do; nothing is changed."""
        options["dry_run"] = True
        return self._ingest(IngestDryRun, data, name, mode, None, None, options)

    def stage(
        self,
        data: Any,
        name: str,
        mode: str = "replace",
        *,
        progress: Progress | None = None,
        **options: Any,
    ) -> StagedIngest:
        """Upload what a change set will commit; nothing is changed. See `transaction`."""
        options["stage"] = True
        return self._ingest(StagedIngest, data, name, mode, None, progress, options)

    def stream(
        self,
        name: str,
        rows: "Iterable[Row]",
        *,
        key: str | None = None,
        first_line: int = 1,
        reason: str | None = None,
        **options: Any,
    ) -> Iterator[StreamAck]:
        """Append rows while they come; yield what is committed, each second or MiB.

        `rows`: dicts, structs, or lines of JSON; it is iterated in a thread. Lost connections are
        replaced, and each row comes in once. To continue a stream of another process, give its `key`
        and the rows from `first_line` on. `options` are the parameters of `POST /v1/stream`.
        """
        from lakehouse.client.row_sender import acknowledged  # aiohttp takes a while to load

        query = request.pairs({**options, **_types(options)})
        headers = (*request.because(reason), ("Idempotency-Key", key or uuid4().hex))
        path = request.named("/v1/stream", name)
        asked = request.Request("POST", path, query, headers=headers)
        return acknowledged(self.http, asked, rows, first_line)

    def datasets(self, as_of: AsOf | None = None) -> list[Dataset]:
        """All datasets in the order of their names."""
        found: list[Dataset] = []
        after: str | None = ""
        while after is not None:
            asked = request.get(
                "/v1/catalog/list",
                after=after,
                limit=PAGE,
                summary=True,
                as_of=parameters.moment(as_of),
            )
            page = self.http.json(asked, DatasetPage)
            found += [Dataset(self, each.name, each) for each in page.datasets]
            after = page.next
        return found

    def dataset(self, name: str) -> Dataset:
        """A handle on a dataset; sends no request."""
        return Dataset(self, name)

    def transaction(self, reason: str | None = None) -> Transaction:
        """Several changes as one event: `with lake.transaction() as t: t.drop("a")`."""
        return Transaction(self, reason)

    def undo(self, seq: int, *, dry_run: bool = False, reason: str | None = None) -> Undone:
        """Make the inverse of an event."""
        body = {"seq": seq, "dry_run": dry_run}
        return self.http.json(request.change("POST", "/v1/journal/undo", body, reason), Undone)

    def events(
        self,
        after: int = 0,
        *,
        follow: bool = False,
        type: str | None = None,  # noqa: A002  # the route's name
        dataset: str | None = None,
    ) -> Iterator[Event]:
        """The events after one, oldest first; with `follow` those to come too, for ever."""
        if follow:
            return events.follow(self.http, after, type=type, dataset=dataset)
        path = "/v1/journal/events"
        return events.pages(self.http, path, after, type=type, dataset=dataset)

    def cancel(self, query_id: str) -> int:
        """Cancel the queries with an id (`Result.query_id`); how many there were."""
        path = request.named("/v1/queries", query_id)
        return self.http.json(request.change("DELETE", path), CancelledQueries).cancelled

    def close(self) -> None:
        """Close the connections; a lake that is open in this process is stopped."""
        self.http.close()
        if self._closed is not None:
            self._closed()
            self._closed = None

    def _ingest(
        self,
        kind: type[T],
        data: Any,
        name: str,
        mode: str,
        reason: str | None,
        progress: Progress | None,
        options: Mapping[str, Any],
    ) -> T:
        query = request.pairs(
            {"name": name, "mode": mode, **options, **_key(options), **_types(options)}
        )
        asked = request.Request(
            "POST", "/v1/ingest", query, headers=request.because(reason), changes=True
        )
        with upload_of(data, progress) as upload:
            return self.http.json(asked, kind, upload)


def connect(
    url: str, token: str | None = None, profile: str | None = None, actor: str | None = None
) -> Lake:
    """A connection to the lake at `http(s)://host:port`. Sends no request. Raises ValueError."""
    pool, base = pool_for(url)
    return Lake(Http(pool, base, headers_of(token, profile, actor)))


def headers_of(token: str | None, profile: str | None, actor: str | None) -> dict[str, str]:
    """The headers of every request of a connection."""
    found = {"User-Agent": "lakehouse-python"}
    if token is not None:
        found["Authorization"] = f"Bearer {token}"
    if profile is not None:
        found["X-Profile"] = profile
    if actor is not None:
        found["X-Actor"] = actor
    return found


def _key(options: Mapping[str, Any]) -> dict[str, Any]:
    key = options.get("key")
    return {} if key is None or isinstance(key, str) else {"key": join_columns(key)}


def _types(options: Mapping[str, Any]) -> dict[str, Any]:
    types = options.get("types")
    if not isinstance(types, Mapping):
        return {}
    return {"types": ",".join(f"{column}:{kind}" for column, kind in types.items())}
