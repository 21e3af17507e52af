"""Field ids: the number that a column has in every Parquet file that ingest writes. Pure.

An id depends on the column's path alone, so that all files of all datasets agree without a
registry. FORMAT.md, "Field ids", is the specification.
"""

import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa

_KEY = b"PARQUET:field_id"
_SEPARATOR = "\x1f"


def field_id(path: Sequence[str]) -> int:
    """The id of the column with this path, from 1 to 2^30: names, `element`, `key` or `value`."""
    digest = hashlib.sha256(_SEPARATOR.join(path).encode()).digest()
    return (int.from_bytes(digest[:4], "big") >> 2) + 1


def with_field_ids(schema: pa.Schema, metadata: Mapping[bytes, bytes] | None = None) -> pa.Schema:
    """A schema of flat columns, each with its id; `metadata` is the schema's own."""
    fields = [field.with_metadata({_KEY: str(field_id([field.name])).encode()}) for field in schema]
    return pa.schema(fields, metadata)
