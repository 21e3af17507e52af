"""Parameters that JSON cannot carry: a type by name, and a value that DuckDB casts."""

import base64

import pytest
from lake_server import Lake
from refusals import refused


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("DATE", "2026-11-02", "2026-11-02"),
        ("timestamp", "2026-11-02 01:02:03.5", "2026-11-02T01:02:03.5"),
        ("TIMESTAMPTZ", "2026-11-02T01:02:03+02:00", "2026-11-01T23:02:03Z"),
        ("DECIMAL(38,10)", "1234567890.0123456789", "1234567890.0123456789"),
        ("DECIMAL(5,2)", 1.5, "1.50"),
        ("UUID", "8d4d2f7e-2a2a-4b1c-9d7a-0f8f3c3b9a11", "8d4d2f7e-2a2a-4b1c-9d7a-0f8f3c3b9a11"),
        ("INTEGER[]", "[1, null, 3]", [1, None, 3]),
        ("STRUCT(a INTEGER, b VARCHAR)", "{'a': 1, 'b': 'x'}", {"a": 1, "b": "x"}),
        ("BOOLEAN", True, True),
        ("TINYINT", 7, 7),
        ("DOUBLE", "NaN", "NaN"),
        ("DATE", None, None),
        ("BLOB", base64.b64encode(b"\x00\xff").decode(), base64.b64encode(b"\x00\xff").decode()),
    ],
)
def test_a_value_of_a_named_type(lake: Lake, kind: str, value: object, wanted: object) -> None:
    typed = {"$type": kind, "value": value}
    assert lake.sql("SELECT ? AS x", params=[typed]).json["rows"] == [[wanted]]
    by_name = lake.sql("SELECT typeof($x), $x AS x", params={"x": typed}).json["rows"]
    assert by_name[0][1] == wanted


def test_a_typed_value_is_compared_as_its_type(lake: Lake) -> None:
    day = {"$type": "DATE", "value": "2026-11-02"}
    sql = "SELECT typeof(?), DATE '2026-11-03' - ? AS days"
    assert lake.sql(sql, params=[day, day]).json["rows"] == [["DATE", 1]]


@pytest.mark.parametrize(
    "value",
    [
        {"$type": "DATE"},
        {"value": 1},
        {"$type": 1, "value": 1},
        {"$type": "DATE", "value": "2026-11-02", "more": 1},
        {"$type": "INTEGER[]", "value": [1]},
        {"$type": "BLOB", "value": "no base64!"},
        {"$type": "BLOB", "value": 7},
        {"$type": "x" * 1025, "value": 1},
    ],
)
def test_a_parameter_of_another_shape_is_refused(lake: Lake, value: object) -> None:
    refused(lake.sql("SELECT ?", params=[value]), 400, "invalid_request")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DATE", "2026-02-30"),
        ("TINYINT", 300),
        ("nonsense", "1"),
        ("INTEGER; DROP TABLE x", "1"),
        ("STRUCT(a " * 110 + "INTEGER", "1"),
        ("", "1"),
    ],
)
def test_no_such_type_or_value(lake: Lake, kind: str, value: object) -> None:
    refused(lake.sql("SELECT ?", params=[{"$type": kind, "value": value}]), 400, "sql_error")
    assert lake.sql("SELECT 1").json["rows"] == [[1]]
