"""Parses and judges a statement. The SQL that runs is exactly the SQL that was judged.

Owns the parsing, by DuckDB, and the one prefix that its tree does not cover (EXPLAIN). Must never run
the statement.
"""

import re
from functools import partial
from typing import Any

import duckdb
import msgspec

from journal.column_names import folded
from lakehouse.domain.errors import Refused
from lakehouse.query.policy.catalog_name import without_catalog
from lakehouse.query.policy.event_bounds import event_bounds
from lakehouse.query.policy.guard import Allowed, check
from lakehouse.query.policy.nearest import Search, has_search, with_searches
from lakehouse.query.policy.syntax_tree import Node, every_node
from lakehouse.query.policy.time_travel import has_moment, travelled
from lakehouse.query.relations import MARK
from lakehouse.system.event_bounds import ALL_EVENTS, EventBounds

# Never read in another way once it has matched: the ways to read many comments as fewer are 2 ** n.
_BLANK = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*(?>.*?\*/))*+"
_OPTION = r"(?:analy[sz]e|verbose|format\s+\w+)"
_EXPLAIN = re.compile(
    rf"\A{_BLANK}explain\b{_BLANK}"
    rf"(?P<options>\(\s*{_OPTION}\s*(?:,\s*{_OPTION}\s*)*\)|analy[sz]e\b)?",
    re.IGNORECASE | re.DOTALL,
)
_ANALYZE = re.compile(r"\banaly[sz]e\b", re.IGNORECASE)
_EXPLAIN_ANALYZE = "EXPLAIN (ANALYZE, FORMAT json) "
"""In every other format DuckDB writes the names of files into the plan."""
_PREPARED = "syntax_tree"
_READ_ONLY = (
    "only SELECT, FROM, VALUES, TABLE, DESCRIBE, SHOW TABLES, SUMMARIZE and EXPLAIN of these; "
    "PIVOT needs its values: PIVOT … ON … IN (…)"
)
_NO_PAST = (
    "Catalog Error: Table with name {} does not exist!"
    " For a relation of the past write name AT (VERSION => …)."
)


class Statement(msgspec.Struct, frozen=True):
    """`sql` is what runs, `body` the part that was judged and to which locations refer."""

    sql: str
    body: str
    allowed: Allowed
    events: EventBounds = ALL_EVENTS
    """Bounds on the rows of lake.events that it can see."""
    travels: bool = False
    """Whether it contains relations as of a point in time, under internal names."""
    measured: bool = False
    """Whether it is EXPLAIN ANALYZE, whose answer holds what DuckDB measured."""
    has_source: bool = True
    """Whether it has a FROM, or a query inside it; without, there is nothing to optimise."""
    searches: tuple[Search, ...] = ()
    """Its calls of lake.nearest, which are subqueries in `sql`."""

    @property
    def rewritten(self) -> bool:
        """Whether its text is another one than the caller's, so that no place in it says anything."""
        return self.travels or bool(self.searches)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Prepare a connection for parsing: planning json_serialize_sql each time costs 0.07 ms."""
    connection.execute(f"PREPARE {_PREPARED} AS SELECT json_serialize_sql(CAST($1 AS VARCHAR))")


def read_statement(connection: duckdb.DuckDBPyConnection, text: str) -> Statement | Refused:
    """Parse and judge `text` on a connection that is prepared.

    By json_serialize_sql alone, which only parses: extract_statements opens files already (it
    expands IMPORT DATABASE and PRAGMA).
    """
    if "\0" in text:
        return Refused("sql_error", "the statement holds a NUL character, which no text may")
    document = tree(connection, text)
    if document.get("error_type") == "not implemented" and (prefix := _EXPLAIN.match(text)):
        # Rebuilt from its parts: with comments, DuckDB could read another statement than we do.
        body, options = text[prefix.end() :], prefix["options"] or ""
        explain = _EXPLAIN_ANALYZE if _ANALYZE.search(options) else f"EXPLAIN {options} "
        return _judged(connection, body, tree(connection, body), explain)
    return _judged(connection, text, document, "")


def unterminated(sql: str) -> str:
    """Return `sql` without the semicolons around its one statement, ready to put in parentheses."""
    data, begin, empty = sql.encode(), 0, True
    for start, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.comment:
            continue
        if data[start : start + 1] != b";":
            empty = False
        elif empty:
            begin = start + 1
        else:
            return data[begin:start].decode()
    return data[begin:].decode()


def located(text: str, location: int) -> str:
    """Return DuckDB's way to point at a byte of a statement: the line, and a caret under it."""
    before = text.encode()[:location].decode(errors="ignore")
    line_number, column = before.count("\n") + 1, len(before) - before.rfind("\n") - 1
    prefix = f"LINE {line_number}: "
    line = text.split("\n")[line_number - 1]
    start = max(0, column - 60)
    shown = ("..." if start else "") + line[start : start + 120]
    caret = len(prefix) + column - start + (3 if start else 0)
    return f"{prefix}{shown}\n{' ' * caret}^"


