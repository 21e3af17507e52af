"""What engines read at a time: at that of each snapshot, and one millisecond before and after."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from canonical import rows

from lakehouse.client import request
from lakehouse.client.lake import Lake
from tests.engines.engine_process import Reader

TABLES = ("plain", "edited", "many", "reborn", "new_name")
NEWEST = 5
"""So many snapshots of a table."""


def snapshots(lake: Lake, name: str) -> list[dict[str, Any]]:
    """The snapshots of a table, oldest first, as its metadata lists them."""
    path = request.named("/iceberg/v1/namespaces/lake/tables", name)
    found: list[dict[str, Any]] = lake.http.json(request.get(path), dict)["metadata"]["snapshots"]
    return found


def differences(lake: Lake, reader: Reader) -> Iterator[tuple[str, str]]:
    """What an engine reads at a time otherwise than SQL answers as of then: (aspect, what)."""
    for name in TABLES:
        listed = snapshots(lake, name)
        first_ms = listed[0]["timestamp-ms"]
        for at_ms in _moments(listed[-NEWEST:]):
            found = reader.ask(table=name, at_ms=at_ms)
            if at_ms < first_ms:  # the table's present life has not begun
                if found.get("rows"):
                    yield "times", f"{name} at {at_ms}, before its first snapshot: {found}"
                continue
            at = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC)
            wanted = rows(lake.sql(f'FROM "{name}"', as_of=at).arrow())
            if found.get("rows") != wanted:
                yield "times", f"{name} at {at_ms}: {str(found)[:300]}, not {str(wanted)[:300]}"


def _moments(listed: list[dict[str, Any]]) -> list[int]:
    times = [each["timestamp-ms"] for each in listed]
    return sorted({at_ms + shift for at_ms in times for shift in (-1, 0, 1)})
