"""Requests of change sets, renames and staged files, and what a dataset holds after them."""

from typing import Any

from lake_server import Lake
from raw_http import Answer, Headers


def transaction(lake: Lake, *changes: Any, headers: Headers = (), **more: Any) -> Answer:
    body = {"changes": list(changes), **more}
    return lake.ask("POST", "/v1/catalog/transaction", body, headers)


def rename(lake: Lake, name: str, to: str, headers: Headers = ()) -> Answer:
    return lake.ask("POST", "/v1/catalog/rename", {"name": name, "to": to}, headers)


def stage(lake: Lake, query: str, body: bytes) -> Any:
    answer = lake.ingest(f"{query}&stage=true", body)
    assert answer.status == 200, answer
    return answer.json


def values(lake: Lake, name: str, **more: Any) -> list[Any]:
    answer = lake.sql(f"SELECT a FROM {name} ORDER BY a", **more)
    return [row[0] for row in answer.json["rows"]] if answer.status == 200 else []


def history(lake: Lake, name: str) -> list[tuple[int, str]]:
    answer = lake.ask("GET", f"/v1/catalog/history/{name}")
    return [(each["seq"], each["type"]) for each in answer.json["events"]]
