"""Arrow types as Iceberg types, their ids, and what is refused."""

import pyarrow as pa
import pytest

from lakehouse.formats.parquet.field_ids import field_id
from lakehouse.iceberg import types
from lakehouse.iceberg.types import Unreadable, is_promotion, name_mapping, schema_json


@pytest.mark.parametrize(
    ("type_", "wanted"),
    [
        (pa.bool_(), "boolean"),
        (pa.int8(), "int"),
        (pa.int32(), "int"),
        (pa.uint16(), "int"),
        (pa.int64(), "long"),
        (pa.float32(), "float"),
        (pa.float64(), "double"),
        (pa.decimal128(38, 4), "decimal(38,4)"),
        (pa.string(), "string"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.binary(), "binary"),
        (pa.date32(), "date"),
        (pa.time64("us"), "time"),
        (pa.timestamp("ms"), "timestamp"),
        (pa.timestamp("us", "UTC"), "timestamptz"),
    ],
)
def test_a_type_without_parts(type_: pa.DataType, wanted: str) -> None:
    found = schema_json(pa.schema([("a", type_)]), 3)
    assert found["schema-id"] == 3
    assert found["fields"] == [
        {"id": field_id(["a"]), "name": "a", "required": False, "type": wanted}
    ]


@pytest.mark.parametrize(
    "type_",
    [
        pa.uint32(),
        pa.uint64(),
        pa.timestamp("ns"),
        pa.time64("ns"),
        pa.float16(),
        pa.null(),
        pa.decimal256(50, 2),
        pa.decimal128(5, -2),
        pa.list_(pa.uint64()),
        pa.struct([("x", pa.timestamp("ns"))]),
    ],
)
def test_a_type_that_iceberg_reads_wrongly_or_not_at_all(type_: pa.DataType) -> None:
    with pytest.raises(Unreadable, match="column a"):
        schema_json(pa.schema([("a", type_)]), 0)


def test_the_parts_of_nested_types_have_ids_by_their_paths() -> None:
    nested = pa.schema(
        [
            ("l", pa.list_(pa.struct([("x.y", pa.int64())]))),
            ("m", pa.map_(pa.string(), pa.int32())),
        ]
    )
    as_list, as_map = schema_json(nested, 0)["fields"]
    assert as_list["type"]["element-id"] == field_id(["l", "element"])
    inner = as_list["type"]["element"]["fields"][0]
    assert inner["id"] == field_id(["l", "element", "x.y"])
    assert as_map["type"]["key-id"] == field_id(["m", "key"])
    assert as_map["type"]["value-id"] == field_id(["m", "value"])
    paths = [["l"], ["l", "element"], ["l", "element", "x.y"], ["m"], ["m", "key"], ["m", "value"]]
    assert types.last_column_id(schema_json(nested, 0)) == max(map(field_id, paths))
    mapped = name_mapping(nested)
    assert mapped[0]["fields"][0]["names"] == ["element"]
    assert [each["names"] for each in mapped[1]["fields"]] == [["key"], ["value"]]


def test_two_paths_with_one_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types, "field_id", lambda path: 7)
    with pytest.raises(Unreadable, match="the same field id as a"):
        schema_json(pa.schema([("a", pa.int64()), ("b", pa.int64())]), 0)


@pytest.mark.parametrize(
    ("stored", "now", "wanted"),
    [
        (pa.int32(), pa.int64(), True),
        (pa.int16(), pa.int32(), True),
        (pa.float32(), pa.float64(), True),
        (pa.decimal128(5, 2), pa.decimal128(9, 2), True),
        (pa.timestamp("ms"), pa.timestamp("us"), True),
        (pa.string(), pa.large_string(), True),
        (pa.dictionary(pa.int8(), pa.string()), pa.string(), True),
        (pa.list_(pa.int32()), pa.list_(pa.int64()), True),
        (pa.struct([("a", pa.int32())]), pa.struct([("a", pa.int64()), ("b", pa.bool_())]), True),
        (pa.int64(), pa.float64(), False),
        (pa.int64(), pa.int32(), False),
        (pa.int64(), pa.string(), False),
        (pa.date32(), pa.string(), False),
        (pa.decimal128(9, 2), pa.decimal128(9, 3), False),
        (pa.timestamp("ns"), pa.timestamp("us"), False),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), False),
        (pa.struct([("a", pa.int64())]), pa.struct([("a", pa.string())]), False),
    ],
)
def test_what_a_reader_brings_to_todays_type(
    stored: pa.DataType, now: pa.DataType, wanted: bool
) -> None:
    assert is_promotion(stored, now) is wanted
