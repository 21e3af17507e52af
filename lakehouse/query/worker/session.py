"""Runs one query in a worker: judges it, requests the views, runs it, streams the result, cleans up.

While it runs, the catalogue has the views that the statement names, and no other with rows.
"""

import socket
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.framing import frame_into, send_data
from lakehouse.query.messages import (
    Ask,
    Column,
    Configure,
    Done,
    FromWorker,
    Need,
    QueryFailed,
    Reads,
    RowSearch,
    SharedChunk,
    Started,
    Views,
    Whole,
)
from lakehouse.query.policy.guard import Allowed
from lakehouse.query.policy.known_statements import KnownStatements
from lakehouse.query.policy.statement import Statement, located, unterminated
from lakehouse.query.relations import inner_name
from lakehouse.query.render import schema_only
from lakehouse.query.render.documents import Counted, Piece, document_of
from lakehouse.query.render.exact_casts import dataset_type_fault, exact_sql
from lakehouse.query.render.formats import ROWS, SCHEMA, as_text
from lakehouse.query.render.result_columns import result_columns
from lakehouse.query.shared_memory import LEAST_BYTES, SLOT_BYTES, SharedMemory
from lakehouse.query.worker import defined_views, row_search
from lakehouse.query.worker.bulk_json import BulkJson
from lakehouse.query.worker.error_scrubber import (
    Scrubber,
    about_view,
    bounded,
    refusal,
    scrubber,
)
from lakehouse.query.worker.growth import Growth
from lakehouse.query.worker.inbox import Inbox, Interrupted
from lakehouse.query.worker.measurements import METRICS
from lakehouse.query.worker.named_relations import plain_names, reads_of_statement
from lakehouse.query.worker.object_blocks import ObjectBlocks, ObjectReadError
from lakehouse.query.worker.parameters import values
from lakehouse.query.worker.stand_ins import stand_ins
from lakehouse.query.worker.view_catalog import Catalogue
from projections.views import View

_BATCH_ROWS = 8192
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
    """The parts of a worker process: its inbox, its outputs, its DuckDB connections."""

    configure: Configure
    connection: duckdb.DuckDBPyConnection
    parser: duckdb.DuckDBPyConnection
    inbox: Inbox
    channel: socket.socket
    shared: SharedMemory
    objects: ObjectBlocks
    growth: Growth
    catalogue: Catalogue = msgspec.field(default_factory=Catalogue)
    statements: KnownStatements = msgspec.field(default_factory=KnownStatements)
    frames: bytearray = msgspec.field(default_factory=bytearray)
    """The buffer of outgoing messages, reused because new memory costs a page fault for each page."""

    def send(self, *messages: FromWorker) -> None:
        """Blocks while the engine does not read; this is the back-pressure."""
        self.frames.clear()
        for message in messages:
            frame_into(self.frames, message)
        self.channel.sendall(self.frames)

    def send_data(self, number: int, data: Piece) -> None:
        """Send a part of query `number`'s document, at most SLOT_BYTES. Blocks like `send`.

        Raises Interrupted when the query is cancelled meanwhile.
        """
        if len(data) < LEAST_BYTES:
            send_data(self.channel, data)
            return
        slot = self.inbox.slot(number)
        self.shared.write(slot, data)
        self.send(SharedChunk(slot, len(data)))

    def serve(self, ask: Ask) -> bool:
        """Answer one query. Returns whether this process may be asked again."""
        cursor = self.connection.cursor()
        self.objects.begin()
        try:
            with self.inbox.interruptible(ask.number, cursor):
                outcome = self._outcome(cursor, ask)
        except Interrupted:
            outcome = QueryFailed("query_timeout", "interrupted")
        finally:
            cursor.close()
        self.objects.end()
        if (failure := self.objects.failure) is not None:
            # Whatever error DuckDB reports, the bytes were not available.
            refused = _failed(Refused(failure.code, failure.detail), None)
            outcome = msgspec.structs.replace(refused, broken=_is_broken(outcome))
        if not isinstance(outcome, QueryFailed) and self.growth.is_too_large():
            outcome = msgspec.structs.replace(outcome, spent=True)
        self.send(outcome)
        return not (isinstance(outcome, QueryFailed) and outcome.broken)

    def _outcome(self, cursor: Cursor, ask: Ask) -> Whole | Done | QueryFailed:
        named: Mapping[str, View] = {}
        statement: Statement | None = None
        defined = defined_views.NOTHING
        try:
            if ask.define is not None:
                return self._defined(cursor, ask, ask.define)
            if ask.rows is not None:
                return self._found_rows(cursor, ask, ask.rows)
            statement = _stated(self.statements.read(self.parser, ask.sql))
            reads = reads_of_statement(statement)
            views = self._views(ask, statement, reads)
            named = views.named
            defined = defined_views.closure(self.parser, named, self._fetch(ask))
            if statement.allowed.all_relations:
                defined.check_listing()
                self.catalogue.list(cursor, views.listed)
            reads, named = defined.added_to(reads), defined.relations | named
            self._make_views(cursor, named, defined)
            if statement.measured:
                cursor.execute(f"SET tracked_metrics = {list(METRICS)}")
            hidden = views.named.values() if ask.restricted and statement.allowed.explain else ()
            with stand_ins(cursor, self.catalogue, hidden):
                return self._stream(cursor, statement, ask, reads)
        except RefusedError as error:
            # A path that the statement itself contains is removed too.
            detail = self._scrubber(named).text(error.refused.detail)
            return _failed(msgspec.structs.replace(error.refused, detail=detail), statement)
        except _FAILURES as error:
            return _failed(
                defined.without_values(self._refusal(error, named), restricted=ask.restricted),
                statement,
            )

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
            self.send(Need(names, False))
            return self.inbox.views(ask.number).named

        return fetch

    def _views(self, ask: Ask, statement: Statement, reads: Reads) -> Views:
        allowed = statement.allowed
        if not reads.names and not allowed.relations and not reads.listing:
            return Views(ask.number, {})
        if reads.names <= ask.likely.keys() and not reads.listing:
            views = Views(ask.number, {name: ask.likely[name] for name in reads.names})
        else:
            self.send(Need(reads.names, reads.listing))
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
                sql = defined_views.made_sql(cursor, relation, view, defined)
                self.catalogue.make(cursor, relation, view, sql)
            except _FAILURES as error:
                refused = self._refusal(error, named)
                about = about_view if view.definition is None else defined_views.broken
                raise RefusedError(about(refused, view)) from error

    def _refusal(self, error: BaseException, named: Mapping[str, View]) -> Refused:
        message = _message(error)
        refused = refusal(message, self._scrubber(named))
        about = (view for view in named.values() if any(path in message for path in view.objects))
        # A view is bound without its objects: what is wrong with them shows when they are read.
        return about_view(refused, view) if (view := next(about, None)) else refused

    def _scrubber(self, named: Mapping[str, View]) -> Scrubber:
        return scrubber(self.configure, named.values())

    def _stream(self, cursor: Cursor, statement: Statement, ask: Ask, reads: Reads) -> Whole | Done:
        params = values(cursor, ask.params_json)
        if ask.format == SCHEMA:
            schema = schema_only.described(
                self.parser,
                statement,
                params,
                lambda sql, given: document(cursor, sql, given, SCHEMA)[:2],
            )
            return Whole(schema[0], reads, schema[1], 0)
        columns, pieces, counted = document(cursor, statement.sql, params, ask.format, self.parser)
        first = bytes(next(pieces, b""))
        if counted.row_count < _BATCH_ROWS:  # that was all, so the rest is but the document's end
            first += b"".join(pieces)
            if len(first) <= SLOT_BYTES:
                return Whole(columns, reads, first, counted.row_count)
        self.send(Started(columns, reads))
        for data in chain.from_iterable(map(_parts, chain((first,), pieces))):
            self.send_data(ask.number, data)
        return Done(counted.row_count)


