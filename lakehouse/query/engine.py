"""The SQL engine: a few warm worker processes, a bounded queue that is fair to principals, a time limit.

Owns when a query gets a worker and when it must end. Must never load DuckDB: a statement can
crash its process, and the server must survive.
"""

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager

import msgspec

from journal import events
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.parameters import Params, encoded
from lakehouse.query.processes.lease import Lease
from lakehouse.query.processes.object_channel import ObjectSource
from lakehouse.query.processes.pool import WorkerPool
from lakehouse.query.processes.worker_handle import WorkerDied
from lakehouse.query.waiting.places import Places
from lakehouse.query.wire.messages import (
    Ask,
    Chunk,
    Configure,
    Done,
    Need,
    RowSearch,
    Started,
    Views,
    Whole,
)
from projections.view_sql.datasets import View

Resolve = Callable[[frozenset[str] | None], Awaitable[Mapping[str, View]]]
"""Given lower-case names, returns the views of those that exist, by lower-case name; given None, all
views, of which only names and columns are used. A RefusedError from it is the query's answer."""

OWN_PATIENCE_S, OTHERS_PATIENCE_S = 15.0, 5.0
"""How long a client may pause reading a result while queries of its own principal wait, or those of
others: less than the time after which a waiting query is refused."""

_NO_VIEWS: Mapping[str, View] = {}


class EngineSettings(msgspec.Struct, frozen=True):
    """`data_prefixes`: directories, with a final `/`, whose files DuckDB may read itself."""

    data_prefixes: tuple[str, ...]
    object_directories: tuple[str, ...] = ()
    """The directories of files with verified blocks: a local bucket, or the cache."""
    workers: int = 2
    """How many queries run concurrently."""
    threads: int = 2
    """DuckDB's, for a query that runs alone."""
    memory_limit_bytes: int = 1024**3
    address_space_bytes: int = 4 * 1024**3
    temp_directory: str | None = None
    temp_limit_bytes: int = 4 * 1024**3
    timeout_s: float = 60.0
    work_timeout_s: float = 1_800.0
    """For what a change of data needs: an object of 256 MiB is read while it is rewritten."""
    grace_s: float = 0.5
    max_waiting: int = 256
    waiting_s: float = 10.0
    retry_after_s: int = 2
    growth_bytes: int = 176 * 1024**2
    """A worker whose memory has grown by this much since its start is replaced: DuckDB's memory for
    each object has no bound."""


class Query(msgspec.Struct, frozen=True):
    """One statement. `timeout_s` may only shorten the engine's own limit; `format` is a name of
    FORMATS. `rows` is instead of a statement. `is_work`: a change of data needs it, no client waits for
    its rows. `restricted`: the caller may not see what is below a view. Workers are shared fairly among
    principals; the `principal` "" is everyone in an open lake, and the process itself."""

    sql: str
    params: Params | None = None
    timeout_s: float | None = None
    format: str = "json"
    rows: RowSearch | None = None
    is_work: bool = False
    restricted: bool = False
    principal: str = ""
    one_thread: bool = False
    """Whether more threads would only cost: it probably has no FROM."""


class Result:
    """A streamed result, to be read once; `row_count` is known at its end.

    `body` is all of it where it is small: it has come already.
    """

    def __init__(self, started: Started | Whole, lease: Lease) -> None:
        self.columns = started.columns
        self.reads = started.reads
        self.body = started.body if isinstance(started, Whole) else None
        self.row_count = started.row_count if isinstance(started, Whole) else None
        self.chunks = self._chunks(lease)
        """Raises RefusedError when the query fails; then the result is incomplete."""
        self.end = lease.end
        """To be called once, when no more of it is wanted: it cancels a query that still runs."""

    async def _chunks(self, lease: Lease) -> AsyncIterator[bytes]:
        if self.body is not None:
            yield self.body
            return
        while not isinstance(message := await lease.receive(), Done):
            if not isinstance(message, Chunk):
                raise TypeError(f"a worker sent {type(message).__name__} among Chunks")
            yield message.data
        self.row_count = message.row_count


