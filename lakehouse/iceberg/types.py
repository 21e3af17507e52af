"""Arrow types as Iceberg types with field ids, and what Iceberg would read wrongly. Pure.

Source: the Iceberg table spec, "Schemas and data types" and "Column projection".
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from lakehouse.formats.parquet.field_ids import field_id
from lakehouse.formats.parquet.portable_types import coarser_type, signed_type
from lakehouse.formats.types.logical import logical_type

ELEMENT, KEY, VALUE = "element", "key", "value"
Json = dict[str, Any]
Path = tuple[str, ...]


class Unreadable(Exception):
    """A table that would be read wrongly: `column` is the path of what is wrong, with dots."""

    def __init__(self, column: str, detail: str, *, compacts: bool = False) -> None:
        super().__init__(f"column {column}: {detail}")
        self.column = column
        self.compacts = compacts

    def of_table(self, name: str) -> str:
        """The fault with the table, and the way out where there is one."""
        rewrites = f"; `lakehouse compact {name}` rewrites all its objects, with field ids and today's types"
        return f"table {name}: {self}{rewrites if self.compacts else ''}"


_CAST = "derive a dataset with the column cast, or without it"

_PLAIN: tuple[tuple[Any, str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "int"),
    (pa.types.is_int16, "int"),
    (pa.types.is_int32, "int"),
    (pa.types.is_uint8, "int"),
    (pa.types.is_uint16, "int"),
    (pa.types.is_int64, "long"),
    (pa.types.is_float32, "float"),
    (pa.types.is_float64, "double"),
    (pa.types.is_string, "string"),
    (pa.types.is_large_string, "string"),
    (pa.types.is_string_view, "string"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_large_binary, "binary"),
    (pa.types.is_binary_view, "binary"),
    (pa.types.is_date32, "date"),
)


def schema_json(columns: pa.Schema, schema_id: int) -> Json:
    """The Iceberg schema of columns. Raises Unreadable."""
    seen: dict[int, Path] = {}
    fields = [_field(column, (column.name,), seen) for column in columns]
    return {"type": "struct", "schema-id": schema_id, "fields": fields}


def name_mapping(columns: pa.Schema) -> list[Json]:
    """Which id a column has in a Parquet file without ids, at every depth."""
    return [_mapped(column, (column.name,)) for column in columns]


def last_column_id(schema: Json) -> int:
    """The highest id of a schema; 0 without columns."""
    return max(_ids(schema), default=0)


def is_promotion(stored: pa.DataType, now: pa.DataType) -> bool:
    """Whether a reader of Iceberg reads a stored column correctly under today's type."""
    if _same(stored, now):
        return True
    if pa.types.is_struct(now) and pa.types.is_struct(stored):
        return all(
            (place := stored.get_field_index(each.name)) < 0
            or is_promotion(stored.field(place).type, each.type)
            for each in (now.field(index) for index in range(now.num_fields))
        )
    if _is_list(now) and _is_list(stored):
        return is_promotion(stored.value_type, now.value_type)
    if pa.types.is_map(now) and pa.types.is_map(stored):
        keys = is_promotion(stored.key_type, now.key_type)
        return keys and is_promotion(stored.item_type, now.item_type)
    if pa.types.is_decimal(now) and pa.types.is_decimal(stored):
        return bool(stored.scale == now.scale and stored.precision <= now.precision)
    if pa.types.is_timestamp(now) and pa.types.is_timestamp(stored):
        return stored.unit != "ns" and (stored.tz is None) == (now.tz is None)
    return (_name(stored), _name(now)) in {("int", "int"), ("int", "long"), ("float", "double")}


def _same(stored: pa.DataType, now: pa.DataType) -> bool:
    name = _name(now)
    return stored == now or (name is not None and _name(stored) == name)


def _name(type_: pa.DataType) -> str | None:
    """The Iceberg type of a type without parts; None where there is none."""
    if pa.types.is_dictionary(type_):
        return _name(type_.value_type)
    return next((name for is_kind, name in _PLAIN if is_kind(type_)), None)


def _field(column: pa.Field, path: Path, seen: dict[int, Path]) -> Json:
    return {
        "id": _id(path, seen),
        "name": column.name,
        "required": False,
        "type": _type(column.type, path, seen),
    }


def _type(type_: pa.DataType, path: Path, seen: dict[int, Path]) -> Json | str:
    if (name := _name(type_)) is not None:
        return name
    if pa.types.is_decimal(type_):
        return _decimal(type_, path)
    if pa.types.is_timestamp(type_):
        if type_.unit == "ns":
            detail = f"{type_} is finer than a microsecond"
            raise Unreadable(_dotted(path), detail, compacts=True)
        return "timestamptz" if type_.tz else "timestamp"
    if pa.types.is_time64(type_) and type_.unit == "us":
        return "time"
    if pa.types.is_struct(type_):
        parts = [type_.field(index) for index in range(type_.num_fields)]
        return {
            "type": "struct",
            "fields": [_field(each, (*path, each.name), seen) for each in parts],
        }
    if _is_list(type_):
        return {
            "type": "list",
            "element-id": _id((*path, ELEMENT), seen),
            "element": _type(type_.value_type, (*path, ELEMENT), seen),
            "element-required": False,
        }
    if pa.types.is_map(type_):
        return {
            "type": "map",
            "key-id": _id((*path, KEY), seen),
            "key": _type(type_.key_type, (*path, KEY), seen),
            "value-id": _id((*path, VALUE), seen),
            "value": _type(type_.item_type, (*path, VALUE), seen),
            "value-required": False,
        }
    detail = f"Iceberg has no type for {type_}"
    if coarser_type(type_) is not None or signed_type(type_) != logical_type(type_):
        raise Unreadable(_dotted(path), detail, compacts=True)
    raise Unreadable(_dotted(path), f"{detail}: {_CAST}")


def _decimal(type_: pa.DataType, path: Path) -> str:
    if type_.precision > 38 or type_.scale < 0:
        raise Unreadable(_dotted(path), f"Iceberg has no type for {type_}: {_CAST}")
    return f"decimal({type_.precision},{type_.scale})"


def _id(path: Path, seen: dict[int, Path]) -> int:
    found = field_id(path)
    if seen.setdefault(found, path) != path:
        detail = f"has the same field id as {_dotted(seen[found])}: rename one of them"
        raise Unreadable(_dotted(path), detail)
    return found


def _mapped(column: pa.Field, path: Path) -> Json:
    found: Json = {"field-id": field_id(path), "names": [path[-1]]}
    parts = [_mapped(part, (*path, name)) for name, part in _parts(column.type)]
    return found | ({"fields": parts} if parts else {})


def _parts(type_: pa.DataType) -> list[tuple[str, pa.Field]]:
    if pa.types.is_map(type_):
        return [(KEY, type_.key_field), (VALUE, type_.item_field)]
    if pa.types.is_struct(type_):
        return [(each.name, each) for each in (type_.field(i) for i in range(type_.num_fields))]
    return [(ELEMENT, type_.value_field)] if _is_list(type_) else []


def _is_list(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
    )


def _ids(part: Any) -> Iterator[int]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("id", "element-id", "key-id", "value-id"):
                yield value
            else:
                yield from _ids(value)
    elif isinstance(part, list):
        for each in part:
            yield from _ids(each)


def _dotted(path: Path) -> str:
    return ".".join(path)