def document(
    cursor: Cursor,
    sql: str,
    params: Any,
    format_: str = "json",
    json_writer: Cursor | None = None,
) -> tuple[tuple[Column, ...], Iterator[Piece], Counted]:
    """Run `sql` and return its columns and the document of its rows, made and counted as it is read."""
    result = _submit(cursor, sql, params)
    described = result.description
    columns = result_columns(described)
    types = [kind for _, kind, *_ in described]
    if format_ == ROWS and (refused := dataset_type_fault(columns, types)):
        raise RefusedError(refused)
    if exact := exact_sql(unterminated(sql), types, as_text(format_)):
        result.close()
        result = _submit(cursor, exact, params)
    reader = result.arrow_reader()
    counted = Counted(reader, BulkJson(json_writer).pieces) if json_writer else Counted(reader)
    return columns, document_of(format_)(columns, counted), counted


def _submit(cursor: Cursor, sql: str, params: Any) -> Any:
    """Run a statement whose rows come as they are computed.

    `_submit` is what `sql(…).to_arrow_reader()` calls in the end. That one binds the statement twice
    (0.35 ms for SELECT 42, 0.23 ms this way) and loses the position from a binder's message;
    `execute(…).to_arrow_reader()` holds all rows in memory.
    """
    return cursor._submit(sql, params, "stream", _BATCH_ROWS)


def _stated(statement: Statement | Refused) -> Statement:
    if isinstance(statement, Refused):
        raise RefusedError(statement)
    return statement


def _parts(piece: Piece) -> Iterator[Piece]:
    whole = memoryview(piece)
    for start in range(0, len(whole), SLOT_BYTES):
        yield whole[start : start + SLOT_BYTES]


def _message(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "Out of Memory Error: "
    return str(error)


def _is_broken(outcome: Whole | Done | QueryFailed) -> bool:
    return isinstance(outcome, QueryFailed) and outcome.broken


def _failed(refused: Refused, statement: Statement | None) -> QueryFailed:
    if statement is not None and statement.travels:
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
