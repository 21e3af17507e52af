"""The asynchronous twin of the client: `async with lakehouse.aio.connect(url) as lake`.

Every call is one of `lakehouse.client`, run in a thread, so that both behave alike. A call that is
cancelled stops its query in the lake.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from uuid import uuid4

from lakehouse.api.catalog.change_sets import Renamed
from lakehouse.api.catalog.datasets import Dropped, Manifest, ManifestPage
from lakehouse.api.history.time_travel import DatasetChange, Undone
from lakehouse.api.ingest.answers import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.ingest.stream import StreamAck
from lakehouse.client import lake as synchronous
from lakehouse.client.dataset import Dataset
from lakehouse.client.events import Event
from lakehouse.client.lake import Lake
from lakehouse.client.parameters import AsOf, Params
from lakehouse.client.transaction import Changes

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa

    from lakehouse.client.result import Result
    from lakehouse.client.row_sender import Row

THREADS = 32
"""Calls of one connection that may run at a time."""
P = ParamSpec("P")
T = TypeVar("T")
_END = object()


class Threads:
    """Where the calls of one connection run."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="lakehouse-aio")

    async def run(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """The result of a call."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: call(*args, **options))

    async def each(self, items: Iterator[T]) -> AsyncIterator[T]:
        """The items of an iterator that waits."""
        while (item := await self.run(next, items, _END)) is not _END:
            yield item  # type: ignore[misc]  # the end is no item

    def start(self, call: Callable[[], object]) -> None:
        """Run a call without waiting for its end."""
        self._pool.submit(call)

    def close(self) -> None:
        """End the threads when their calls have ended."""
        self._pool.shutdown(wait=False)


class AsyncLake:
    """As `lakehouse.client.lake.Lake`, with every call awaited."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._threads = Threads()

    async def sql(
        self,
        q: str,
        params: Params | None = None,
        as_of: AsOf | None = None,
        *,
        profile: str | None = None,
        timeout_s: float | None = None,
    ) -> "AsyncResult":
        """Run one read-only statement."""
        query_id = uuid4().hex
        call = self._threads.run(
            self._lake.sql,
            q,
            params,
            as_of,
            profile=profile,
            timeout_s=timeout_s,
            query_id=query_id,
        )
        try:
            return AsyncResult(await call, self._threads)
        except asyncio.CancelledError:
            self._threads.start(lambda: self._lake.cancel(query_id))
            raise

    async def ingest(
        self, data: Any, name: str, mode: str = "replace", **options: Any
    ) -> IngestReceipt:
        """Make `data` a dataset, or add it to one."""
        return await self._threads.run(self._lake.ingest, data, name, mode, **options)

    async def preview(
        self, data: Any, name: str, mode: str = "replace", **options: Any
    ) -> IngestDryRun:
        """What `ingest` would do."""
        return await self._threads.run(self._lake.preview, data, name, mode, **options)

    def stream(self, name: str, rows: "Iterable[Row]", **options: Any) -> AsyncIterator[StreamAck]:
        """Append rows while they come; yields what is committed."""
        return self._threads.each(self._lake.stream(name, rows, **options))

    async def datasets(self, as_of: AsOf | None = None) -> list["AsyncDataset"]:
        """All datasets in the order of their names."""
        found = await self._threads.run(self._lake.datasets, as_of)
        return [AsyncDataset(each, self._threads) for each in found]

    def dataset(self, name: str) -> "AsyncDataset":
        """A handle on a dataset; sends no request."""
        return AsyncDataset(self._lake.dataset(name), self._threads)

    def transaction(self, reason: str | None = None) -> "AsyncTransaction":
        """Several changes as one event."""
        return AsyncTransaction(self._lake, self._threads, reason)

    async def undo(self, seq: int, *, dry_run: bool = False, reason: str | None = None) -> Undone:
        """Make the inverse of an event."""
        return await self._threads.run(self._lake.undo, seq, dry_run=dry_run, reason=reason)

    def events(self, after: int = 0, *, follow: bool = False, **only: Any) -> AsyncIterator[Event]:
        """The events after one, oldest first; with `follow` those to come too."""
        return self._threads.each(self._lake.events(after, follow=follow, **only))

    async def cancel(self, query_id: str) -> int:
        """Cancel the queries with an id; how many there were."""
        return await self._threads.run(self._lake.cancel, query_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._threads.run(self._lake.close)
        self._threads.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncResult:
    """As `lakehouse.client.result.Result`."""

    def __init__(self, result: "Result", threads: Threads) -> None:
        self._result = result
        self._threads = threads
        self.seq = result.seq
        self.query_id = result.query_id
        self.columns = result.columns
        self.schema = result.schema

    def __aiter__(self) -> AsyncIterator["pa.RecordBatch"]:
        return self._threads.each(iter(self._result))

    async def arrow(self) -> "pa.Table":
        """All rows as a table."""
        return await self._threads.run(self._result.arrow)

    async def rows(self) -> list[tuple[Any, ...]]:
        """All rows as tuples."""
        return await self._threads.run(self._result.rows)

    async def one(self) -> Any:
        """The value of a result of one row and one column."""
        return await self._threads.run(self._result.one)

    async def pandas(self, **options: Any) -> "pandas.DataFrame":
        """All rows as a DataFrame of pandas."""
        return await self._threads.run(self._result.pandas, **options)

    async def polars(self) -> "polars.DataFrame":
        """All rows as a DataFrame of polars."""
        return await self._threads.run(self._result.polars)

    async def close(self) -> None:
        """Stop reading; the lake stops the statement."""
        await self._threads.run(self._result.close)


class AsyncDataset:
    """As `lakehouse.client.dataset.Dataset`."""

    def __init__(self, dataset: Dataset, threads: Threads) -> None:
        self._dataset = dataset
        self._threads = threads

    @property
    def name(self) -> str:
        """Its name."""
        return self._dataset.name

    async def manifest(self, as_of: AsOf | None = None) -> ManifestPage:
        """What the catalog says of the dataset."""
        return await self._threads.run(self._dataset.manifest, as_of)

    async def row_count(self) -> int | None:
        """How many rows there are."""
        return await self._threads.run(lambda: self._dataset.row_count)

    async def arrow(self, as_of: AsOf | None = None) -> "pa.Table":
        """All rows, now or as of a moment."""
        source = self._dataset if as_of is None else self._dataset.at(as_of)
        return await self._threads.run(source.arrow)

    async def history(self) -> list[Event]:
        """Every event of this name, oldest first."""
        return await self._threads.run(self._dataset.history)

    async def diff(self, first: AsOf, last: AsOf | None = None) -> DatasetChange | None:
        """What changed between two moments."""
        return await self._threads.run(self._dataset.diff, first, last)

    async def drop(self, reason: str | None = None) -> Dropped:
        """Drop the dataset."""
        return await self._threads.run(self._dataset.drop, reason)

    async def restore(self, as_of: AsOf, reason: str | None = None) -> Manifest:
        """Make the dataset what it was at a moment."""
        return await self._threads.run(self._dataset.restore, as_of, reason)

    async def rename(self, to: str, reason: str | None = None) -> Renamed:
        """Give the dataset another name."""
        return await self._threads.run(self._dataset.rename, to, reason)


class AsyncTransaction(Changes):
    """As `lakehouse.client.transaction.Transaction`."""

    def __init__(self, lake: Lake, threads: Threads, reason: str | None) -> None:
        super().__init__(lake, reason)
        self._threads = threads

    async def ingest(self, data: Any, name: str, **options: Any) -> StagedIngest:
        """Upload a file, table or rows; they are in the dataset at the end."""
        return self.commit_staged(await self._threads.run(self.lake.stage, data, name, **options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self._threads.run(self.commit)


def connect(
    url: str, token: str | None = None, profile: str | None = None, actor: str | None = None
) -> AsyncLake:
    """As `lakehouse.connect`."""
    return AsyncLake(synchronous.connect(url, token, profile, actor))
