"""Runs one query in a worker: judges it, requests the views, runs it, streams the result, cleans up.

While it runs, the catalogue has the views that the statement names, and no other with rows.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import duckdb
import msgspec
import pyarrow as pa

from journal.column_names import folded
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.policy.guard import Allowed
from lakehouse.query.policy.known_statements import KnownStatements
from lakehouse.query.policy.statement import Statement, located
from lakehouse.query.relations import inner_name
from lakehouse.query.render import schema_only
from lakehouse.query.render.formats import SCHEMA
from lakehouse.query.wire.messages import (
    Ask,
    Configure,
    Done,
    Need,
    QueryFailed,
    Reads,
    RowSearch,
    Views,
    Whole,
)
from lakehouse.query.worker import row_search
from lakehouse.query.worker.channel.batch_thread import BatchesAhead, BatchThread
from lakehouse.query.worker.channel.inbox import Inbox, Interrupted
from lakehouse.query.worker.channel.outbox import Outbox
from lakehouse.query.worker.error_scrubber import (
    Scrubber,
    about_view,
    bounded,
    refusal,
    scrubber,
)
from lakehouse.query.worker.execution import METRICS, document
from lakehouse.query.worker.growth import Growth
from lakehouse.query.worker.objects.blocks import ObjectBlocks, ObjectReadError
from lakehouse.query.worker.objects.read_ahead import ReadAhead
from lakehouse.query.worker.parameters import values
from lakehouse.query.worker.relations import defined_views
from lakehouse.query.worker.relations.listing_sources import put_first
from lakehouse.query.worker.relations.named_relations import plain_names, reads_of_statement
from lakehouse.query.worker.relations.stand_ins import stand_ins
from lakehouse.query.worker.relations.view_catalog import Catalogue
from lakehouse.query.worker.sandbox import Connections
from lakehouse.query.worker.vector_search import check_searches
from projections.view_sql.datasets import View

_BREAKING = frozenset({"query_out_of_memory", "query_killed"})
_FAILURES = (
    duckdb.Error,
    pa.ArrowInvalid,
    OSError,
    RuntimeError,
    ObjectReadError,
    MemoryError,
    ValueError,
)
"""All that a query can cause. RuntimeError: pybind's std::bad_alloc; OSError: Arrow's stream."""

Cursor = duckdb.DuckDBPyConnection


class Worker(msgspec.Struct):
    """The parts of a worker process: its inbox, its outbox, its DuckDB connections."""

    configure: Configure
    connections: Connections
    parser: duckdb.DuckDBPyConnection
    inbox: Inbox
    outbox: Outbox
    objects: ObjectBlocks
    growth: Growth
    ahead: ReadAhead
    catalogue: Catalogue = msgspec.field(default_factory=Catalogue)
    statements: KnownStatements = msgspec.field(default_factory=KnownStatements)
    thread: BatchThread = msgspec.field(default_factory=BatchThread)

    def serve(self, ask: Ask) -> bool:
        """Answer one query. Returns whether this process may be asked again."""
        began_s = time.monotonic()
        self.objects.begin()
        try:
            outcome = self._outcome(ask)
        except Interrupted:
            outcome = QueryFailed("query_timeout", "interrupted")
        self.objects.end()
        if (failure := self.objects.failure) is not None:
            # Whatever error DuckDB reports, the bytes were not available.
            refused = _failed(Refused(failure.code, failure.detail), None)
            outcome = msgspec.structs.replace(refused, broken=_is_broken(outcome))
        if not isinstance(outcome, QueryFailed) and self.growth.is_too_large():
            outcome = msgspec.structs.replace(outcome, spent=True)
        self.outbox.send(outcome)
        self.growth.ended(time.monotonic() - began_s)
        return not (isinstance(outcome, QueryFailed) and outcome.broken)

    def _outcome(self, ask: Ask) -> Whole | Done | QueryFailed:
        statement: Statement | None = None
        if ask.define is None and ask.rows is None:
            try:
                statement = _stated(self.statements.read(self.parser, ask.sql))
            except RefusedError as error:
                return _failed(self._scrubbed(error, {}), None)
            except _FAILURES as error:
                return _failed(self._refusal(error, {}), None)
        with (
            self._cursor(statement) as cursor,
            self.inbox.interruptible(ask.number, cursor),
        ):
            return self._answered(cursor, ask, statement)

    @contextmanager
    def _cursor(self, statement: Statement | None) -> Iterator[Cursor]:
        """A session for one query: of its own, unless it can leave nothing behind in it."""
        if statement and not statement.has_source and statement.allowed.deterministic:
            yield self.connections.plain
            return
        cursor = self.connections.main.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _answered(
        self, cursor: Cursor, ask: Ask, statement: Statement | None
    ) -> Whole | Done | QueryFailed:
        named: Mapping[str, View] = {}
        defined = defined_views.NOTHING
        try:
            if ask.define is not None:
                return self._defined(cursor, ask, ask.define)
            if ask.rows is not None:
                return self._found_rows(cursor, ask, ask.rows)
            if statement is None:
                raise TypeError("a query has neither a statement nor a search")
            reads = reads_of_statement(statement)
            views = self._views(ask, statement, reads)
            named = views.named
            defined = defined_views.closure(self.parser, named, self._fetch(ask))
            if statement.allowed.all_relations:
                defined.check_listing()
                self._list(cursor, views.listed, statement.allowed.relations)
            reads, named = defined.added_to(reads), defined.relations | named
            self._make_views(cursor, named, defined)
            if statement.measured:
                cursor.execute(f"SET tracked_metrics = {list(METRICS)}")
            hidden = views.named.values() if ask.restricted and statement.allowed.explain else ()
            with stand_ins(cursor, self.catalogue, hidden):
                return self._stream(cursor, statement, ask, reads)
        except RefusedError as error:
            return _failed(self._scrubbed(error, named), statement)
        except _FAILURES as error:
            return _failed(
                defined.without_values(self._refusal(error, named), restricted=ask.restricted),
                statement,
            )

    def _list(self, cursor: Cursor, listed: Iterable[View], named: frozenset[str]) -> None:
        """Make what a listing shows: every dataset and view, without rows."""
        views = tuple(listed)
        self.catalogue.list(cursor, views)
        put_first(cursor, {folded(view.name) for view in views}, named)

    def _defined(self, cursor: Cursor, ask: Ask, relation: str) -> Whole:
        """Bind a view that is put: its columns, and the names that it reads."""
        view = ask.likely[relation]
        reads = defined_views.reads_of(self.parser, view)
        defined = defined_views.closure(self.parser, {relation: view}, self._fetch(ask))
        self._make_views(cursor, defined.relations, defined)
        inner = defined.relations[inner_name(relation)]
        columns = defined_views.bound_columns(cursor, inner)
        return Whole((), Reads(reads, False, False), msgspec.json.encode(columns), len(columns))

    def _found_rows(
        self, cursor: Cursor, ask: Ask, search: RowSearch
    ) -> Whole | Done | QueryFailed:
        """Stream the positions of the rows, and what is computed from each."""
        named = ask.likely
        view = next(each for each in named.values() if each.positioned)
        self._make_views(cursor, named, defined_views.NOTHING)
        refuse = partial(self._refusal, named=named)
        plan = row_search.planned(cursor, self.parser, view, search, refuse)
        statement = Statement(plan.sql, plan.sql, Allowed(frozenset()))
        try:
            reads = Reads(frozenset(), False, not plan.reads_clock)
            return self._stream(cursor, statement, ask, reads)
        except duckdb.Error as error:
            return _failed(plan.relocated(refuse(error)), None)

    def _fetch(self, ask: Ask) -> defined_views.Fetch:
        def fetch(names: frozenset[str]) -> Mapping[str, View]:
            if names <= ask.likely.keys():
                return {name: ask.likely[name] for name in names}
            self.outbox.send(Need(names, False))
            return self.inbox.views(ask.number).named

        return fetch

    def _views(self, ask: Ask, statement: Statement, reads: Reads) -> Views:
        allowed = statement.allowed
        if not reads.names and not allowed.relations and not reads.listing:
            return Views(ask.number, {})
        if reads.names <= ask.likely.keys() and not reads.listing:
            views = Views(ask.number, {name: ask.likely[name] for name in reads.names})
        else:
            self.outbox.send(Need(reads.names, reads.listing))
            views = self.inbox.views(ask.number)
        if missing := sorted(
            allowed.relations - (views.named.keys() & plain_names(allowed)),
            key=allowed.locations.__getitem__,
        ):
            raise RefusedError(_no_table(missing[0], statement))
        return views

    def _make_views(
        self, cursor: Cursor, named: Mapping[str, View], defined: defined_views.Closure
    ) -> None:
        self.catalogue.keep(cursor, named)
        for relation, view in named.items():
            try:
                if self.catalogue.has(relation):
                    self.catalogue.simplify(cursor, relation)
                    continue
                sql = defined_views.made_sql(cursor, self.parser, relation, view, defined)
                self.catalogue.make(cursor, relation, view, sql)
            except _FAILURES as error:
                refused = self._refusal(error, named)
                about = about_view if view.definition is None else defined_views.broken
                raise RefusedError(about(refused, view)) from error
        self.ahead.prepare(cursor, named.values())

    def _refusal(self, error: BaseException, named: Mapping[str, View]) -> Refused:
        message = _message(error)
        refused = refusal(message, self._scrubber(named))
        about = (view for view in named.values() if any(path in message for path in view.objects))
        # A view is bound without its objects: what is wrong with them shows when they are read.
        return about_view(refused, view) if (view := next(about, None)) else refused

    def _scrubbed(self, error: RefusedError, named: Mapping[str, View]) -> Refused:
        """A refusal without paths: one that the statement itself contains is removed too."""
        detail = self._scrubber(named).text(error.refused.detail)
        return msgspec.structs.replace(error.refused, detail=detail)

    def _scrubber(self, named: Mapping[str, View]) -> Scrubber:
        return scrubber(self.configure, named.values())

    def _stream(self, cursor: Cursor, statement: Statement, ask: Ask, reads: Reads) -> Whole | Done:
        params = values(cursor, ask.params_json)
        check_searches(cursor, statement.searches, params)
        if ask.format == SCHEMA:
            schema = schema_only.described(
                self.parser,
                statement,
                params,
                lambda sql, given: document(cursor, sql, given, SCHEMA)[:2],
            )
            return Whole(schema[0], reads, schema[1], 0)
        run = partial(document, cursor, statement.sql, params, ask.format, self.parser)
        # With one thread each core has a query of its own. JSON takes its renderer longer than DuckDB.
        if self.configure.threads == 1 or ask.format != "arrow":
            return self.outbox.send_document(ask.number, reads, *run())
        with BatchesAhead(self.thread, cursor) as ahead:
            return self.outbox.send_document(ask.number, reads, *run(ahead.batches))


def _stated(statement: Statement | Refused) -> Statement:
    if isinstance(statement, Refused):
        raise RefusedError(statement)
    return statement


def _message(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "Out of Memory Error: "
    return str(error)


def _is_broken(outcome: Whole | Done | QueryFailed) -> bool:
    return isinstance(outcome, QueryFailed) and outcome.broken


def _failed(refused: Refused, statement: Statement | None) -> QueryFailed:
    if statement is not None and statement.rewritten:
        refused = msgspec.structs.replace(refused, detail=_as_written(refused.detail, statement))
    refused = bounded(refused)
    return QueryFailed(refused.code, refused.detail, broken=refused.code in _BREAKING)


def _as_written(detail: str, statement: Statement) -> str:
    """`detail` without our names of relations of the past, and without the echo of our text."""
    for relation in statement.allowed.relations | statement.allowed.system:
        detail = detail.replace(relation, relation.partition("@")[0])
    return detail.partition("\n\nLINE ")[0]


def _no_table(name: str, statement: Statement) -> Refused:
    plain, _, moment = name.partition("@")
    if moment:
        return Refused(
            "sql_error", f"Catalog Error: Table with name {plain} did not exist at {moment}!"
        )
    where = located(statement.body, statement.allowed.locations[name])
    return Refused("sql_error", f"Catalog Error: Table with name {name} does not exist!\n\n{where}")
