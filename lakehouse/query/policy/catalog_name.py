"""The lake's name as a catalog: `lake.main.sales`, as drivers qualify what they list. Pure.

DuckDB cannot have a catalog and a schema of the name `lake` both, so the catalog is taken off the syntax
tree, and `main.sales` is what runs. Must never change a name that the guard would let through as it is:
the result is judged like any other tree.
"""

from collections.abc import Sequence

from lakehouse.query.policy.syntax_tree import Node, path

CATALOG = "lake"
"""What drivers list as the one catalog."""
_PARTS = 3


def without_catalog(nodes: Sequence[Node]) -> bool:
    """Take the catalog off the relations and columns among these nodes; whether any had it."""
    named = [
        node for node in nodes if node.get("type") == "BASE_TABLE" and _has_catalog(path(node))
    ]
    relations = {_folded(path(node)) for node in named}
    for node in named:
        node["catalog_name"] = ""
        node["qualified_name"]["path"] = path(node)[1:]
    if relations:
        for node in nodes:
            _shorten_column(node, relations)
    return bool(relations)


def _has_catalog(parts: list[str]) -> bool:
    return len(parts) == _PARTS and parts[0].lower() == CATALOG


def _shorten_column(node: Node, relations: set[tuple[str, ...]]) -> None:
    """`lake.main.sales.id` is `main.sales.id`, where the statement names `lake.main.sales`."""
    if node.get("class") != "COLUMN_REF":
        return
    names = node["column_names"]
    if len(names) > _PARTS and _folded(names[:_PARTS]) in relations:
        node["column_names"] = names[1:]


def _folded(parts: list[str]) -> tuple[str, ...]:
    return tuple(part.lower() for part in parts)
