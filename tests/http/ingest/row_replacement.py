"""Ingests that replace rows by key or by a condition."""

from collections.abc import Callable
from typing import Any

from lake_server import Lake
from raw_http import Answer

Fresh = Callable[[], str]


def merge(lake: Lake, name: str, body: bytes, key: str = "id", more: str = "") -> Answer:
    return lake.ingest(f"name={name}&mode=merge&key={key}{more}", body)


def overwrite(lake: Lake, name: str, body: bytes, where: str, more: str = "") -> Answer:
    return lake.ingest(f"name={name}&mode=overwrite&where={where}{more}", body)


def rows(lake: Lake, name: str, order: str = "", **more: Any) -> list[list[Any]]:
    """The rows of a dataset in its own order, or in that of `order`."""
    answer = lake.sql(f"SELECT * FROM {name} {order}", **more)
    assert answer.status == 200, answer
    found: list[list[Any]] = answer.json["rows"]
    return found
