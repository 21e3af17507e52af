"""The views that users define, for one statement: what they read, down to the datasets.

Owns the order in which they are made. Each is created, with all that it reads, in a schema of its moment,
which no statement can name: a view binds its names in its own schema, so a statement's `people` and the
`people` that a view reads may be two relations. Must never create a view that was not judged.
"""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import msgspec

from journal.column_names import folded
from journal.events import Column, SafeView
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.types.logical import logical_type
from lakehouse.query.policy.view_body import ViewBody, read_body, rows_fault
from lakehouse.query.relations import INNER, inner_name, parse_relation
from lakehouse.query.render.arrow import plain_schema
from lakehouse.query.render.exact_casts import exact_sql
from lakehouse.query.render.formats import as_text
from lakehouse.query.wire.messages import Reads
from projections.view_sql.datasets import Definition, View, quoted
from projections.view_sql.safe import mask_fault, masked_sql

BOOLEAN = ("BOOLEAN", '"NULL"')
"""The types of a condition, by DuckDB's names."""
MAX_RELATIONS = 1_000
"""How many relations the views of one statement may read in all."""

Fetch = Callable[[frozenset[str]], Mapping[str, View]]
"""The views of relations, by their names; those that do not exist are left out."""


class Closure(msgspec.Struct, frozen=True):
    """What the views of a statement need: relations in the order in which they are made."""

    relations: dict[str, View]
    bodies: dict[str, ViewBody]

    @property
    def deterministic(self) -> bool:
        """Whether each body is the same each time."""
        return all(body.deterministic for body in self.bodies.values())

    def check_listing(self) -> None:
        """Raises RefusedError: a listing would show what the views read."""
        if self.relations:
            detail = "a statement that lists relations cannot read a view as well"
            raise RefusedError(Refused("statement_not_allowed", detail))

    def added_to(self, reads: Reads) -> Reads:
        """What a statement reads, its views' own relations included."""
        if not self.relations:
            return reads
        names = reads.names | self.relations.keys()
        deterministic = reads.deterministic and self.deterministic
        return msgspec.structs.replace(reads, names=names, deterministic=deterministic)

    def without_values(self, refused: Refused, *, restricted: bool) -> Refused:
        """A failure without the value that it names, where a view may hide that.

        A safe view hides it from everyone, any other view from those who may not read what is below.
        """
        bound = refused.detail.startswith(("Binder", "Parser", "Catalog"))
        hides = self.masked or (restricted and bool(self.relations))
        if refused.code != "sql_error" or bound or not hides:
            return refused
        kind = "a safe view" if self.masked else "a view"
        detail = f"an expression failed on a value, which is not shown: {kind} is read"
        return Refused("sql_error", detail)

    @property
    def masked(self) -> bool:
        """Whether a safe view is among them."""
        return any(view.definition and view.definition.safe for view in self.relations.values())


NOTHING = Closure({}, {})
"""Of a statement that names no view of a user."""


def closure(parser: duckdb.DuckDBPyConnection, named: Mapping[str, View], fetch: Fetch) -> Closure:
    """All that the views among `named` read. Raises RefusedError `view_broken`, `view_cycle`."""
    known: dict[str, View | None] = {
        _inner(relation, view): _inside(_inner(relation, view), view)
        for relation, view in named.items()
        if view.definition is not None
    }
    if not known:
        return NOTHING
    bodies: dict[str, ViewBody] = {}
    wanting = set(known)
    while wanting:
        for relation in sorted(wanting):
            view = known[relation]
            if view is not None and view.definition is not None:
                bodies[relation] = _body(parser, view, view.definition)
        reads = {each for relation in wanting for each in _reads(relation, bodies)}
        wanting = reads - known.keys()
        if len(known) + len(wanting) > MAX_RELATIONS:
            detail = f"the views read more than {MAX_RELATIONS:,} relations"
            raise RefusedError(Refused("view_broken", detail))
        found = fetch(frozenset(wanting)) if wanting else {}
        known |= {each: _placed(each, found.get(each)) for each in wanting}
    return Closure(_in_order(known, bodies), bodies)


def made_sql(
    cursor: duckdb.DuckDBPyConnection,
    parser: duckdb.DuckDBPyConnection,
    relation: str,
    view: View,
    closed: Closure,
) -> str | None:
    """The statement that makes a view of a user, once all that it reads is made; None for others.

    What a statement names is but another name for the view inside.
    """
    definition = view.definition
    if definition is None:
        return None
    if not relation.startswith(INNER):
        inner = _inner(relation, view)
        inside = f"{quoted(_schema(inner))}.{quoted(parse_relation(inner).name)}"
        return f"CREATE OR REPLACE VIEW {quoted(view.name)} AS SELECT * FROM {inside}"  # noqa: S608  names are quoted
    called = f"{quoted(_schema(relation))}.{quoted(view.name)}"
    if definition.safe is None:
        kind = "SECURE VIEW" if definition.secure else "VIEW"
        return f"CREATE OR REPLACE {kind} {called} AS {closed.bodies[relation].sql}"
    base = f"{quoted(_schema(relation))}.{quoted(definition.safe.of)}"
    columns = columns_of(cursor, base)
    _judge_rows(parser, view, definition.safe, columns)
    if definition.check:
        _check_safe(cursor, definition.safe, base, columns)
    select = masked_sql(definition.safe, columns, bytes.fromhex(definition.key))
    return f"CREATE OR REPLACE SECURE VIEW {called} AS {select}"


