"""Views, profiles and definitions beside access: nothing below them is shown to who may not read it."""

from collections.abc import Iterator
from typing import Any

import pytest
from lake_server import Lake
from principals import principal
from raw_http import Answer, Client
from refusals import refused
from restricted_lake import SECRET, masked_of, reader_of, restricted_lake, rows, sql


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with restricted_lake(tmp_path_factory.mktemp("reads") / "bucket") as lake:
        yield lake


@pytest.fixture(scope="module")
def reader(lake: Lake) -> Client:
    return reader_of(lake)


@pytest.fixture(scope="module")
def masked(lake: Lake) -> Client:
    return masked_of(lake)


def test_a_refresh_says_nothing_of_a_statement_that_may_not_be_read(lake: Lake) -> None:
    lake.ingest("name=wages", b"salary\n99\n")
    derived = {"name": "mine_pay", "sql": "SELECT salary AS pay FROM wages WHERE salary > 41"}
    assert lake.ask("POST", "/v1/catalog/derive", derived).status == 200
    lake.ingest("name=wages&mode=append", b"salary\n100\n")
    clerk = principal(lake, "clerk", {"mine_*": ["read", "write"]})
    one = clerk.ask("POST", "/v1/catalog/refresh", {"name": "mine_pay"})
    every = clerk.ask("POST", "/v1/catalog/refresh", {"all": True})
    refused(one, 400, "sql_error")
    assert [row["outcome"] for row in every.json["results"]] == ["refused"]
    for found in (one, every):
        assert not any(word in found.body.decode() for word in ("wages", "salary"))
    for name in ("mine_pay", "wages"):
        assert lake.drop(name).status == 200


def test_a_grant_on_a_view_needs_none_on_its_base(reader: Client) -> None:
    assert rows(reader, "SELECT * FROM open_view") == [[1]]
    shown = reader.ask("GET", "/v1/catalog/view/open_view").json
    assert (shown["sql"], shown["reads"], shown["safe"]) == (None, [], None)


def test_under_a_profile_the_base_is_the_view(masked: Client) -> None:
    assert rows(masked, "SELECT * FROM people") == [[1, None, 1980]]
    assert rows(masked, "SELECT * FROM people", profile="MASKED") == [[1, None, 1980]]
    refused(sql(masked, "SELECT 1", profile="other"), 403, "forbidden")
    refused(masked.ask("GET", "/v1/catalog/list?profile=other"), 403, "forbidden")
    columns = rows(masked, "SELECT name, type FROM lake.columns WHERE dataset = 'people'")
    assert columns == [["id", "int64"], ["name", "string"], ["born", "int32"]]


@pytest.mark.parametrize("explain", ["EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (FORMAT json)"])
@pytest.mark.parametrize("name", ["people", "open_view"])
def test_a_plan_shows_nothing_below_a_view(
    lake: Lake, masked: Client, explain: str, name: str
) -> None:
    before = rows(masked, f"SELECT count(*) FROM {name}")
    plan = sql(masked, f"{explain} SELECT count(*) FROM {name} WHERE 1 = 1")
    assert plan.status == 200, plan
    for word in (b"hidden", b"parquet", b"PARQUET", b"READ", b"salary", b"payroll", b"id = 1"):
        assert word not in plan.body, word
    assert rows(masked, f"SELECT count(*) FROM {name}") == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/catalog/manifest/people", None),
        ("GET", "/v1/catalog/history/people", None),
        ("GET", "/v1/catalog/why/people", None),
        ("GET", "/v1/catalog/why/people?where=name%3D'bo'", None),
        ("GET", "/v1/journal/events?dataset=people", None),
        ("GET", "/v1/catalog/diff?from=0", None),
        ("GET", "/v1/storage/list", None),
        ("GET", "/v1/catalog/views", None),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM people_safe"}),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM lake.objects"}),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM lake.events"}),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM lake.views"}),
        ("POST", "/v1/catalog/delete", {"name": "people", "where": "name = 'bo'", "dry_run": True}),
        ("POST", "/v1/catalog/pin", {"name": "people", "as_of": 5}),
    ],
)
def test_no_other_door_leads_to_the_base(
    lake: Lake, masked: Client, method: str, path: str, body: Any
) -> None:
    base = lake.manifest("people").json
    found = masked.ask(method, path, body)
    assert base["objects"][0]["key"].encode() not in found.body
    assert base["objects"][0]["sha256"].encode() not in found.body
    assert b"people_safe" not in found.body or b"does not exist" in found.body
    assert b'"bo"' not in found.body


def test_a_manager_cannot_show_what_it_may_not_read(lake: Lake) -> None:
    dee = principal(lake, "dee", {"d_*": ["manage", "read"], "open_sales": ["read"]})
    view = {"sql": f"SELECT * FROM {SECRET}"}
    refused(dee.ask("PUT", "/v1/catalog/view/d_v", view), 400, "sql_error")
    refused(dee.ask("PUT", "/v1/catalog/view/d_v", {"of": SECRET}), 400, "sql_error")
    profile = {"names": {"d_x": {"to": SECRET}}, "others": "visible"}
    refused(dee.ask("PUT", "/v1/catalog/profile/d_p", profile), 403, "forbidden")
    opened = {"names": {}, "others": "visible"}
    refused(dee.ask("PUT", "/v1/catalog/profile/masked", opened), 403, "forbidden")
    refused(dee.ask("DELETE", "/v1/catalog/profile/masked"), 403, "forbidden")
    assert dee.ask("PUT", "/v1/catalog/view/d_v", {"sql": "SELECT * FROM open_sales"}).status == 200


def test_a_refused_definition_names_nothing_hidden(lake: Lake) -> None:
    grants = {"g_*": ["manage", "read", "write"], "open_*": ["read"]}
    gil = principal(lake, "gil", grants)

    def view(client: Client, name: str, sql: str) -> Answer:
        return client.ask("PUT", f"/v1/catalog/view/{name}", {"sql": sql})

    def derive(client: Client, name: str, sql: str, **more: Any) -> Answer:
        return client.ask("POST", "/v1/catalog/derive", {"name": name, "sql": sql, **more})

    made = [view(gil, "g_v", "SELECT 1 AS a"), view(lake, "deep_v", "FROM g_v")]
    made += [view(lake, "open_v", "FROM deep_v"), derive(gil, "g_d", "FROM open_sales")]
    made += [derive(lake, "deep_d", "FROM g_d"), derive(lake, "open_d", "FROM deep_d")]
    assert [each.status for each in made] == [200] * 6
    again = {"op": "put_view", "name": "g_v", "sql": "FROM open_v"}
    found = [
        refused(view(gil, "g_v", "FROM open_v"), 409, "view_cycle"),
        gil.ask("POST", "/v1/catalog/transaction", {"changes": [again]}),
        refused(derive(gil, "g_d", "FROM open_d"), 409, "derivation_cycle"),
        derive(gil, "g_d", "FROM open_d", dry_run=True),
        derive(gil, "g_d", "FROM open_d", stage=True),
    ]
    assert lake.ask("DELETE", "/v1/catalog/view/deep_v").status == 200
    found.append(refused(view(gil, "g_w", "FROM open_v"), 400, "view_broken"))
    assert [each.json for each in found if b"deep_" in each.body] == []
    assert b"deep_d" in derive(lake, "g_d", "FROM open_d").body
