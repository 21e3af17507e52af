"""Requests that make datasets of statements, and refresh them."""

from collections.abc import Callable
from typing import Any

from lake_server import Lake
from raw_http import Answer

Fresh = Callable[[], str]


def derive(lake: Lake, name: str, sql: str, **more: Any) -> Answer:
    return lake.ask("POST", "/v1/catalog/derive", {"name": name, "sql": sql, **more})


def refresh(lake: Lake, name: str, **more: Any) -> Answer:
    return lake.ask("POST", "/v1/catalog/refresh", {"name": name, **more})


def done(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.json


def rows(lake: Lake, sql: str, **more: Any) -> Any:
    return done(lake.sql(sql, **more))["rows"]


def derivation(lake: Lake, seq: int) -> Any:
    page = done(lake.ask("GET", f"/v1/journal/events?after={seq - 1}&limit=1"))
    return page["events"][0]["data"]["derivation"]