def _judged(
    connection: duckdb.DuckDBPyConnection, body: str, document: Node, prefix: str
) -> Statement | Refused:
    if document["error"]:
        return _unreadable(document, body)
    if not document["statements"]:
        return Refused("sql_error", "the statement is empty")
    nodes = every_node(document)
    shortened = without_catalog(nodes)
    moved = travelled(document) if has_moment(nodes) else None
    if isinstance(moved, Refused):
        return moved
    written = _with_mark(nodes)
    searches = (
        with_searches(moved or document, partial(tree, connection)) if has_search(nodes) else ()
    )
    if isinstance(searches, Refused):
        return searches
    if moved is not None or shortened or searches:
        # DuckDB writes the text of the changed tree, and that text is judged, since it is what runs.
        body = _text(connection, moved or document)
        document = tree(connection, body)
        nodes = every_node(document)
    allowed = check(document, bool(prefix))
    if isinstance(allowed, Refused):
        return allowed
    if unknown := written & (allowed.relations | allowed.system):
        return Refused("sql_error", _NO_PAST.format(min(unknown)))
    if moved is not None and _has_marked_cte(nodes):
        return Refused("sql_error", f"beside AT, a CTE cannot have {MARK} in its name")
    measured = prefix == _EXPLAIN_ANALYZE
    travels = moved is not None
    has_source = bool(prefix) or _has_source(nodes)
    bounds = event_bounds(nodes)
    return Statement(prefix + body, body, allowed, bounds, travels, measured, has_source, searches)


def _with_mark(nodes: list[Node]) -> frozenset[str]:
    """The relations whose written names look like our names of relations of the past: none exists."""
    named = (node["table_name"] for node in nodes if node.get("type") == "BASE_TABLE")
    return frozenset(folded(name) for name in named if MARK in name)


def _has_marked_cte(nodes: list[Node]) -> bool:
    """Whether a CTE could be taken for a relation of the past."""
    maps = (node["cte_map"]["map"] for node in nodes if node.get("cte_map"))
    return any(MARK in entry["key"] for entries in maps for entry in entries)


def _has_source(nodes: list[Node]) -> bool:
    sources = [node["from_table"] for node in nodes if "from_table" in node]
    return len(sources) != 1 or sources[0].get("type") != "EMPTY"


def _text(connection: duckdb.DuckDBPyConnection, document: Node) -> str:
    tree = msgspec.json.encode(document).decode()
    row: Any = connection.execute("SELECT json_deserialize_sql(CAST($1 AS JSON))", [tree])
    return str(row.fetchone()[0])


def tree(connection: duckdb.DuckDBPyConnection, text: str) -> Node:
    """The output of json_serialize_sql for a text, on a connection that is prepared."""
    if text.isascii():
        # Bound to a parameter by Python, the text costs more than the parsing itself.
        literal = text.replace("'", "''")
        row: Any = connection.execute(f"EXECUTE {_PREPARED}('{literal}')")
    else:
        row = connection.execute("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", [text])
    document: Node = msgspec.json.decode(row.fetchone()[0])
    return document


def _unreadable(document: Node, text: str) -> Refused:
    message = document["error_message"]
    if message.startswith(("Only SELECT", "A CTE needs")):
        return Refused("statement_not_allowed", _READ_ONLY)
    if "memory" in document["error_type"].lower():
        return Refused("query_out_of_memory", "the statement is too large to be read")
    where = f"\n\n{located(text, int(document['position']))}" if "position" in document else ""
    return Refused("sql_error", f"{document['error_type'].title()} Error: {message}{where}")
