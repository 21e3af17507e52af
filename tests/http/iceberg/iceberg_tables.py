"""Tables of the Iceberg catalog as a client reads them: metadata, manifests, rows of a snapshot."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from lake_server import Lake

BASE = "/iceberg/v1"
TABLES = f"{BASE}/namespaces/lake/tables"
Json = dict[str, Any]


def get(lake: Lake, path: str) -> Json:
    answer = lake.ask("GET", path)
    assert answer.status == 200, answer.body
    return answer.json


def load(lake: Lake, name: str, prefix: str = "") -> Json:
    found = get(lake, f"{BASE}{prefix}/namespaces/lake/tables/{name}")
    at = path_of(found["metadata-location"])
    assert json.loads(at.read_bytes()) == found["metadata"]
    return found["metadata"]


def path_of(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def avro(url: str) -> list[Json]:
    return list(fastavro.reader(io.BytesIO(path_of(url).read_bytes())))


def scan(snapshot: Json, metadata: Json) -> list[tuple[Any, ...]]:
    """The rows of a snapshot, by the columns' ids or, where a file has none, by the name mapping."""
    schema = next(s for s in metadata["schemas"] if s["schema-id"] == snapshot["schema-id"])
    mapping = json.loads(metadata["properties"]["schema.name-mapping.default"])
    ids = {name: each["field-id"] for each in mapping for name in each["names"]}
    rows: list[tuple[Any, ...]] = []
    for manifest in avro(snapshot["manifest-list"]):
        for entry in avro(manifest["manifest_path"]):
            assert entry["snapshot_id"] <= snapshot["snapshot-id"]
            found = pq.read_table(path_of(entry["data_file"]["file_path"]))
            assert found.num_rows == entry["data_file"]["record_count"]
            rows += _rows(found, schema, ids)
    assert len(rows) == int(snapshot["summary"]["total-records"])
    return rows


def _rows(table: pa.Table, schema: Json, ids: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    columns: dict[int, list[Any]] = {}
    for field in table.schema:
        own = (field.metadata or {}).get(b"PARQUET:field_id")
        columns[int(own) if own else ids[field.name]] = table[field.name].to_pylist()
    nulls = [None] * table.num_rows
    return zip(*(columns.get(each["id"], nulls) for each in schema["fields"]), strict=True)


def as_of(lake: Lake, name: str, seq: int) -> list[tuple[Any, ...]]:
    answer = lake.sql(f"FROM {name}", as_of=seq, format="arrow")
    assert answer.status == 200, answer.body
    table = pa.ipc.open_stream(answer.body).read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def agree(lake: Lake, name: str) -> Json:
    """Every snapshot has the rows that SQL has as of its event."""
    metadata = load(lake, name)
    for snapshot in metadata["snapshots"]:
        assert scan(snapshot, metadata) == as_of(lake, name, snapshot["snapshot-id"])
    return metadata


def ids_of(metadata: Json) -> list[int]:
    return [each["snapshot-id"] for each in metadata["snapshots"]]


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


PARQUET = (("Content-Type", "application/vnd.apache.parquet"),)
