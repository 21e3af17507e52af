"""Decides whether a statement may run, from DuckDB's own syntax tree. Pure.

An allow-list of node kinds, relations and functions: it refuses everything unknown. It never
parses text and never runs anything. It must hold on its own, also against a DuckDB without any
sandbox: every relation that it lets through is a dataset, a CTE in scope or a listing.
"""

import difflib
from collections.abc import Iterator

import msgspec

from journal.column_names import folded
from lakehouse.domain.errors import Refused
from lakehouse.query import relations
from lakehouse.query.policy import functions
from lakehouse.query.policy.syntax_tree import INNER, Node, arguments, path, text
from lakehouse.system.view_table import SCHEMA, SYSTEM_VIEWS

Scope = frozenset[str]

_KINDS = frozenset(
    {
        "SELECT_NODE",
        "SET_OPERATION_NODE",
        "RECURSIVE_CTE_NODE",
        "EMPTY",
        "JOIN",
        "SUBQUERY",
        "PIVOT",
        "EXPRESSION_LIST",
        "BASE_TABLE",
        "TABLE_FUNCTION",
        "SHOW_REF",
        "ORDER_MODIFIER",
        "LIMIT_MODIFIER",
        "DISTINCT_MODIFIER",
        "ORDER_DEFAULT",
        "ASCENDING",
        "DESCENDING",
    }
)
_CLASSES = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "LAMBDA_REF",
        "OPERATOR",
        "PARAMETER",
        "POSITIONAL_REFERENCE",
        "STAR",
        "SUBQUERY",
        "TYPE",
        "WINDOW",
    }
)
_SETTINGS = frozenset({"timezone"})
"""Settings that current_setting may read: others reveal facts about the machine."""
_BUILT_IN: tuple[list[str], ...] = ([], ["main"], ["system", "main"])
"""Where DuckDB's own functions and types are."""
_SHOW = frozenset({"DESCRIBE", "SUMMARY", "SHOW_SPECIAL"})
_SHOWN = frozenset({'"tables"', "__show_tables_expanded"})
_LONGEST_FUNCTION = 64
_CALLABLE = functions.SCALAR | functions.PARSED
_KNOWN = _CALLABLE | functions.WINDOW | functions.TABLE | functions.REFUSED


class Allowed(msgspec.Struct, frozen=True):
    """A statement that may run, and the datasets (lower-case names) that it reads.

    `system` are the system views that it reads. `all_relations`: it lists datasets, so it wants
    to know them all. `deterministic`: it uses neither random numbers nor the clock. `locations` maps each
    relation to the byte where it is first named.
    """

    relations: frozenset[str]
    all_relations: bool = False
    explain: bool = False
    locations: dict[str, int] = {}
    system: frozenset[str] = frozenset()
    deterministic: bool = True


class _Relation(msgspec.Struct, frozen=True):
    name: str
    location: int


class _System(msgspec.Struct, frozen=True):
    name: str


class _Volatile(msgspec.Struct, frozen=True):
    """A part whose result may differ when it runs again."""


class _Listing(msgspec.Struct, frozen=True):
    """The statement lists the datasets."""


Judged = _Relation | _System | _Volatile | _Listing
Finding = Judged | Refused


def check(document: Node, explain: bool = False) -> Allowed | Refused:
    """Judge the output of json_serialize_sql for one statement.

    Returns Refused `statement_not_allowed` for what may not run and `sql_error` for a function
    that does not exist, which is then not left to DuckDB to find out.
    """
    statements = document.get("statements", [])
    if len(statements) != 1:
        return _no("one statement at a time")
    found: list[Judged] = []
    try:
        for finding in _visit(statements[0]["node"], frozenset()):
            if isinstance(finding, Refused):
                return finding
            found.append(finding)
    except RecursionError:
        return Refused("sql_error", "the statement is nested too deeply")
    return _allowed(found, explain)


def shows_relation(node: Node) -> bool:
    """Whether a node is `SHOW name`: what DESCRIBE says, or the value of a setting of that name."""
    named = node.get("type") == "SHOW_REF" and node["show_type"] == "SHOW"
    return named and node["query"] is None and path(node) == [node["table_name"]]


def _allowed(found: list[Judged], explain: bool) -> Allowed:
    locations: dict[str, int] = {}
    for finding in found:
        if isinstance(finding, _Relation):
            locations.setdefault(finding.name, finding.location)
    listing = any(isinstance(finding, _Listing) for finding in found)
    system = frozenset(each.name for each in found if isinstance(each, _System))
    volatile = any(isinstance(finding, _Volatile) for finding in found)
    return Allowed(frozenset(locations), listing, explain, locations, system, not volatile)


def _visit(value: object, scope: Scope) -> Iterator[Finding]:
    """Every finding in any part of the tree: no field is skipped, known to us or not."""
    if isinstance(value, list):
        for item in value:
            if type(item) in INNER:
                yield from _visit(item, scope)
    elif isinstance(value, dict):
        yield from _judge(value, scope)
        yield from _descend(value, scope)


def _judge(node: Node, scope: Scope) -> Iterator[Finding]:
    """The findings of this node alone, without its parts."""
    kind = node.get("type")
    if node.get("sample"):
        yield _Volatile()
    if "class" in node:
        yield from _expression(node)
    elif kind == "BASE_TABLE":
        yield from _relation(node, scope)
    elif kind == "TABLE_FUNCTION":
        yield from _table_function(node)
    elif kind == "SHOW_REF":
        yield from _shown(node)
    elif isinstance(kind, str) and kind not in _KINDS and not kind.endswith("_TYPE_INFO"):
        yield _no(f"{kind} is not part of a read-only statement")


