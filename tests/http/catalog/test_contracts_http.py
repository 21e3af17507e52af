"""A dataset's schema as a contract: what breaks it is named; it may be widened, and time keeps it."""

from collections.abc import Callable

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
WIDEN = "schema_change=widen"


def rows(lake: Lake, name: str, as_of: int | None = None) -> list[list[object]]:
    more = {} if as_of is None else {"as_of": as_of}
    answer = lake.sql(f"SELECT * FROM {name} ORDER BY ALL", **more)
    assert answer.status == 200, answer
    return answer.json["rows"]


def types(body: dict[str, list[dict[str, str]]]) -> list[str]:
    return [each["type"] for each in body["schema"]]


def test_a_conflict_names_the_first_line_of_each_column(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b,c\n1,true,x\n")
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=append", b'a,b,c\n2,true,"\n"\n3,no,z\nq,no,1\n')
        refused(answer, 409, "schema_conflict")
    assert answer.json["errors"] == [
        {"name": "a", "problem": "type", "was": "int64", "is": "string", "line": 5},
        {"name": "b", "problem": "type", "was": "bool", "is": "string", "line": 4},
    ]
    assert "line 4" in answer.json["detail"]


def test_columns_that_fit_are_no_part_of_a_conflict(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"id,zip,rate\n1,00501,1.5\n")
    answer = lake.ingest(f"name={name}&mode=append", b"id,zip,rate\nx,1,2\n")
    assert refused(answer, 409, "schema_conflict").json["errors"] == [
        {"name": "id", "problem": "type", "was": "int64", "is": "string", "line": 2}
    ]


def test_integers_become_doubles_where_that_is_exact(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}", b"a,b\n1,x\n9007199254740992,y\n")
    second = lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a,b\n2.5,z\n")
    assert (second.status, second.seq) == (200, first.seq + 1), second
    assert types(second.json) == ["double", "string"]
    assert (second.json["row_count"], second.json["rows_ingested"]) == (3, 1)
    assert rows(lake, name) == [[1.0, "x"], [2.5, "z"], [9007199254740992.0, "y"]]
    assert rows(lake, name, first.seq) == [[1, "x"], [9007199254740992, "y"]]
    was = lake.manifest(name, f"?as_of={first.seq}").json
    assert types(was) == ["int64", "string"]


@pytest.mark.parametrize("big", [b"9007199254740993", b"-9007199254740993"])
def test_integers_that_no_double_holds_become_text(lake: Lake, fresh: Fresh, big: bytes) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n" + big + b"\n\n1\n")
    body = lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a\n2.50\n").json
    assert types(body) == ["string"]
    assert rows(lake, name) == sorted([["1"], ["2.50"], [big.decode()]])


def test_integers_without_values_are_exact(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}&types=a:int64", b"a,b\n,1\n")
    body = lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a,b\n1.5,2\n").json
    assert types(body) == ["double", "int64"]


def test_anything_becomes_text_and_filters_see_it_so(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(
        f"name={name}",
        b"a,b,c,d,e\n7,true,2024-01-02,2024-01-02T03:04:05,2024-01-02T03:04:05.5Z\n",
    )
    body = lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a,b,c,d,e\nx,x,x,x,x\n").json
    assert types(body) == ["string"] * 5
    assert rows(lake, name) == [
        ["7", "true", "2024-01-02", "2024-01-02 03:04:05", "2024-01-02 03:04:05.5+00"],
        ["x", "x", "x", "x", "x"],
    ]
    assert lake.sql(f"SELECT count(*) FROM {name} WHERE a = '7'").json["rows"] == [[1]]
    again = lake.ingest(f"name={name}&mode=append", b"a,b,c,d,e\n007,y,y,y,y\n").json
    assert (types(again), again["row_count"]) == (["string"] * 5, 3)


def test_a_column_without_a_misfit_keeps_its_type(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b,c\n1,1.5,2024-01-01\n")
    body = lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a,b,c\nx,2,\n").json
    assert types(body) == ["string", "double", "date32[day]"]


def test_new_columns_may_follow_at_the_end(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b\n1,2\n")
    body = lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a,b,c,d\n3,4,true,x\n").json
    assert types(body) == ["int64", "int64", "bool", "string"]
    assert rows(lake, name) == [[1, 2, None, None], [3, 4, True, "x"]]


def test_new_columns_go_to_the_end_wherever_they_stand(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b\n1,2\n")
    body = lake.ingest(f"name={name}&mode=append&{WIDEN}", b"c,b,a\nx,4,3\n").json
    assert [each["name"] for each in body["schema"]] == ["a", "b", "c"]
    assert rows(lake, name) == [[1, 2, None], [3, 4, "x"]]


@pytest.mark.parametrize("csv", [b"b\n1\n", b"c,a\n1,1\n", b"a\n1\n"])
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_what_does_not_widen_conflicts(lake: Lake, fresh: Fresh, csv: bytes, mode: str) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b\n1,2\n")
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode={mode}&{WIDEN}", csv)
        refused(answer, 409, "schema_conflict")


@pytest.mark.parametrize("mode", ["append", "merge&key=id"])
def test_a_new_column_cannot_differ_from_one_by_case_alone(
    lake: Lake, fresh: Fresh, mode: str
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"id,v\n1,x\n")
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode={mode}&{WIDEN}&missing=null", b"id,V\n2,y\n")
        refused(answer, 409, "schema_conflict")
    assert answer.json["errors"] == [{"name": "V", "problem": "added"}]
    assert answer.json["detail"].endswith("v and V differ by case alone")
    other = "id,v,Ä,ä\n2,y,3,4\n".encode()
    assert lake.ingest(f"name={name}&mode={mode}&{WIDEN}", other).status == 200
    assert lake.sql(f"FROM {name}").json["rows"] == [[1, "x", None, None], [2, "y", 3, 4]]


def test_a_replacement_widens_by_its_own_values(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n9007199254740993\n")
    body = lake.ingest(f"name={name}&{WIDEN}", b"a,b\n1.5,x\n").json
    assert (types(body), rows(lake, name)) == (["double", "string"], [[1.5, "x"]])


def test_widening_keeps_what_brought_the_rows(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}", b"a\n1\n")
    lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a\n1.5\n")
    with nothing_changes(lake):
        again = lake.ingest(f"name={name}&mode=append&dedupe=source", b"a\n1\n")
    assert again.json["duplicate_of"] == first.seq
    assert lake.ingest(f"name={name}", b"a\n1.5\n").json["reused"] is False


def test_a_registered_dataset_is_not_this_file_because_a_file_was_added(
    lake: Lake, fresh: Fresh
) -> None:
    name = fresh()
    made = lake.ingest(f"name={name}", b"a\n1\n").json
    lake.put(f"{name}/copy", lake.get(made["objects"][0]["key"]).body)
    lake.register(name, f"{name}/copy", fingerprint=made["schema_fingerprint"], row_count=1)
    lake.ingest(f"name={name}&mode=append", b"a\n2\n")
    assert lake.ingest(f"name={name}", b"a\n2\n").json["reused"] is False
    assert rows(lake, name) == [[2]]


def test_an_opaque_schema_is_not_widened(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.put(f"{name}/x", b"no parquet")
    lake.register(name, f"{name}/x")
    refused(lake.ingest(f"name={name}&mode=append&{WIDEN}", b"a\n1\n"), 409, "schema_conflict")


def test_rows_that_come_again_leave_quarantine_in_the_same_event(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b\n1,x\n")
    aside = lake.ingest(f"name={name}&mode=append&on_error=quarantine", b"a,b\n2,y\n3\n").json
    key = aside["quarantine"]["key"]
    with nothing_changes(lake):
        refused(lake.ingest(f"name={name}&resolves={key}", b"a,b\n3,z\n"), 400, "invalid_request")
        bad = lake.ingest(f"name={name}&mode=append&resolves={key}", b"a,b\n3\n")
        refused(bad, 422, "malformed_csv")
    again = lake.ingest(f"name={name}&mode=append&resolves={key}", b"a,b\n3,z\n")
    assert (again.status, again.json["row_count"]) == (200, 3), again
    assert lake.get(key).status == 404
    assert lake.get(f"{key}?as_of={again.seq - 1}").status == 200
    [event] = lake.ask("GET", f"/v1/journal/events?after={again.seq - 1}").json["events"]
    assert ["retries", key] in event["data"]["source"]["options"]
    with nothing_changes(lake):
        twice = lake.ingest(f"name={name}&mode=append&resolves={key}", b"a,b\n3,z\n")
        refused(twice, 404, "quarantine_not_found")
    assert rows(lake, name) == [[1, "x"], [2, "y"], [3, "z"]]
