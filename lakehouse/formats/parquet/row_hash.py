"""The hash of a table's rows, whatever their order, grouping and encoding.

Two hashes of 64 bits of each row, by DuckDB, make 128 bits; the hash of a table is their sum modulo
2^128. Of a floating-point number its sign counts too, so that -0.0 is not 0.0; of a nested value, its
text. Comparable within one version of DuckDB only: it is never stored.
"""

import duckdb
import msgspec

from projections.view_sql.datasets import quoted

Types = tuple[tuple[str, str], ...]
"""(column, DuckDB's type), in order."""
_BITS = 64
_SALT = "'~'"


class RowHash(msgspec.Struct, frozen=True):
    """The number of rows and their hash, below 2^128."""

    row_count: int
    hash: int


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> Types:
    """The columns of a table or view, with DuckDB's types."""
    described = connection.execute(f"DESCRIBE {quoted(relation)}").fetchall()
    return tuple((str(name), str(type_)) for name, type_, *_ in described)


def row_hash(connection: duckdb.DuckDBPyConnection, relation: str, types: Types) -> RowHash:
    """The hash of all rows of a relation, its columns cast to these types. Raises duckdb.Error."""
    # S608: only names of columns, quoted, and DuckDB's own types get into the statement.
    sql = (
        f"SELECT count(*), sum(CAST({_hashed(types, '')} AS HUGEINT)),"  # noqa: S608
        f" sum(CAST({_hashed(types, _SALT)} AS HUGEINT)) FROM {quoted(relation)}"
    )
    found = connection.execute(sql).fetchone()
    if found is None:
        raise RuntimeError("an aggregate without a row")
    count, high, low = found[0], found[1] or 0, found[2] or 0
    return RowHash(int(count), ((int(high) << _BITS) + int(low)) % (1 << 2 * _BITS))


def _hashed(types: Types, salt: str) -> str:
    """The expression of a row's hash. With a salt the values are hashed in another order, and texts
    after the salt, since two texts with one hash keep it under whatever follows them."""
    parts = [part for name, type_ in types for part in _parts(quoted(name), type_, salt)]
    return f"hash({', '.join(([salt] if salt else []) + (parts[::-1] if salt else parts))})"


def _parts(name: str, type_: str, salt: str) -> list[str]:
    column = f"CAST({name} AS {type_})"
    if type_ in ("FLOAT", "DOUBLE"):
        return [column, f"signbit({column})"]
    if type_ == "VARCHAR":
        return [f"{salt} || {column}" if salt else column]
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION")):
        text = f"CAST({column} AS VARCHAR)"
        return [f"{salt} || {text}" if salt else text]
    return [column]
