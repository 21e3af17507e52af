"""Which types and files the Iceberg catalog serves, by field ids and by names."""

import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from iceberg_tables import PARQUET, TABLES, agree, get, parquet
from lake_server import Lake


def test_a_type_that_is_replaced_leaves_older_snapshots_as_they_were(
    lake: Lake, fresh: Callable[[], str]
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    lake.ingest(f"name={name}&schema_change=replace", b"a\nx\n")
    metadata = agree(lake, name)
    assert [each["fields"][0]["type"] for each in metadata["schemas"]] == ["long", "string"]


@pytest.mark.parametrize(("first", "then"), [(b"a\n1\n", b"a\n1.5\n"), (b"a\n1\n", b"a\nx\n")])
def test_an_object_of_a_type_that_readers_do_not_bring_to_todays(
    lake: Lake, fresh: Callable[[], str], first: bytes, then: bytes
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", first)
    lake.ingest(f"name={name}&mode=append&schema_change=widen", then)
    answer = lake.ask("GET", f"{TABLES}/{name}")
    assert (answer.status, answer.json["error"]["type"]) == (400, "BadRequestException")
    message = answer.json["error"]["message"]
    assert f"table {name}: column a" in message
    assert f"`lakehouse compact {name}`" in message
    assert name in [each["name"] for each in get(lake, TABLES)["identifiers"]]
    lake.ingest(f"name={name}", then)
    assert len(agree(lake, name)["snapshots"]) == 2, "the version between cannot be read"


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**31], pa.uint32()),
        pa.array([1], pa.uint64()),
        pa.array([1000], pa.timestamp("ns")),
    ],
)
def test_a_type_that_iceberg_lacks(lake: Lake, fresh: Callable[[], str], column: pa.Array) -> None:
    name = fresh()
    lake.ingest(f"name={name}", parquet(a=column), PARQUET)
    answer = lake.ask("GET", f"{TABLES}/{name}")
    assert (answer.status, answer.json["error"]["type"]) == (400, "BadRequestException")
    # The way out that is named leads out.
    assert f"`lakehouse compact {name}`" in answer.json["error"]["message"]
    assert lake.ask("POST", "/v1/catalog/compact", {"name": name}).status == 200
    assert lake.ask("GET", f"{TABLES}/{name}").status == 200


@pytest.mark.parametrize("column", [pa.nulls(1), pa.array([1], pa.time32("ms"))])
def test_a_type_that_compaction_keeps(
    lake: Lake, fresh: Callable[[], str], column: pa.Array
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", parquet(a=column), PARQUET)
    message = lake.ask("GET", f"{TABLES}/{name}").json["error"]["message"]
    assert ("compact" in message, "derive" in message) == (False, True)


def test_uploaded_parquet_is_read_by_names(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    body = parquet(
        a=pa.array([1], pa.int32()),
        l=pa.array([[1, 2]]),
        s=pa.array([{"x": 1, "y.z": "b"}]),
        d=pa.array([b"x"]),
    )
    lake.ingest(f"name={name}", body, PARQUET)
    lake.ingest(f"name={name}&mode=append", body, PARQUET)
    assert len(agree(lake, name)["snapshots"]) == 2


def test_uploaded_parquet_with_ids_of_its_own(lake: Lake, fresh: Callable[[], str]) -> None:
    name, out = fresh(), io.BytesIO()
    field = pa.field("a", pa.int64(), metadata={"PARQUET:field_id": "1"})
    pq.write_table(pa.table([[1]], schema=pa.schema([field])), out)
    lake.ingest(f"name={name}", out.getvalue(), PARQUET)
    answer = lake.ask("GET", f"{TABLES}/{name}")
    assert answer.status == 400
    assert "field ids of its own" in answer.json["error"]["message"]


def test_a_registered_dataset_takes_its_schema_from_footers(
    lake: Lake, fresh: Callable[[], str]
) -> None:
    name = fresh()
    lake.put(f"{name}/1.parquet", parquet(a=[1, 2], b=["x", "y"]))
    lake.put(f"{name}/2.parquet", parquet(a=[3], b=["z"]))
    lake.register(name, f"{name}/1.parquet", f"{name}/2.parquet")
    assert len(agree(lake, name)["snapshots"]) == 1


@pytest.mark.parametrize("body", [b"", b"x", b"no parquet", b"x" * 8, b"\xff\xff\xff\x7fPAR1"])
def test_a_registered_object_that_is_no_parquet(
    lake: Lake, fresh: Callable[[], str], body: bytes
) -> None:
    name = fresh()
    lake.put(f"{name}/1.parquet", body)
    lake.register(name, f"{name}/1.parquet")
    answer = lake.ask("GET", f"{TABLES}/{name}")
    assert answer.status == 400
    assert "no Parquet" in answer.json["error"]["message"]
