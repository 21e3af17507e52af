"""Profiles: what names stand for, in SQL and in catalog reads, and switching it by one change."""

from collections.abc import Callable
from typing import Any

import pytest
from lake_server import Lake
from raw_http import Answer
from refusals import nothing_changes, refused

Fresh = Callable[[], str]


def put(lake: Lake, name: str, names: Any, others: str = "visible") -> Answer:
    return lake.ask("PUT", f"/v1/catalog/profile/{name}", {"names": names, "others": others})


def values(lake: Lake, sql: str, **more: Any) -> Any:
    answer = lake.sql(sql, **more)
    assert answer.status == 200, answer
    return [row[0] for row in answer.json["rows"]]


@pytest.fixture
def colours(lake: Lake, fresh: Fresh) -> tuple[str, str]:
    blue, green = fresh(), fresh()
    lake.ingest(f"name={blue}", b"a\n1\n")
    lake.ingest(f"name={green}", b"a\n2\n")
    return blue, green


def test_it_is_put_shown_listed_and_dropped(
    lake: Lake, colours: tuple[str, str], fresh: Fresh
) -> None:
    name = fresh()
    made = put(lake, name, {"sales": {"to": colours[0]}, "old": {"to": colours[1], "as_of": 1}})
    assert made.json["names"] == {
        "sales": {"to": colours[0]}, "old": {"to": colours[1], "as_of": 1},
    }  # fmt: skip
    assert lake.ask("GET", f"/v1/catalog/profile/{name}").json == made.json
    assert made.json in lake.ask("GET", "/v1/catalog/profiles").json["profiles"]
    assert lake.ask("DELETE", f"/v1/catalog/profile/{name}").status == 200
    refused(lake.ask("GET", f"/v1/catalog/profile/{name}"), 404, "profile_not_found")
    refused(lake.sql("SELECT 1", profile=name), 404, "profile_not_found")


def test_what_is_no_profile_is_refused(lake: Lake, fresh: Fresh) -> None:
    with nothing_changes(lake):
        refused(put(lake, fresh(), {}, "some"), 400, "invalid_request")
        refused(put(lake, fresh(), {"1a": {"to": "x"}}), 400, "invalid_name")
        refused(put(lake, fresh(), {"a": {"to": "x"}, "A": {"to": "y"}}), 400, "invalid_request")
        refused(put(lake, fresh(), {"a": {"to": "x", "as_of": 10**9}}), 400, "as_of_in_future")


def test_an_alias_of_what_is_absent_at_its_moment_is_suggested_to_nobody(
    lake: Lake, colours: tuple[str, str], fresh: Fresh
) -> None:
    name = fresh()
    put(lake, name, {"before_all": {"to": colours[0], "as_of": 0}})
    answer = lake.sql("FROM before_all", profile=name)
    refused(answer, 400, "sql_error")
    assert "Did you mean" not in answer.json["detail"]


def test_blue_is_switched_to_green_by_one_event(
    lake: Lake, colours: tuple[str, str], fresh: Fresh
) -> None:
    name, (blue, green) = fresh(), colours
    put(lake, name, {"sales": {"to": blue}})
    assert values(lake, "SELECT a FROM sales", profile=name) == [1]
    refused(lake.sql("SELECT a FROM sales"), 400, "sql_error")
    seq = put(lake, name, {"sales": {"to": green}}).seq
    assert values(lake, "SELECT a FROM sales", profile=name) == [2]
    # As it is now, whatever the query's moment.
    assert values(lake, "SELECT a FROM sales", profile=name, as_of=seq - 1) == [2]
    changed = lake.ask("GET", f"/v1/catalog/diff?from={seq - 1}&to={seq}").json["profiles"]
    assert [(each["name"], each["change"]) for each in changed] == [(name, "changed")]
    lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False})
    assert values(lake, "SELECT a FROM sales", profile=name) == [1]


