"""A lake with access control, open and secret data, and two who may read little of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Answer, Client

SECRET = "payroll_q3"
PEOPLE = "id,name,born\n1,ana,1980-01-02\n2,bo,1990-03-04\n"


@contextmanager
def restricted_lake(bucket: Path) -> Iterator[Lake]:
    """The lake; its client is an admin's."""
    with running_lake(bucket) as lake:
        lake.token = closed(lake)
        assert lake.ingest("name=open_sales", b"a\n1\n").status == 200
        assert lake.ingest(f"name={SECRET}", b"a,salary\n1,99\n").status == 200
        assert lake.ingest("name=people", PEOPLE.encode()).status == 200
        safe = {"of": "people", "masks": {"born": "year"}, "unmasked": ["id"], "rows": "id = 1"}
        assert lake.ask("PUT", "/v1/catalog/view/people_safe", safe).status == 200
        plain = {"sql": f"SELECT a FROM {SECRET}"}
        assert lake.ask("PUT", "/v1/catalog/view/open_view", plain).status == 200
        masked = {"names": {"people": {"to": "people_safe"}}, "others": "visible"}
        assert lake.ask("PUT", "/v1/catalog/profile/masked", masked).status == 200
        lake.put("raw/open", b"1")
        lake.put("raw/secret", b"2")
        yield lake


def reader_of(lake: Lake) -> Client:
    """Reads what is open alone, and may make what is its own."""
    return principal(
        lake, "reader", {"open_*": ["read"], "storage:raw/open": ["read"], "mine_*": ["write"]}
    )


def masked_of(lake: Lake) -> Client:
    """Reads `people` under a profile that puts a safe view in its place."""
    return principal(
        lake, "masked", {"people": ["read", "write"], "open_*": ["read"]}, profile="masked"
    )


def sql(client: Client, text: str, **more: Any) -> Answer:
    """What a statement is answered."""
    return client.ask("POST", "/v1/sql", {"sql": text, **more})


def rows(client: Client, text: str, **more: Any) -> list[list[Any]]:
    """Its rows."""
    found = sql(client, text, **more)
    assert found.status == 200, found
    read: list[list[Any]] = found.json["rows"]
    return read
