"""A catalog that takes no appends, of a lake whose old objects are collected."""

from collections.abc import Iterator

from canonical import rows

from lakehouse.client import request
from lakehouse.client.lake import Lake
from tests.engines.engine_process import Reader
from tests.engines.moments import snapshots

TABLE = "replaced"


def fill(lake: Lake) -> None:
    """Replace a table often, then collect what it held before, but for a pinned version."""
    for number in range(6):
        lake.ingest(f"n\n{number}\n".encode(), TABLE)
    pinned = lake.dataset(TABLE).history()[1].seq
    lake.http.json(
        request.change("POST", "/v1/catalog/pin", {"name": TABLE, "as_of": pinned}), dict
    )
    snapshots(lake, TABLE)
    collected = {"dry_run": False, "older_than": "0s"}
    found = lake.http.json(request.change("POST", "/v1/gc", collected), dict)
    lake.ingest(b"n\n9\n", TABLE, "append")
    if found["deleted"] != 4:
        raise ValueError(f"gc deleted {found['deleted']} objects, not 4")


def differences(lake: Lake, reader: Reader) -> Iterator[tuple[str, str]]:
    """What an engine reads otherwise of the snapshots that are left: (aspect, what)."""
    listed = [each["snapshot-id"] for each in snapshots(lake, TABLE)]
    if len(listed) != 3:
        yield "collected", f"the snapshots {listed} are listed: pinned, the last, and an append"
    for snapshot in [None, *listed]:
        wanted = rows(lake.sql(f"FROM {TABLE}", as_of=snapshot).arrow())
        found = reader.ask(table=TABLE, snapshot=snapshot)
        if found.get("rows") != wanted:
            yield "collected", f"at {snapshot}: {str(found)[:300]}, not {str(wanted)[:300]}"


def refusals(lake: Lake, reader: Reader) -> Iterator[tuple[str, str]]:
    """What is wrong after a client tried to append to a catalog that only reads.

    A client that asks for the catalog's endpoints first does not send the append.
    """
    before = lake.http.json(request.get("/v1/journal/head"), dict)
    answer = reader.ask(append=TABLE, values=[1]).get("error", "")
    if not any(each in answer for each in ("UnsupportedOperation", "does not support endpoint")):
        yield "append", f"a catalog that only reads answered {answer or 'success'}"
    if lake.http.json(request.get("/v1/journal/head"), dict) != before:
        yield "append", "a refused append moved the journal's head"
