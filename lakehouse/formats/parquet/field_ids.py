"""Field ids: the number that a column has in every Parquet file that ingest writes. Pure.

An id depends on the column's path alone, so that all files of all datasets agree without a
registry. FORMAT.md, "Field ids", is the specification.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

_KEY = b"PARQUET:field_id"
_SEPARATOR = "\x1f"
_ELEMENT, _MAP_KEY, _MAP_VALUE = "element", "key", "value"


def field_id(path: Sequence[str]) -> int:
    """The id of the column with this path, from 1 to 2^30: names, `element`, `key` or `value`."""
    digest = hashlib.sha256(_SEPARATOR.join(path).encode()).digest()
    return (int.from_bytes(digest[:4], "big") >> 2) + 1


def with_field_ids(schema: pa.Schema, metadata: Mapping[bytes, bytes] | None = None) -> pa.Schema:
    """A schema whose columns have their ids, at any depth; `metadata` is the schema's own."""
    return pa.schema([_with_id(field, (field.name,)) for field in schema], metadata)


def has_field_ids(schema: pa.Schema) -> bool:
    """Whether every column of a file's schema has the id of its path, at any depth."""
    return all(
        (field.metadata or {}).get(_KEY) == str(field_id(path)).encode()
        for root in schema
        for field, path in _fields(root, (root.name,))
    )


def _with_id(field: pa.Field, path: tuple[str, ...]) -> pa.Field:
    type_ = field.type
    inner = [_with_id(each, (*path, name)) for name, each in _parts(type_)]
    if pa.types.is_fixed_size_list(type_):
        type_ = pa.list_(inner[0].with_name(_ELEMENT), type_.list_size)
    elif pa.types.is_list(type_):
        type_ = pa.list_(inner[0].with_name(_ELEMENT))
    elif pa.types.is_map(type_):
        type_ = pa.map_(*inner)
    elif pa.types.is_struct(type_):
        type_ = pa.struct(inner)
    own = {_KEY: str(field_id(path)).encode()}
    return pa.field(field.name, type_, field.nullable, own)


def _fields(field: pa.Field, path: tuple[str, ...]) -> Iterator[tuple[pa.Field, tuple[str, ...]]]:
    yield field, path
    for name, each in _parts(field.type):
        yield from _fields(each, (*path, name))


def _parts(type_: pa.DataType) -> list[tuple[str, pa.Field]]:
    """The fields that a nested type is made of, each with its name in a path."""
    if pa.types.is_map(type_):
        return [(_MAP_KEY, type_.key_field), (_MAP_VALUE, type_.item_field)]
    if pa.types.is_struct(type_):
        return [(each.name, each) for each in (type_.field(i) for i in range(type_.num_fields))]
    if type_.num_fields == 1:
        return [(_ELEMENT, type_.field(0))]
    return []
