"""Changing rows of objects that we did not write: uploaded and registered Parquet, and widened columns."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_server import Lake
from raw_http import Answer
from refusals import refused

from lakehouse.formats.parquet.field_ids import field_id

Fresh = Callable[[], str]
UTC = datetime.UTC
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=UTC)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
PARQUET = (("Content-Type", "application/vnd.apache.parquet"),)
TYPES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "i8": (pa.int8(), [1, None, -128]),
    "u32": (pa.uint32(), [1, 2**32 - 1, None]),
    "u64": (pa.uint64(), [1, 2**64 - 1, None]),
    "f16": (pa.float16(), [1.5, None, -0.0]),
    "f32": (pa.float32(), [0.1, float("nan"), float("inf")]),
    "f64": (pa.float64(), [0.1, float("nan"), -0.0]),
    "dec": (pa.decimal128(20, 3), [Decimal("1.125"), None, Decimal("-9.999")]),
    "text": (pa.string(), ["ä", "", None]),
    "large": (pa.large_string(), ["x", None, "y"]),
    "raw": (pa.binary(), [b"\x00\xff", None, b""]),
    "day": (pa.date32(), [datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31)]),
    "ms": (
        pa.timestamp("ms"),
        [at.replace(tzinfo=None) if at else None for at in (NOON, None, EPOCH)],
    ),
    "us": (pa.timestamp("us", "UTC"), [NOON, None, None]),
    "t32": (pa.time32("ms"), [datetime.time(1, 2, 3), None, None]),
    "yes": (pa.bool_(), [True, None, False]),
    "many": (pa.list_(pa.int64()), [[1, None], [], None]),
    "part": (pa.struct([("a", pa.int64()), ("b", pa.string())]), [{"a": 1, "b": "x"}, None, None]),
    "map": (pa.map_(pa.string(), pa.int64()), [[("k", 1)], [], None]),
}


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def typed() -> pa.Table:
    columns = {name: pa.array(values, type_) for name, (type_, values) in TYPES.items()}
    return pa.table({"n": [1, 2, 3], **columns})


def change(lake: Lake, route: str, **body: Any) -> Answer:
    return lake.ask("POST", f"/v1/catalog/{route}", body)


def stored(lake: Lake, name: str, place: int = 0) -> pa.Table:
    key = lake.manifest(name).json["objects"][place]["key"]
    return pq.read_table(Path(lake.bucket, key), partitioning=None)


@pytest.mark.parametrize("registered", [False, True])
def test_every_type_survives(lake: Lake, fresh: Fresh, registered: bool) -> None:
    name, was = fresh(), typed()
    if registered:
        key = f"raw/{name}.parquet"
        lake.put(key, parquet(was))
        lake.register(name, key, row_count=3)
    else:
        lake.ask("POST", f"/v1/ingest?name={name}&format=parquet", parquet(was), PARQUET)
    before = lake.sql(f"SELECT * FROM {name} WHERE n <> 2").json
    assert change(lake, "delete", name=name, where="n = 2").json["rows_deleted"] == 1
    assert lake.sql(f"SELECT * FROM {name}").json == before
    found = stored(lake, name)
    for field in was.schema:
        # Strings are one type; DuckDB hands others out as wider ones where no schema says more.
        kin = field.name == "large" or (registered and field.name in ("f16", "t32", "ms"))
        assert kin or found.schema.field(field.name).type.equals(field.type), field
    assert repr(found["f64"].to_pylist()) == repr([0.1, -0.0])
    assert found["u64"].to_pylist() == [1, None]


def test_a_registered_key_stays_and_the_dataset_has_an_object_of_its_own(
    lake: Lake, fresh: Fresh
) -> None:
    name, key = fresh(), f"raw/{fresh()}.parquet"
    lake.put(key, parquet(pa.table({"n": [1, 2]})))
    lake.register(name, key)
    assert change(lake, "update", name=name, set={"n": "n * 10"}, where="n = 2").status == 200
    objects = lake.manifest(name).json["objects"]
    assert [each["key"] for each in objects] != [key]
    assert lake.sql(f"SELECT n FROM {name}").json["rows"] == [[1], [20]]
    assert pq.read_table(BytesIO(lake.get(key).body))["n"].to_pylist() == [1, 2]
    assert lake.delete(key).status == 204
    assert lake.sql(f"SELECT n FROM {name}").json["rows"] == [[1], [20]]


def test_field_ids_are_those_of_ingest_also_inside(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ask("POST", f"/v1/ingest?name={name}&format=parquet", parquet(typed()), PARQUET)
    change(lake, "delete", name=name, where="n = 2")
    schema = stored(lake, name).schema

    def id_of(field: pa.Field) -> int:
        return int(field.metadata[b"PARQUET:field_id"])

    assert id_of(schema.field("n")) == field_id(["n"])
    assert id_of(schema.field("part").type.field("b")) == field_id(["part", "b"])
    assert id_of(schema.field("many").type.value_field) == field_id(["many", "element"])
    assert id_of(schema.field("map").type.item_field) == field_id(["map", "value"])


def test_many_row_groups_keep_their_order(lake: Lake, fresh: Fresh) -> None:
    name, count = fresh(), 50_000
    body = parquet(pa.table({"n": range(count)}), row_group_size=1_000)
    lake.ask("POST", f"/v1/ingest?name={name}&format=parquet", body, PARQUET)
    deleted = change(lake, "delete", name=name, where="n % 100 = 7 OR n BETWEEN 3000 AND 4999")
    left = [n for n in range(count) if not (n % 100 == 7 or 3000 <= n <= 4999)]
    assert deleted.json["rows_deleted"] == count - len(left)
    assert stored(lake, name)["n"].to_pylist() == left


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_row_group_without_rows_is_no_damage(lake: Lake, fresh: Fresh, dictionary: bool) -> None:
    """A writer puts no page, at place 0, where a column of it has no values."""
    name, sink = fresh(), BytesIO()
    table = pa.table({"yes": [True] * 200, "text": [f"t{n}" for n in range(200)]})
    with pq.ParquetWriter(sink, table.schema, use_dictionary=dictionary) as writer:
        for part in (table[:0], table[:100], table[:0], table[100:]):
            writer.write_table(part)
    answer = lake.ask("POST", f"/v1/ingest?name={name}", sink.getvalue(), PARQUET)
    assert answer.status == 200, answer
    assert change(lake, "delete", name=name, where="text = 't150'").json["rows_deleted"] == 1
    left = [value for value in table["text"].to_pylist() if value != "t150"]
    assert stored(lake, name)["text"].to_pylist() == left
    assert lake.sql(f"SELECT count(*) FROM {name} WHERE yes").json["rows"] == [[199]]


class TestWidened:
    def test_rows_have_todays_types_as_queries_read_them(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a,b\n1,1.5\n2,2.25\n3,100.0\n")
        lake.ingest(f"name={name}&mode=append&schema_change=widen", b"a,b,c\n1.5,x,new\n")
        before = lake.sql(f"SELECT * FROM {name} WHERE b <> '2.25'").json
        assert change(lake, "delete", name=name, where="b = '2.25'").json["rows_deleted"] == 1
        assert lake.sql(f"SELECT * FROM {name}").json == before
        assert stored(lake, name).to_pydict() == {
            "a": [1.0, 3.0], "b": ["1.5", "100.0"], "c": [None, None],
        }  # fmt: skip

    def test_a_new_value_goes_into_a_column_that_the_object_lacks(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a\n1\n2\n")
        lake.ingest(f"name={name}&mode=append&schema_change=widen", b"a,c\n3,new\n")
        change(lake, "update", name=name, set={"c": "'old ' || a"}, where="c IS NULL")
        rows = lake.sql(f"SELECT * FROM {name}").json["rows"]
        assert rows == [[1, "old 1"], [2, "old 2"], [3, "new"]]


def test_quarantine_stays_and_can_be_resolved_afterwards(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n2\n")
    aside = lake.ingest(f"name={name}&mode=append&on_error=quarantine", b"a\n3\nx\n").json
    key = aside["quarantine"]["key"]
    assert change(lake, "delete", name=name, where="a <> 2").json["rows_deleted"] == 2
    assert lake.get(key).status == 200
    assert lake.ingest(f"name={name}&mode=append&resolves={key}", b"a\n4\n").status == 200
    assert lake.sql(f"SELECT a FROM {name}").json["rows"] == [[2], [4]]


def test_a_hostile_object_fails_alone(lake: Lake, fresh: Fresh) -> None:
    name, key = fresh(), f"raw/{fresh()}.parquet"
    body = bytearray(parquet(pa.table({"n": range(10_000)}), compression="snappy"))
    body[200:2_000] = b"\xff" * 1_800
    lake.put(key, bytes(body))
    lake.register(name, key)
    answer = change(lake, "delete", name=name, where="n > 5")
    assert answer.status in (400, 500), answer
    assert answer.json["code"] in ("sql_error", "query_killed")
    refused(change(lake, "delete", name=fresh(), where="true"), 404, "dataset_not_found")
