"""One dataset takes files of CSV, NDJSON, pandas, polars and Spark in any order."""

import io
import math
import random
import struct
from collections.abc import Callable

import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
PARQUET = (("Content-Type", "application/vnd.apache.parquet"),)
NDJSON = (("Content-Type", "application/x-ndjson"),)
CSV = (("Content-Type", "text/csv"),)


def _parquet(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def _pandas() -> bytes:
    frame = pandas.DataFrame({"id": [1, 2], "name": ["x", None], "rate": [0.5, math.nan]})
    frame["at"] = pandas.to_datetime(["2024-01-02 03:04:05.123", None])
    memory = io.BytesIO()
    frame.to_parquet(memory)
    return memory.getvalue()


def _polars() -> bytes:
    frame = polars.DataFrame(
        {"at": [None, None], "name": ["x", "y"], "rate": [0.25, None], "id": [3, 4]},
        schema={
            "at": polars.Datetime("ms"),
            "name": polars.Categorical,
            "rate": polars.Float32,
            "id": polars.UInt8,
        },
    )
    memory = io.BytesIO()
    frame.write_parquet(memory)
    return memory.getvalue()


def _spark() -> bytes:
    # As Spark writes it: int32, INT96 timestamps, dictionaries.
    table = pa.table(
        {
            "id": pa.array([5, 6], pa.int32()),
            "name": pa.array(["x", "x"]).dictionary_encode(),
            "rate": pa.array([1.5, 2.5], pa.float32()),
            "at": pa.array([None, None], pa.timestamp("ns")),
        }
    )
    return _parquet(table, use_deprecated_int96_timestamps=True)


FILES = {
    "csv": (b"rate,id,name,at\n0.1,7,y,2024-01-01 00:00:00\n,8,,\n", CSV),
    "ndjson": (b'{"id": 9, "name": "z", "rate": 3.5, "at": "2024-01-01T00:00:00"}\n', NDJSON),
    "pandas": (_pandas(), PARQUET),
    "polars": (_polars(), PARQUET),
    "spark": (_spark(), PARQUET),
}


@pytest.mark.parametrize("first", FILES)
def test_files_of_all_programs_follow_one_of_any(lake: Lake, fresh: Fresh, first: str) -> None:
    name = fresh()
    schema = "types=at:timestamp" if first == "ndjson" else ""
    began = lake.ingest(f"name={name}&{schema}", *FILES[first])
    assert began.status == 200, began
    for file in FILES.keys() - {first}:
        answer = lake.ingest(f"name={name}&mode=append", *FILES[file])
        assert answer.status == 200, (file, answer)
        assert answer.json["schema"] == began.json["schema"]
    ids = lake.sql(f"SELECT id FROM {name} ORDER BY id").json["rows"]
    assert ids == [[number] for number in range(1, 10)]
    names = lake.sql(f"SELECT name, count(*) FROM {name} GROUP BY ALL ORDER BY ALL").json["rows"]
    assert names == [["x", 4], ["y", 2], ["z", 1], [None, 2]]


def test_a_refusal_says_which_logical_type_differs(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", *FILES["pandas"])
    zoned = pa.table(
        {
            "id": [1.5],
            "name": ["x"],
            "rate": [1.0],
            "at": pa.array([0], pa.timestamp("us", tz="UTC")),
        }
    )
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=append", _parquet(zoned), PARQUET)
        refused(answer, 409, "schema_conflict")
    problems = [(each["name"], each["problem"], each["is"]) for each in answer.json["errors"]]
    assert problems == [("id", "type", "double"), ("at", "type", "timestamp[us, tz=UTC]")]


def test_a_dataset_that_a_parquet_began_keeps_its_types(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    table = pa.table(
        {
            "n": pa.array([1], pa.int32()),
            "price": pa.array(["1.50"]).cast(pa.decimal128(10, 2)),
        }
    )
    began = lake.ingest(f"name={name}", _parquet(table), PARQUET).json
    types = [{"name": "n", "type": "int32"}, {"name": "price", "type": "decimal128(10, 2)"}]
    assert began["schema"] == types
    assert lake.ingest(f"name={name}&mode=append", b"price,n\n2.5,2\n").json["schema"] == types
    ndjson = b'{"n": 3, "price": 3.25}\n'
    assert lake.ingest(f"name={name}&mode=append", ndjson, NDJSON).json["schema"] == types
    with nothing_changes(lake):
        beyond = lake.ingest(f"name={name}&mode=append", b"n,price\n2147483648,1\n")
        refused(beyond, 409, "schema_conflict")
    expected = {"name": "n", "problem": "type", "was": "int32", "is": "int64", "line": 2}
    assert beyond.json["errors"] == [expected]
    query = f"name={name}&mode=append&schema_change=widen"
    wide = lake.ingest(query, b"n,price\n2147483648,4\n").json
    assert [each["type"] for each in wide["schema"]] == ["int64", "decimal128(10, 2)"]
    found = lake.sql(f"SELECT n, price FROM {name} ORDER BY n").json
    assert [each["type"] for each in found["columns"]] == ["BIGINT", "DECIMAL(10,2)"]
    assert found["rows"] == [[1, "1.50"], [2, "2.50"], [3, "3.25"], [2147483648, "4.00"]]


@pytest.mark.parametrize(
    ("live", "sent", "type_", "found"),
    [
        (pa.array([1]), pa.array([1.5], pa.float32()), "double", [1.0, 1.5]),
        (
            pa.array([1], pa.int32()),
            pa.array([0.1], pa.float32()),
            "double",
            [0.10000000149011612, 1.0],
        ),
        (
            pa.array([0.5], pa.float32()),
            pa.array([2**24 + 1], pa.int32()),
            "double",
            [0.5, 16777217.0],
        ),
        (pa.array([2], pa.uint8()), pa.array([-1], pa.int8()), "int16", [-1, 2]),
        (pa.array([2**32 - 1], pa.uint32()), pa.array([-1], pa.int32()), "int64", [-1, 4294967295]),
    ],
    ids=["int64 float", "int32 float", "float int32", "uint8 int8", "uint32 int32"],
)
def test_two_types_widen_to_the_narrowest_that_holds_both(
    lake: Lake, fresh: Fresh, live: pa.Array, sent: pa.Array, type_: str, found: list[float]
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", _parquet(pa.table({"a": live})), PARQUET)
    path, file = f"name={name}&mode=append", _parquet(pa.table({"a": sent}))
    refused(lake.ingest(path, file, PARQUET), 409, "schema_conflict")
    answer = lake.ingest(f"{path}&schema_change=widen", file, PARQUET)
    assert (answer.status, answer.json["schema"]) == (200, [{"name": "a", "type": type_}])
    assert lake.sql(f"SELECT a FROM {name} ORDER BY a").json["rows"] == [[each] for each in found]


def test_floats_do_not_make_doubles_of_integers_that_are_none(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n9007199254740993\n")
    file = _parquet(pa.table({"a": pa.array([1.5], pa.float32())}))
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=append&schema_change=widen", file, PARQUET)
        refused(answer, 409, "schema_conflict")
    problem = {"name": "a", "problem": "type", "was": "int64", "is": "float"}
    assert answer.json["errors"] == [problem]


def test_half_floats_fit_floats_and_doubles(lake: Lake, fresh: Fresh) -> None:
    half = _parquet(pa.table({"a": pa.array([1.5, None], pa.float16())}))
    for type_ in (pa.float32(), pa.float64()):
        name = fresh()
        lake.ingest(f"name={name}", _parquet(pa.table({"a": pa.array([0.25], type_)})), PARQUET)
        assert lake.ingest(f"name={name}&mode=append", half, PARQUET).status == 200
        found = lake.sql(f"SELECT a FROM {name} ORDER BY a").json["rows"]
        assert found == [[0.25], [1.5], [None]]


def test_nanoseconds_fit_where_all_are_whole_microseconds(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"at\n9999-12-31 00:00:00\n")
    whole = pa.table({"at": pa.array([1_000], pa.timestamp("ns"))})
    assert lake.ingest(f"name={name}&mode=append", _parquet(whole), PARQUET).status == 200
    part = pa.table({"at": pa.array([1], pa.timestamp("ns"))})
    answer = lake.ingest(f"name={name}&mode=append", _parquet(part), PARQUET)
    refused(answer, 409, "schema_conflict")
    assert lake.sql(f'SELECT "at" FROM {name} ORDER BY 1').json["rows"] == [
        ["1970-01-01T00:00:00.000001"],
        ["9999-12-31T00:00:00"],
    ]


def test_a_round_trip_by_pandas_is_bit_for_bit(lake: Lake, fresh: Fresh) -> None:
    name, rng = fresh(), random.Random(20)
    frame = pandas.DataFrame({"x": [rng.uniform(-1e6, 1e6) for _ in range(10_000)]})
    frame["y"] = [rng.random() * 10 ** rng.randrange(-300, 300) for _ in range(10_000)]
    body = frame.to_csv(index_label="row").encode()
    assert lake.ingest(f"name={name}", body).json["rounded"] == []
    first = _bits(lake.sql(f"SELECT x, y FROM {name} ORDER BY row", format="csv").body)
    assert first == [struct.pack("<dd", *pair) for pair in zip(frame.x, frame.y, strict=True)]
    again = fresh()
    lake.ingest(f"name={again}", lake.sql(f"FROM {name}", format="csv").body)
    second = _bits(lake.sql(f"SELECT x, y FROM {again} ORDER BY row", format="csv").body)
    assert second == first


def _bits(csv: bytes) -> list[bytes]:
    frame = pandas.read_csv(io.BytesIO(csv))
    return [struct.pack("<dd", *pair) for pair in zip(frame.x, frame.y, strict=True)]


def test_missing_and_added_columns_of_a_parquet_file(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b\n1,x\n")
    part = _parquet(pa.table({"c": ["y"], "a": pa.array([2], pa.int16())}))
    answer = lake.ingest(f"name={name}&mode=append", part, PARQUET)
    refused(answer, 409, "schema_conflict")
    assert answer.json["errors"] == [
        {"name": "b", "problem": "missing"},
        {"name": "c", "problem": "added"},
    ]
    query = f"name={name}&mode=append&missing=null&schema_change=widen"
    body = lake.ingest(query, part, PARQUET).json
    assert [each["name"] for each in body["schema"]] == ["a", "b", "c"]
    found = lake.sql(f"FROM {name} ORDER BY a").json["rows"]
    assert found == [[1, "x", None], [2, None, "y"]]
    only = _parquet(pa.table({"b": ["z"]}))
    assert lake.ingest(f"name={name}&missing=null", only, PARQUET).status == 200
    assert lake.sql(f"FROM {name}").json["rows"] == [[None, "z", None]]


@pytest.mark.parametrize(
    ("file", "headers", "type_"),
    [
        (b"a\n1\n", CSV, "int64"),
        (b'{"a":1.5}\n', NDJSON, "double"),
        (_parquet(pa.table({"a": pa.array([1], pa.int64())})), PARQUET, "int64"),
        (
            _parquet(pa.table({"a": pa.array([[1]], pa.list_(pa.int8()))})),
            PARQUET,
            "list<element: int8>",
        ),
        (_parquet(pa.table({"a": ["x"]})), PARQUET, "string"),
    ],
    ids=["csv", "ndjson", "int64", "list", "string"],
)
def test_a_column_of_nulls_widens_to_any_type(
    lake: Lake, fresh: Fresh, file: bytes, headers: tuple[tuple[str, str], ...], type_: str
) -> None:
    name = fresh()
    nothing = _parquet(pa.table({"a": pa.nulls(2)}))
    lake.ask("POST", f"/v1/ingest?name={name}", nothing, headers=PARQUET)
    path = f"/v1/ingest?name={name}&mode=append"
    refused(lake.ask("POST", path, file, headers=headers), 409, "schema_conflict")
    answer = lake.ask("POST", f"{path}&schema_change=widen", file, headers=headers)
    assert (answer.status, answer.json["schema"]) == (200, [{"name": "a", "type": type_}])
    counted = lake.sql(f"SELECT count(*), count(a), any_value(typeof(a)) <> 'NULL' FROM {name}")
    assert counted.json["rows"] == [[3, 1, True]]


def test_numbers_of_ndjson_that_a_declared_double_changes_are_counted(
    lake: Lake, fresh: Fresh
) -> None:
    name = fresh()
    body = b'{"x": 0.3000000000000000444}\n{"x": 12345678901234567890}\n{"x": 1}\n{"y": 1}\n'
    receipt = lake.ingest(f"name={name}&types=x:double", body, NDJSON).json
    assert receipt["rounded"] == [{"name": "x", "count": 2}]
    found = lake.sql(f"SELECT x FROM {name} ORDER BY x").json["rows"]
    assert found == [[0.30000000000000004], [1.0], [12345678901234567890.0], [None]]