class QueryEngine:
    """Runs queries. Between `start` and `close`; all calls from one event loop."""

    def __init__(self, settings: EngineSettings, forks: ForkServer) -> None:
        self._settings = settings
        self._pool = WorkerPool(forks, _configure(settings), settings.workers)
        self._places = Places(settings.workers, settings.max_waiting, settings.retry_after_s)
        self._number = 0
        self._leases: set[Lease] = set()
        """Of queries that run within their time."""
        self._tasks: set[asyncio.Task[None]] = set()
        """That stop queries and replace workers."""

    async def start(self) -> None:
        """Start every worker. Raises the error that prevents the first one from starting."""
        await self._pool.start()

    async def close(self) -> None:
        """End every worker, after the running queries have ended."""
        while self._leases or self._tasks:
            await asyncio.gather(*(lease.wait() for lease in self._leases), *self._tasks)
        await self._pool.close()

    def patience_s(self, principal: str) -> float | None:
        """How long a client of this principal may pause reading its result; None: nobody waits."""
        if self._places.queue.others_wait(principal):
            return OTHERS_PATIENCE_S
        return OWN_PATIENCE_S if self._places.queue.waits(principal) else None

    def renew(self) -> None:
        """Replace every worker once its query has ended: a worker keeps footers in memory."""
        self._pool.renew()

    @asynccontextmanager
    async def run(
        self,
        query: Query,
        resolve: Resolve,
        begun: Callable[[], None] = lambda: None,
        likely: Mapping[str, View] = _NO_VIEWS,
        objects: ObjectSource | None = None,
    ) -> AsyncIterator[Result]:
        """As `begin`; leaving the context, by cancellation too, ends the query."""
        result = await self.begin(query, resolve, begun, likely, objects)
        try:
            yield result
        finally:
            result.end()

    async def begin(
        self,
        query: Query,
        resolve: Resolve,
        begun: Callable[[], None] = lambda: None,
        likely: Mapping[str, View] = _NO_VIEWS,
        objects: ObjectSource | None = None,
    ) -> Result:
        """Run `query` and return its result, whose first rows are ready then. Its `end` must be called.

        `begun` is called once it has a worker. The time limit counts the wait for one. `likely`
        are views that `resolve` would answer with, should the query turn out to name them; `objects`
        answers for the objects that views name by `object_url`.
        Raises RefusedError with `sql_error`, `statement_not_allowed`, `invalid_request`, `busy`,
        `query_timeout`, `query_killed`, `query_out_of_memory`, or what `objects` answers.
        """
        params_json = encoded(query.params)
        lease = await self._lease(
            query.principal,
            query.timeout_s,
            is_work=query.is_work,
            one_thread=query.one_thread,
        )
        lease.worker.objects.source = objects
        try:
            begun()
            ask = Ask(
                *(lease.number, query.sql, params_json, query.format, dict(likely)),
                rows=query.rows,
                restricted=query.restricted,
            )
            await lease.send(ask)
            return Result(await _started(lease, resolve), lease)
        except BaseException:
            lease.end()
            raise

    async def define(
        self, view: View, resolve: Resolve, objects: ObjectSource | None, principal: str
    ) -> tuple[tuple[events.Column, ...], frozenset[str]]:
        """The columns of a user's view, by Arrow's names of types, and the relations that it names.

        Raises RefusedError: what the guard refuses, `sql_error` where it cannot be bound,
        `invalid_request` for masks that do not fit, and what `run` raises.
        """
        lease = await self._lease(principal, None)
        lease.worker.objects.source = objects
        try:
            relation = view.name.lower()
            ask = Ask(lease.number, "", likely={relation: view}, define=relation)
            await lease.send(ask)
            answer = await _started(lease, resolve)
            if not isinstance(answer, Whole):
                raise TypeError("a worker streamed a view's columns")
            columns = msgspec.json.decode(answer.body, type=tuple[events.Column, ...])
            return columns, answer.reads.names
        finally:
            lease.end()

    async def _lease(
        self,
        principal: str,
        timeout_s: float | None,
        *,
        is_work: bool = False,
        one_thread: bool = False,
    ) -> Lease:
        most_s = self._settings.work_timeout_s if is_work else self._settings.timeout_s
        limit_s = min(timeout_s or most_s, most_s)
        asked_s = asyncio.get_running_loop().time()
        waiting_s = limit_s if is_work else self._settings.waiting_s
        await self._places.take(principal, limit_s, waiting_s)
        try:
            queue = self._places.queue
            alone = queue.running == 1 and not queue.waiting and not one_thread
            worker = await self._pool.take(alone=alone)
        except WorkerDied as error:
            self._places.give_back(principal)
            raise RefusedError(
                Refused("query_killed", "no worker process could be started")
            ) from error
        except BaseException:
            self._places.give_back(principal)
            raise
        self._number += 1
        waited_s = asyncio.get_running_loop().time() - asked_s
        grace_s, over = self._settings.grace_s, functools.partial(self._over, principal)
        lease = Lease(worker, self._number, limit_s, waited_s, grace_s, over)
        self._leases.add(lease)
        return lease

    def _over(self, principal: str, lease: Lease) -> None:
        """Give the place of a query back with a usable worker."""
        self._leases.discard(lease)
        if not lease.fit:
            self._keep(self._stop(principal, lease))
            return
        lease.worker.objects.release()
        self._pool.give_back(lease.worker)
        self._places.give_back(principal)

    async def _stop(self, principal: str, lease: Lease) -> None:
        """Stop a query, and replace a worker that does not stop or has died."""
        try:
            await lease.stop()
            lease.worker.objects.release()
            if lease.fit:
                self._pool.give_back(lease.worker)
            else:
                await self._pool.replace(lease.worker)
        except (WorkerDied, OSError):
            return  # the next query starts one itself, and says so when it cannot
        finally:
            self._places.give_back(principal)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _started(lease: Lease, resolve: Resolve) -> Started | Whole:
    message = await lease.receive()
    while isinstance(message, Need):
        named = await lease.within(resolve(message.names)) if message.names else {}
        listed = await lease.within(resolve(None)) if message.listing else {}
        await lease.send(Views(lease.number, dict(named), tuple(listed.values())))
        message = await lease.receive()
    if not isinstance(message, Started | Whole):
        raise TypeError(f"a worker sent {type(message).__name__} before Started")
    return message


def _configure(settings: EngineSettings) -> Configure:
    return Configure(
        data_prefixes=settings.data_prefixes,
        temp_directory=settings.temp_directory or tempfile.gettempdir(),
        temp_limit_bytes=settings.temp_limit_bytes,
        memory_limit_bytes=settings.memory_limit_bytes,
        address_space_bytes=settings.address_space_bytes,
        threads=settings.threads,
        growth_bytes=settings.growth_bytes,
        object_directories=settings.object_directories,
    )
