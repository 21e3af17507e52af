"""A dry run reports what an ingest would do, and does nothing: no event, no object, no spool file."""

from collections.abc import Callable
from typing import Any

import pytest
from lake_server import Lake
from raw_http import Body
from refusals import nothing_changes, refused

Fresh = Callable[[], str]


def rehearsed(lake: Lake, query: str, body: Body) -> dict[str, Any]:
    with nothing_changes(lake):
        answer = lake.ingest(f"{query}&dry_run=true", body)
    assert answer.status == 200, answer
    assert answer.json["dry_run"] is True
    assert answer.seq == answer.json["seq"] == lake.head()
    return answer.json


def test_a_new_dataset_would_be_made(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    body = rehearsed(lake, f"name={name}", b"a,,c\n1,x,2024-01-01\n2,y,\n")
    assert (body["outcome"], body["refused"]) == ("create", None)
    assert (body["rows_good"], body["rows_bad"], body["bad_rows"]) == (2, 0, [])
    assert [each["type"] for each in body["schema"]] == ["int64", "string", "date32[day]"]
    assert [each["name"] for each in body["renamed"]] == ["column2"]
    assert lake.manifest(name).status == 404
    done = lake.ingest(f"name={name}", b"a,,c\n1,x,2024-01-01\n2,y,\n").json
    same = body.keys() & done.keys() - {"seq"}
    assert {each: body[each] for each in same} == {each: done[each] for each in same}
    assert same >= {"schema", "rows_ingested", "rows_quarantined", "row_count", "source"}


def test_what_is_there_would_be_replaced_or_added_to_or_reused(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    assert rehearsed(lake, f"name={name}", b"a\n2\n")["outcome"] == "replace"
    assert rehearsed(lake, f"name={name}&mode=append", b"a\n2\n")["outcome"] == "append"
    assert rehearsed(lake, f"name={name}", b"a\n1\n")["outcome"] == "reuse"


def test_every_bad_row_is_told_not_just_the_first(lake: Lake, fresh: Fresh) -> None:
    body = rehearsed(lake, f"name={fresh()}&types=b:int64", b"a,b\n1\n2,3\n4,x\n\xff,1\n")
    assert (body["outcome"], body["rows_good"], body["rows_bad"]) == ("refuse", 1, 3)
    assert [(row["line"], row["column"]) for row in body["bad_rows"]] == [
        (2, None),
        (4, "b"),
        (5, None),
    ]
    assert (body["refused"]["code"], body["refused"]["status"]) == ("malformed_csv", 422)
    assert body["refused"]["detail"].startswith("line 2: ")


def test_rows_that_would_be_set_aside_are_no_refusal(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    query = f"name={name}&mode=append&on_error=quarantine"
    body = rehearsed(lake, query, b"a\n2\nx\n")
    assert (body["outcome"], body["rows_good"], body["rows_bad"]) == ("append", 1, 1)
    assert (body["rows_ingested"], body["rows_quarantined"], body["row_count"]) == (1, 1, 2)


def test_a_conflict_is_told_as_it_would_be(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    body = rehearsed(lake, f"name={name}&mode=append", b"a\n2\nx\n")
    real = refused(lake.ingest(f"name={name}&mode=append", b"a\n2\nx\n"), 409, "schema_conflict")
    assert (body["outcome"], body["rows_ingested"], body["row_count"]) == ("refuse", 0, 1)
    assert body["refused"] == {
        each: real.json[each] for each in ("code", "status", "detail", "errors")
    }
    wide = rehearsed(lake, f"name={name}&mode=append&schema_change=widen", b"a\n2\nx\n")
    assert (wide["outcome"], wide["schema"][0]["type"]) == ("append", "string")


@pytest.mark.parametrize(("csv", "code"), [(b"", "empty_csv"), (b"a\x01\n", "malformed_csv")])
def test_a_file_that_cannot_be_read_at_all(lake: Lake, fresh: Fresh, csv: bytes, code: str) -> None:
    body = rehearsed(lake, f"name={fresh()}", csv)
    assert (body["refused"]["code"], body["schema"], body["rows_good"]) == (code, None, None)


def test_another_spelling_is_told_before_anything_is_read(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    assert rehearsed(lake, f"name={name.upper()}", b"")["refused"]["code"] == "name_taken"


def test_a_rehearsal_uses_no_key_up(lake: Lake, fresh: Fresh) -> None:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": fresh()}
    name = fresh()
    lake.ingest(f"name={name}&dry_run=true", b"a\n1\n", headers)
    assert lake.ingest(f"name={name}", b"a\n1\n", headers).status == 200


@pytest.mark.parametrize("body", [b"a\n1\n\nx,y\n", b"a\n1\nx\n"])
def test_a_bad_row_is_told_as_the_file_would_be(lake: Lake, fresh: Fresh, body: bytes) -> None:
    name = fresh()
    reported = rehearsed(lake, f"name={name}&types=a:int64", body)["refused"]
    real = lake.ingest(f"name={name}&types=a:int64", body).json
    assert reported == {member: real[member] for member in ("code", "status", "detail", "errors")}
    assert reported["errors"]


def test_a_wrong_request_is_refused_as_ever(lake: Lake, fresh: Fresh) -> None:
    refused(lake.ingest(f"name={fresh()}&dry_run=maybe"), 400, "invalid_request")
    refused(lake.ingest("name=a%20b&dry_run=true"), 400, "invalid_name")


def test_a_dry_run_that_a_change_does_not_have_is_refused(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    drop, gone = {"changes": [{"op": "drop", "name": name}]}, {"name": name, "where": "true"}
    with nothing_changes(lake):
        for method, path, body in (
            ("POST", "/v1/catalog/transaction", drop | {"dry_run": True}),
            ("POST", "/v1/catalog/transaction?dry_run=true", drop),
            ("POST", "/v1/catalog/delete?dry_run=true", gone),
            ("POST", "/v1/catalog/rename", {"name": name, "to": fresh(), "dry_run": True}),
            ("DELETE", f"/v1/catalog/manifest/{name}?dry_run=true", None),
        ):
            answer = refused(lake.ask(method, path, body), 400, "invalid_request")
            assert "dry" in answer.json["detail"]
        assert lake.ask("POST", "/v1/catalog/delete", gone | {"dry_run": True}).status == 200
    renamed = {"name": name, "to": fresh(), "dry_run": False}
    assert lake.ask("POST", "/v1/catalog/rename", renamed).status == 200
