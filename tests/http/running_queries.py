"""Queries that run until they are cancelled, each sent by a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lake_server import Lake
from waiting import WITHIN_S, wait_until

ENDLESS = {
    "cross join": "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range > b.range",
    "sort": "SELECT * FROM range(1000000000) t(i) ORDER BY hash(i) LIMIT 5 OFFSET 900000000",
    "regex": "SELECT count(*) FROM range(99999999) WHERE regexp_matches(repeat(range::TEXT, 999), '(.*)*b')",
    "recursive CTE": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "repeat": "SELECT sum(length(repeat('x', 1000000000) || i)) FROM range(1000) t(i)",
    "one long call": "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
}
LONG = ENDLESS["cross join"]


class Asked:
    """A question that another thread asks."""

    def __init__(self, lake: Lake, text: str, query_id: str, **more: Any) -> None:
        self.answer: Any = None
        self._ask = lambda: lake.sql(text, {"Query-Id": query_id, "X-Actor": "ana"}, **more)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.answer = self._ask()

    def end(self) -> Any:
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        return self.answer


def listed(lake: Lake) -> dict[str, Any]:
    rows = lake.ask("GET", "/v1/queries").json["queries"]
    return {row["query_id"]: row for row in rows}


@contextmanager
def asking(lake: Lake, text: str, query_id: str, state: str = "running") -> Iterator[Asked]:
    """Ask, and wait until the query is in that state; cancel it in the end."""
    asked = Asked(lake, text, query_id)
    wait_until(lambda: listed(lake).get(query_id, {}).get("state") == state)
    try:
        yield asked
    finally:
        lake.ask("DELETE", f"/v1/queries/{query_id}")
        asked.end()
