"""Judges the SQL of users' views: the rules of statements, and further rules for views.

A view is bound in an internal schema, which has the relations that it names, so it cannot qualify
their names.
"""

import duckdb
import msgspec

from lakehouse.domain.errors import Refused
from lakehouse.query.policy.expression_shape import (
    compares_with_list,
    is_one_expression,
    is_volatile,
)
from lakehouse.query.policy.guard import shows_relation
from lakehouse.query.policy.statement import read_statement, tree, unterminated
from lakehouse.query.policy.syntax_tree import Node, every_node


class ViewBody(msgspec.Struct, frozen=True):
    """The SQL of a view, judged: `reads` are the relations that it names, in lower case."""

    sql: str
    reads: frozenset[str]
    deterministic: bool


def read_body(parser: duckdb.DuckDBPyConnection, sql: str) -> ViewBody | Refused:
    """The body of a view, or why it is not valid."""
    statement = read_statement(parser, sql)
    if isinstance(statement, Refused):
        return statement
    allowed = statement.allowed
    if allowed.explain:
        return _no("EXPLAIN is no view")
    if statement.rewritten:
        return _no(
            "a view cannot use AT or lake.nearest; query the view itself with AT, as_of or lake.nearest"
        )
    if allowed.system:
        return _no(f"a view cannot read lake.{min(allowed.system)}")
    if allowed.all_relations:
        return _no("a view cannot list relations")
    for node in every_node(tree(parser, sql)):
        if node.get("class") == "PARAMETER":
            return _no("a view has no parameters")
        if node.get("type") == "BASE_TABLE" and node["schema_name"]:
            return _no("a view names relations without a schema")
        if shows_relation(node):
            # The names that a view reads are replaced, but not in SHOW, which would show a setting.
            return _no("SHOW is no view; use DESCRIBE")
    return ViewBody(unterminated(sql), allowed.relations, allowed.deterministic)


def rows_fault(
    parser: duckdb.DuckDBPyConnection, rows: str, columns: frozenset[str]
) -> Refused | None:
    """Why a safe view's condition is not one expression without subqueries, or None.

    `columns` are those of the relation that it is over, folded.
    """
    sql = f"SELECT (\n{rows}\n)"
    statement = read_statement(parser, sql)
    if isinstance(statement, Refused):
        return statement
    document = tree(parser, sql)
    nodes = every_node(document)
    odd = statement.rewritten or not is_one_expression(document, sql)
    if odd or any(_is_outside(node) for node in nodes):
        return _no("rows must be one condition, without subqueries and parameters")
    if statement.allowed.explain or any(is_volatile(node, columns) for node in nodes):
        return _no("rows cannot depend on chance or time")
    return None


def _is_outside(node: Node) -> bool:
    kind = node.get("class")
    return kind == "PARAMETER" or (kind == "SUBQUERY" and not compares_with_list(node))


def _no(detail: str) -> Refused:
    return Refused("statement_not_allowed", detail)
