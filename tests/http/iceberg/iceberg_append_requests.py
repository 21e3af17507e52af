"""Appends of an engine through the Iceberg catalog, as requests and staged files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from iceberg_writer import Staged
from lake_server import Lake
from raw_http import Answer, Client

TABLES = "/iceberg/v1/namespaces/lake/tables"
Json = dict[str, Any]
ROW = pa.table({"a": pa.array([7], pa.int64())})


def put(url: str, body: bytes) -> None:
    path = Path(url.removeprefix("file://"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def get(url: str) -> bytes:
    return Path(url.removeprefix("file://")).read_bytes()


def metadata(lake: Client, name: str) -> Json:
    found: Json = lake.ask("GET", f"{TABLES}/{name}").json["metadata"]
    return found


def staged(lake: Client, name: str, *tables: pa.Table) -> Staged:
    return Staged(metadata(lake, name), put, get, *(tables or (ROW,)))


def send(lake: Client, name: str, body: Json) -> Answer:
    return lake.ask("POST", f"{TABLES}/{name}", body)


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["type"]


def refusal(lake: Lake, name: str, change: Callable[[Staged], Json]) -> tuple[int, str]:
    append, head = staged(lake, name), lake.head()
    answer = send(lake, name, change(append))
    assert lake.head() == head
    return error(answer)
