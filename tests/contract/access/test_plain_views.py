"""A plain view over a base that the caller may not read: no predicate reaches the rows it leaves out."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Client

from lakehouse.query.engine import Query, Resolve
from projections.view_sql.datasets import View

ROWS = 5_000
FAILING = [
    "CAST(code AS INTEGER) >= 0",
    "n * n * n >= 0",
    "CAST(code AS INTEGER) BETWEEN 0 AND 100 AND id > 0",
]
"""On the rows that the view leaves out they fail."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, Client]]:
    """Who may read two views, one of which reads the other, and not what is below them."""
    with running_lake(tmp_path_factory.mktemp("plain") / "bucket") as lake:
        lake.token = closed(lake)
        rows = [f"{n},{'boom' if n % 7 == 0 else n % 97},{2**40 if n % 7 == 0 else n},"
                f"{'hidden' if n % 7 == 0 else 'shown'}" for n in range(ROWS)]  # fmt: skip
        file = "\n".join(["id,code,n,grp", *rows]).encode()
        assert lake.ingest("name=people&types=code:string,n:int64", file).status == 200
        assert lake.ingest("name=groups", b"grp\nshown\n").status == 200
        for name, sql in (
            ("visible", "SELECT id, code, n FROM people WHERE grp IN (SELECT grp FROM groups)"),
            ("again", "SELECT * FROM visible"),
        ):
            assert lake.ask("PUT", f"/v1/catalog/view/{name}", {"sql": sql}).status == 200
        yield lake, principal(lake, "rita", {"visible": ["read"], "again": ["read"]})


@pytest.mark.parametrize("view", ["visible", "again"])
@pytest.mark.parametrize("test", FAILING)
def test_what_fails_on_hidden_rows_alone_does_not_fail(
    reader: tuple[Lake, Client], view: str, test: str
) -> None:
    sql = f"SELECT count(*) AS c FROM {view} WHERE {test}"
    answer = reader[1].ask("POST", "/v1/sql", {"sql": sql})
    assert answer.status == 200, answer
    assert answer.json["rows"][0][0] > 0


def test_a_view_is_secure_for_a_restricted_caller_alone(
    reader: tuple[Lake, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB 2.0.1 pushes nothing down that can fail; it promises so of secure views alone."""
    lake, rita = reader
    asked: list[bool] = []
    run = lake.service.sql._engine.begin

    def watched(query: Query, resolve: Resolve, *rest: Any, **more: Any) -> Any:
        async def noted(names: frozenset[str] | None) -> Mapping[str, View]:
            found = await resolve(names)
            asked.extend(each.definition.secure for each in found.values() if each.definition)
            return found

        return run(query, noted, *rest, **more)

    monkeypatch.setattr(lake.service.sql._engine, "begin", watched)
    for number, (client, secure) in enumerate(((rita, True), (lake, False))):
        asked.clear()
        sql = f"SELECT count(*) + {number} AS c FROM again"
        assert client.ask("POST", "/v1/sql", {"sql": sql}).status == 200
        assert asked and set(asked) == {secure}
