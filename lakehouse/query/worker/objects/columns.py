"""The columns of Parquet objects, compared with those of their dataset.

Owns which objects need casts. Objects never change, so each footer is examined once. Must never decide
from an object's name or size: only its footer says what it holds.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

import duckdb

from projections.view_sql.datasets import View, stored_columns, unglobbed

MOST_CELLS = 10_000
"""Objects × columns of a view that is compared: beyond it, reading outweighs the casts."""
_REMEMBERED = 10_000
"""Objects."""
# Number 0 is the root; the parts of nested columns are listed too, and never equal a view's.
_COLUMNS = """
    SELECT file_name, name, duckdb_type FROM parquet_schema(?)
    WHERE column_id <> 0 ORDER BY column_id
"""

Cursor: TypeAlias = duckdb.DuckDBPyConnection


class ObjectColumns:
    """What is known of the objects read last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, bytes] = OrderedDict()
        """Hashes of columns: ten thousand wide objects must not fill the memory."""

    def are_uniform(self, cursor: Cursor, view: View) -> bool:
        """Whether each object has exactly the view's columns, by names and types, in its order.

        Reads the footers that are not known. Raises what DuckDB raises.
        """
        columns = stored_columns(view)
        if columns is None or len(view.objects) * len(columns) > MOST_CELLS:
            return False
        unknown = [path for path in dict.fromkeys(view.objects) if path not in self._known]
        if unknown:
            self._learn(cursor, unknown)
        wanted = _hash(columns)
        return all(self._known.get(path) == wanted for path in view.objects)

    def _learn(self, cursor: Cursor, paths: list[str]) -> None:
        found: dict[str, list[tuple[str, str]]] = {}
        patterns = [unglobbed(path) for path in paths]
        for path, name, type_ in cursor.execute(_COLUMNS, [patterns]).fetchall():
            found.setdefault(path, []).append((name, type_))
        for path, columns in found.items():
            self._known[path] = _hash(columns)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _hash(columns: Sequence[tuple[str, str]]) -> bytes:
    return hashlib.sha256(repr(columns).encode()).digest()
