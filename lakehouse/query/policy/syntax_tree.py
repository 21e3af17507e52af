"""A statement's syntax tree, as json_serialize_sql tells it. Pure."""

from typing import Any, TypeAlias

Node: TypeAlias = dict[str, Any]


def every_node(document: Node) -> list[Node]:
    """The nodes of the tree, each before its parts, in no order that means anything.

    Without recursion: a tree may be deeper than Python's stack.
    """
    found: list[Node] = []
    left: list[Any] = [document]
    while left:
        value = left.pop()
        if type(value) is dict:
            found.append(value)
            left.extend([part for part in value.values() if type(part) in _INNER])
        else:
            left.extend([part for part in value if type(part) in _INNER])
    return found


_INNER = (dict, list)