def reads_of(parser: duckdb.DuckDBPyConnection, view: View) -> frozenset[str]:
    """What the definition of a view names. Raises RefusedError for one that is no view."""
    definition = view.definition or Definition()
    if definition.safe is not None:
        return frozenset({definition.safe.of.lower()})
    body = read_body(parser, definition.sql or "")
    if isinstance(body, Refused):
        raise RefusedError(body)
    return body.reads


def bound_columns(cursor: duckdb.DuckDBPyConnection, view: View) -> list[Column]:
    """The columns of a view that is made, with the names of the Arrow types that its results have."""
    sql = f"SELECT * FROM {quoted(view.schema or 'main')}.{quoted(view.name)} LIMIT 0"  # noqa: S608
    relation: Any = cursor.sql(sql)
    if exact := exact_sql(sql, relation.types, as_text("arrow")):
        relation = cursor.sql(exact)
    names = tuple(relation.columns) if not exact else tuple(cursor.sql(sql).columns)
    schema = plain_schema(relation.to_arrow_reader().schema, names)
    return [Column(field.name, str(logical_type(field.type))) for field in schema]


def _judge_rows(
    parser: duckdb.DuckDBPyConnection, view: View, safe: SafeView, columns: list[Column]
) -> None:
    """Raises RefusedError for a condition that may not run."""
    names = frozenset(folded(column.name) for column in columns)
    if safe.rows is None or (refused := rows_fault(parser, safe.rows, names)) is None:
        return
    raise RefusedError(broken(refused, view))


def _check_safe(
    cursor: duckdb.DuckDBPyConnection, safe: SafeView, base: str, columns: list[Column]
) -> None:
    """Raises RefusedError where the masks do not fit, or the condition of rows is no condition."""
    if fault := mask_fault(safe, columns):
        raise RefusedError(Refused("invalid_request", fault))
    if safe.rows is None:
        return
    (condition,) = columns_of(cursor, f"SELECT (\n{safe.rows}\n) FROM {base}")  # noqa: S608
    if condition.type not in BOOLEAN:
        detail = f"rows must be a boolean expression; its type is {condition.type}"
        raise RefusedError(Refused("sql_error", detail))


def columns_of(cursor: duckdb.DuckDBPyConnection, relation: str) -> list[Column]:
    """The columns of a relation as SQL names it, with DuckDB's names of their types."""
    rows = cursor.execute(f"DESCRIBE {relation}").fetchall()
    return [Column(name, type_) for name, type_, *_ in rows]


def _inner(relation: str, view: View) -> str:
    """The relation inside that a statement's name of a view stands for: another one under a profile."""
    return view.inside or inner_name(relation)


def _inside(relation: str, view: View) -> View:
    return msgspec.structs.replace(
        view, name=parse_relation(relation).name, schema=_schema(relation)
    )


def _placed(relation: str, view: View | None) -> View | None:
    return _inside(relation, view) if view is not None else None


def _schema(relation: str) -> str:
    return "!" + (parse_relation(relation).moment or "")


def _body(parser: duckdb.DuckDBPyConnection, view: View, definition: Definition) -> ViewBody:
    """The body of a view; of a safe one only what it reads. Its rows are judged with the base's columns."""
    if definition.safe is not None:
        return ViewBody("", frozenset({definition.safe.of.lower()}), True)
    body = read_body(parser, definition.sql or "")
    if isinstance(body, Refused):
        raise RefusedError(broken(body, view))
    return body


def _reads(relation: str, bodies: Mapping[str, ViewBody]) -> list[str]:
    """The relations that a view's body reads, at the view's moment."""
    body, moment = bodies.get(relation), parse_relation(relation).moment
    return [inner_name(name, moment) for name in sorted(body.reads)] if body else []


def _in_order(known: Mapping[str, View | None], bodies: Mapping[str, ViewBody]) -> dict[str, View]:
    """Each after all that it reads."""
    ordered: dict[str, View] = {}
    under_way: list[str] = []

    def add(relation: str, reader: str | None) -> None:
        if relation in ordered:
            return
        view = known[relation]
        if view is None:
            by = known[reader] if reader else None
            raise RefusedError(_missing(parse_relation(relation).name, by))
        if relation in under_way:
            raise RefusedError(Refused("view_cycle", f"view {view.name} reads itself"))
        under_way.append(relation)
        for each in _reads(relation, bodies):
            add(each, relation)
        under_way.pop()
        ordered[relation] = view

    for relation in known:
        if relation in bodies:
            add(relation, None)
    return ordered


def _missing(name: str, reader: View | None) -> Refused:
    missing = Refused("sql_error", f"Catalog Error: Table with name {name} does not exist!")
    return broken(missing, reader) if reader else missing


def broken(refused: Refused, view: View) -> Refused:
    """Why a view cannot be read. `view_cycle` and what is not the view's own fault stay."""
    detail = refused.detail.partition("\n\nLINE ")[0]
    if view.definition is not None and view.definition.check:
        return msgspec.structs.replace(refused, detail=detail)
    if refused.code in ("sql_error", "statement_not_allowed"):
        return Refused("view_broken", f"view {view.name}: {detail}")
    return refused
