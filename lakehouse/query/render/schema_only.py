"""The columns and parameters of a statement that is not run.

Owns the form in which DuckDB binds a statement and reads nothing for it. The text inside is exactly the
one that was judged.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from lakehouse.query.policy.statement import Statement, tree, unterminated
from lakehouse.query.policy.syntax_tree import every_node
from lakehouse.query.wire.messages import Column

PARAMETERS = "lakehouse.parameters"
"""In the metadata of the schema: the names of the parameters, as JSON."""
_EXPLAIN = "SELECT '' AS explain_key, '' AS explain_value"
_FORMS = ("({}\n) LIMIT 0", "SELECT * FROM ({}\n) LIMIT 0")
"""The second renames columns of one name; DESCRIBE, SHOW and SUMMARIZE, which need it, have none."""

Rendered = tuple[tuple[Column, ...], Iterator[bytes | memoryview]]
Render = Callable[[str, Any], Rendered]
"""The columns and the Arrow stream of a statement, given its parameters."""


def described(
    parser: duckdb.DuckDBPyConnection, statement: Statement, params: Any, render: Render
) -> tuple[tuple[Column, ...], bytes]:
    """The columns of a statement, and an Arrow stream of its schema without rows.

    Without `params` each is NULL, so that a column whose type depends on one has the type of NULL;
    a statement that cannot be bound so has no columns here. Raises duckdb.Error.
    """
    if statement.allowed.explain:
        columns, pieces = render(_EXPLAIN, None)
        return columns, _with_names(pieces, ())
    names = _parameters(tree(parser, statement.body))
    values = _unknown(names) if params is None else params
    try:
        columns, pieces = _bound(unterminated(statement.sql), values, render)
    except duckdb.Error:
        if not names or params is not None:
            raise
        return (), _document(pa.schema([]), names)
    return columns, _with_names(pieces, names)


def _bound(sql: str, params: Any, render: Render) -> Rendered:
    try:
        return render(_FORMS[0].format(sql), params)
    except duckdb.ParserException:
        return render(_FORMS[1].format(sql), params)


def _parameters(document: dict[str, Any]) -> tuple[str, ...]:
    """The names of the parameters: numbers in their order, or names in alphabetical order."""
    nodes = (node for node in every_node(document) if node.get("class") == "PARAMETER")
    names = {str(node["identifier"]) for node in nodes}
    if all(name.isdecimal() for name in names):
        return tuple(str(number) for number in range(1, max(map(int, names), default=0) + 1))
    return tuple(sorted(names))


def _unknown(names: Sequence[str]) -> Any:
    if not names:
        return None
    return [None] * len(names) if names[0].isdecimal() else dict.fromkeys(names)


def _with_names(pieces: Iterator[bytes | memoryview], names: Sequence[str]) -> bytes:
    return _document(pa.ipc.open_stream(b"".join(pieces)).schema, names)


def _document(schema: pa.Schema, names: Sequence[str]) -> bytes:
    named = schema.with_metadata({PARAMETERS: msgspec.json.encode(names)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, named):
        pass
    body: bytes = sink.getvalue().to_pybytes()
    return body