def _descend(node: Node, scope: Scope) -> Iterator[Finding]:
    """Walk the parts, each with the CTE names that DuckDB sees there."""
    inner = scope
    for entry in node.get("cte_map", {}).get("map", ()):
        # An earlier CTE is visible to a later one; a CTE does not see itself unless recursive.
        yield from _cte_name(entry["key"])
        yield from _visit(entry["value"], inner)
        inner = inner | {folded(entry["key"])}
    kind = node.get("type")
    for key, part in node.items():
        if key == "cte_map" or type(part) not in INNER:
            continue
        if kind == "TABLE_FUNCTION" and key == "function":
            # Judged with its node, by another list of names; its parts are like any others.
            yield from _visit([each for each in part.values() if type(each) in INNER], inner)
            continue
        recursive = kind == "RECURSIVE_CTE_NODE" and key == "right"
        yield from _visit(part, inner | {folded(node["cte_name"])} if recursive else inner)


def _cte_name(name: str) -> Iterator[Refused]:
    # If our idea of scope were ever wider than DuckDB's, such a name would be opened as a file.
    if any(sign in name for sign in "./\\:*?"):
        yield Refused("sql_error", f"a CTE cannot be named {name!r}: it reads like a file")


def _expression(node: Node) -> Iterator[Finding]:
    if node["class"] not in _CLASSES:
        yield _no(f"{node['class']} is not an expression of a read-only statement")
    if node["class"] == "COLUMN_REF" and _may_be_clock(node["column_names"]):
        yield _Volatile()  # in the tree, CURRENT_DATE and a column of that name are the same
    if node["class"] == "FUNCTION":
        yield from _function(node, _CALLABLE)
    if node["class"] == "WINDOW":
        yield from _function(node, _CALLABLE | functions.WINDOW)
    if (
        node["class"] == "TYPE"
        and _names(node, "catalog", "schema", "type_name")[:-1] not in _BUILT_IN
    ):
        yield _no("a type of another schema")


def _function(node: Node, allowed: frozenset[str]) -> Iterator[Finding]:
    *schema, name = _names(node, "catalog", "schema", "function_name")
    if name in functions.VOLATILE:
        yield _Volatile()
    if schema not in _BUILT_IN:
        yield _no(f"the function {name} of another schema")
    elif name not in allowed and not _asks_setting(name, node):
        yield _no_function(name)


def _may_be_clock(names: list[str]) -> bool:
    return len(names) == 1 and folded(names[0]) in functions.WITHOUT_PARENTHESES


def _asks_setting(name: str, node: Node) -> bool:
    if name != "current_setting" or len(given := arguments(node)) != 1:
        return False
    asked = text(given[0])
    return asked is not None and folded(asked) in _SETTINGS


def _names(node: Node, *members: str) -> list[str]:
    """The parts of a node's name, folded. DuckDB binds the path; it must be what `members` say too.

    Returns more parts than `members`, which nothing allows, where they differ.
    """
    parts = [folded(part) for part in path(node)]
    said = [folded(node[member]) for member in members if node[member]]
    return parts if parts == said else [*said, *parts, *members]


def _table_function(node: Node) -> Iterator[Finding]:
    function = node["function"]
    if function.get("class") != "FUNCTION":
        yield _no("a table function of this kind")
    else:
        yield from _function(function, functions.TABLE)


def _no_function(name: str) -> Refused:
    internal = name.startswith(functions.INTERNAL_PREFIXES)
    if name in _KNOWN or internal:
        return _no(f"the function {name} is not available here")
    near = difflib.get_close_matches(name[:_LONGEST_FUNCTION], _CALLABLE, n=1, cutoff=0.7)
    hint = f'\nDid you mean "{near[0]}"?' if near else ""
    return Refused("sql_error", f"Catalog Error: Function with name {name} does not exist!{hint}")


def _relation(node: Node, scope: Scope) -> Iterator[Finding]:
    names = _names(node, "catalog_name", "schema_name", "table_name")
    *outer, schema, name = ["", *names]
    catalog = ".".join(part for part in outer if part)
    if node.get("at_clause"):
        yield _no("AT on what is no relation of the lake")
    elif catalog:
        yield _no(f"{catalog}.{schema}.{name}: there is one catalog, unnamed")
    elif schema == "information_schema" and name in relations.LISTED:
        yield _Listing()
    elif schema == "recurring" and name in scope:
        return
    elif schema == SCHEMA:
        yield _system(name)
    elif schema not in ("", "main"):
        yield _no(f"{schema}.{name}: datasets have no schema")
    elif schema or name not in scope:
        yield _Relation(name, node["query_location"])


def _system(name: str) -> Finding:
    bare, _, moment = name.partition("@")
    if bare not in SYSTEM_VIEWS or "#" in moment:
        known = ", ".join(sorted(SYSTEM_VIEWS))
        detail = f"Catalog Error: lake.{name} does not exist; the system views are {known}"
        return Refused("sql_error", detail)
    return _System(name)


def _shown(node: Node) -> Iterator[Finding]:
    if shows_relation(node):
        # It has no place of its own; a name that is no relation is refused, since it may be a setting.
        yield _Relation(folded(node["table_name"]), 0)
        return
    if node["show_type"] not in _SHOW and not (node["show_type"] == "SHOW" and node["query"]):
        yield _no(f"{node['show_type']} is not part of a read-only statement")
    if node["query"] is not None:
        return
    if node["table_name"] in _SHOWN and not node["schema_name"] and not node["catalog_name"]:
        yield _Listing()
    else:
        yield _no("SHOW of anything but TABLES, ALL TABLES or a dataset")


def _no(detail: str) -> Refused:
    return Refused("statement_not_allowed", detail)
