"""The audit of a running lake, as its admin reads it."""

from typing import Any

from lake_server import Lake


def entries(lake: Lake, after: str = "") -> list[dict[str, Any]]:
    """All entries up to now: what is pending is stored first."""
    lake.run(lake.service.audit.log.close(10))
    answer = lake.ask("GET", f"/v1/audit/entries?after={after}&limit=10000")
    assert answer.status == 200, answer
    return list(answer.json["entries"])