def test_an_alias_s_moment_wins(lake: Lake, colours: tuple[str, str], fresh: Fresh) -> None:
    name, (blue, _) = fresh(), colours
    then = lake.manifest(blue).json["seq"]
    lake.ingest(f"name={blue}&mode=append", b"a\n7\n")
    put(lake, name, {blue: {"to": blue, "as_of": then}})
    assert values(lake, f"SELECT a FROM {blue}", profile=name) == [1]
    assert values(lake, f"SELECT a FROM {blue}", profile=name, as_of=lake.head()) == [1]
    assert values(lake, f"SELECT a FROM {blue}") == [1, 7]
    query = f"/v1/catalog/manifest/{blue}?profile={name}"
    assert lake.ask("GET", query).json["row_count"] == 1
    by_header = lake.ask("GET", f"/v1/catalog/manifest/{blue}", headers={"X-Profile": name})
    assert by_header.json["row_count"] == 1


def test_others_may_be_hidden(lake: Lake, colours: tuple[str, str], fresh: Fresh) -> None:
    name, (blue, green) = fresh(), colours
    put(lake, name, {"sales": {"to": blue}}, "hidden")
    unseen = lake.sql(f"SELECT a FROM {green}", profile=name)
    refused(unseen, 400, "sql_error")
    assert "Did you mean" not in unseen.json["detail"]
    near = lake.sql("SELECT a FROM sale", profile=name).json["detail"]
    assert 'Did you mean "sales"?' in near
    listed = lake.ask("GET", f"/v1/catalog/list?profile={name}").json["datasets"]
    assert [each["name"] for each in listed] == ["sales"]
    tables = "SELECT table_name FROM information_schema.tables"
    assert values(lake, tables, profile=name) == ["sales"]
    refused(
        lake.ask("GET", f"/v1/catalog/manifest/{green}?profile={name}"), 404, "dataset_not_found"
    )
    header = (("X-Profile", name),)
    assert lake.sql("SELECT a FROM sales", header).json["rows"] == [[1]]


def test_a_safe_view_stands_under_its_base_s_name(lake: Lake, fresh: Fresh) -> None:
    name, people, masked = fresh(), fresh(), fresh()
    lake.ingest(f"name={people}", b"id,email\n1,a@x\n")
    lake.ask("PUT", f"/v1/catalog/view/{masked}", {"of": people, "unmasked": ["id"]})
    put(lake, name, {people: {"to": masked}}, "hidden")
    answer = lake.sql(f"SELECT * FROM {people}", profile=name)
    assert answer.json["rows"] == [[1, None]], answer
    assert lake.sql(f"SELECT * FROM {people}").json["rows"] == [[1, "a@x"]]
    assert lake.sql(f"SELECT * FROM {people}", profile=name).json["rows"] == [[1, None]]
    refused(lake.sql(f"SELECT * FROM {masked}", profile=name), 400, "sql_error")


def test_views_and_profiles_are_changes_of_a_set(
    lake: Lake, colours: tuple[str, str], fresh: Fresh
) -> None:
    view, profile, moved, (blue, green) = fresh(), fresh(), fresh(), colours
    changes = [
        {"op": "rename", "name": blue, "to": moved},
        {"op": "put_view", "name": view, "sql": f"SELECT a + 10 AS a FROM {moved}"},
        {"op": "put_profile", "name": profile, "names": {"x": {"to": view}}, "others": "hidden"},
        {"op": "drop", "name": green},
    ]
    answer = lake.ask("POST", "/v1/catalog/transaction", {"changes": changes})
    assert answer.status == 200, answer
    assert [each["op"] for each in answer.json["results"]] == [each["op"] for each in changes]
    assert values(lake, "SELECT a FROM x", profile=profile) == [11]
    with nothing_changes(lake):
        bad = [
            changes[0] | {"name": moved, "to": blue},
            {"op": "put_view", "name": "v", "sql": "SELEC"},
        ]
        refusal = refused(
            lake.ask("POST", "/v1/catalog/transaction", {"changes": bad}), 400, "sql_error"
        )
        assert refusal.json["errors"][0]["change"] == 1
    gone = [{"op": "drop_view", "name": view}, {"op": "drop_profile", "name": profile}]
    assert lake.ask("POST", "/v1/catalog/transaction", {"changes": gone}).status == 200
    undone = lake.ask("POST", "/v1/journal/undo", {"seq": lake.head(), "dry_run": False})
    assert undone.status == 200, undone
    assert values(lake, "SELECT a FROM x", profile=profile) == [11]
