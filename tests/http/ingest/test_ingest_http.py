"""Ingest as a client sees it: modes, options, receipts, conflicts, and how a file may be sent."""

import gzip
import hashlib
import re
from collections.abc import Callable

import pytest
from ingest_form import FORM, field, form
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
CSV = b"zip,name\n00501,Ann\n10001,Bob\n"


def rows(lake: Lake, name: str) -> list[list[object]]:
    answer = lake.sql(f"SELECT * FROM {name} ORDER BY ALL")
    assert answer.status == 200, answer
    return answer.json["rows"]


def test_the_receipt_is_the_manifest_and_what_the_file_brought(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    answer = lake.ingest(f"name={name}", CSV)
    body = answer.json
    assert answer.status == 200
    assert body["rows_ingested"] == body["row_count"] == 2
    assert body["source"] == {"sha256": hashlib.sha256(CSV).hexdigest(), "size_bytes": len(CSV)}
    assert (body["renamed"], body["reused"]) == ([], False)
    assert body["schema"] == [
        {"name": "zip", "type": "string"},
        {"name": "name", "type": "string"},
    ]
    fingerprint = hashlib.sha256(b"zip\x1fstring\x1ename\x1fstring\x1e").hexdigest()
    assert body["schema_fingerprint"] == fingerprint
    [item] = body["objects"]
    pattern = rf"datasets/{name}/{fingerprint}/{item['sha256']}-[0-9a-z-]+\.parquet"
    assert re.fullmatch(pattern, item["key"])
    assert body["seq"] == answer.seq == lake.head()
    manifest = lake.manifest(name).json
    assert {each: body[each] for each in manifest} == manifest


def test_the_same_file_again_is_reused(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}", CSV)
    with nothing_changes(lake):
        again = lake.ingest(f"name={name}", CSV)
    assert again.json == first.json | {"reused": True}
    assert again.seq == first.seq
    other = lake.ingest(f"name={name}&null=Ann", CSV)
    assert other.json["reused"] is False, "other options read other values"


def test_a_file_replaces_what_was_there_at_one_event(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}", b"a\n1\n2\n")
    second = lake.ingest(f"name={name}", b"a\n3\n")
    assert second.seq == first.seq + 1
    assert rows(lake, name) == [[3]]
    assert second.json["created_at"] == first.json["created_at"]
    back = lake.ingest(f"name={name}", b"a\n1\n2\n")
    assert (back.json["reused"], rows(lake, name)) == (False, [[1], [2]])


def test_a_receipt_says_how_sql_writes_a_reserved_word(lake: Lake) -> None:
    hint = lake.ingest("name=order").json["hint"]
    assert hint == 'order is a reserved word in SQL: write FROM "order"'
    assert lake.sql(f"SELECT * {hint.split('write ')[1]}").json["rows"] == [[1]]
    assert lake.ingest("name=order").json["hint"] == hint
    assert lake.manifest("order").json["hint"] == hint
    assert "hint" not in lake.ingest("name=orders").json
    assert lake.register("Table").json["hint"].endswith('FROM "Table"')
    listed = lake.ask("GET", "/v1/catalog/list?after=orde&limit=2").json["datasets"]
    assert [each.get("hint") for each in listed] == [hint, None]


def test_append_adds_also_the_same_file_twice(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}&mode=append", b"a\n1\n")
    twice = lake.ingest(f"name={name}&mode=append", b"a\n1\n").json
    assert (twice["reused"], twice["rows_ingested"], twice["row_count"]) == (False, 1, 2)
    assert len(twice["objects"]) == 1
    assert len(lake.manifest(twice["name"]).json["objects"]) == 2
    assert "duplicate_of" not in twice
    assert rows(lake, name) == [[1], [1]]


def test_dedupe_by_source_names_the_earlier_event(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    earlier = lake.ingest(f"name={name}&mode=append", b"a\n2\n")
    lake.ingest(f"name={name}&mode=append", b"a\n3\n")
    with nothing_changes(lake):
        again = lake.ingest(f"name={name}&mode=append&dedupe=source", b"a\n2\n")
    assert again.json["duplicate_of"] == earlier.seq == again.seq
    assert again.json["row_count"] == 3
    assert rows(lake, name) == [[1], [2], [3]]


def test_replacing_by_one_of_several_sources_is_a_change(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    lake.ingest(f"name={name}&mode=append", b"a\n2\n")
    assert lake.ingest(f"name={name}", b"a\n1\n").json["reused"] is False
    assert rows(lake, name) == [[1]]


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_drift_names_each_column_and_touches_nothing(lake: Lake, fresh: Fresh, mode: str) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b,c\n1,x,true\n")
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode={mode}", b"a,b,d\n1.5,x,2026-01-01\n")
        refused(answer, 409, "schema_conflict")
    assert answer.json["errors"] == [
        {"name": "a", "problem": "type", "was": "int64", "is": "double", "line": 2},
        {"name": "c", "problem": "missing"},
        {"name": "d", "problem": "added"},
    ]
    assert rows(lake, name) == [[1, "x", True]]


def test_columns_in_another_order_fit_and_the_dataset_keeps_its_own(
    lake: Lake, fresh: Fresh
) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}", b"a,b\n1,x\n").json
    second = lake.ingest(f"name={name}&mode=append", b"b,a\ny,2\n").json
    assert second["schema_fingerprint"] == first["schema_fingerprint"]
    assert rows(lake, name) == [[1, "x"], [2, "y"]]


def test_missing_columns_are_null_where_that_is_asked_for(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b\n1,x\n")
    refused(lake.ingest(f"name={name}&mode=append", b"a\n2\n"), 409, "schema_conflict")
    refused(lake.ingest(f"name={name}&missing=zero", b"a\n2\n"), 400, "invalid_request")
    assert lake.ingest(f"name={name}&mode=append&missing=null", b"a\n2\n").status == 200
    assert rows(lake, name) == [[1, "x"], [2, None]]
    assert lake.ingest(f"name={name}&missing=null", b"b\ny\n").status == 200
    assert rows(lake, name) == [[None, "y"]]


def test_a_file_of_too_few_rows_is_refused(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&min_rows=3", b"a\n2\n3\n")
        assert "2 rows" in refused(answer, 422, "too_few_rows").json["detail"]
    assert lake.ingest(f"name={name}&min_rows=2", b"a\n2\n3\n").status == 200
    for wrong in ("-1", "two", "1.0", ""):
        answer = lake.ingest(f"name={name}&min_rows={wrong}", b"a\n2\n")
        refused(answer, 400, "invalid_request")


def test_values_that_a_declared_double_changes_are_counted(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    exact = lake.ingest(f"name={name}", b"x,y\n0.30000000000000004,1\n").json
    assert (exact["rounded"], exact["schema"][0]["type"]) == ([], "double")
    data = b"x,y\n0.3000000000000000444,1\n0.5,2\n"
    answer = refused(lake.ingest(f"name={name}&mode=append", data), 409, "schema_conflict")
    assert answer.json["errors"][0]["problem"] == "type"
    query = f"name={name}&mode=append&types=x:double"
    key = (("Content-Type", "text/csv"), ("Idempotency-Key", fresh()))
    body = lake.ingest(query, data, key).json
    assert body["rounded"] == [{"name": "x", "count": 1}]
    assert lake.ingest(query, data, key).json == body
    assert rows(lake, name) == [[0.30000000000000004, 1], [0.30000000000000004, 1], [0.5, 2]]


def test_schema_change_swaps_schema_and_data_in_one_event(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}", b"a\n1\n")
    second = lake.ingest(f"name={name}&schema_change=replace", b"a,b\nx,2\n")
    assert second.seq == first.seq + 1
    assert second.json["dataset_id"] == first.json["dataset_id"]
    assert rows(lake, name) == [["x", 2]]
    refused(
        lake.ingest(f"name={name}&mode=append&schema_change=replace", b"z\n1\n"),
        400,
        "invalid_request",
    )


def test_a_contract_types_a_later_file(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"zip,x\n00501,1.5\n")
    more = lake.ingest(f"name={name}&mode=append", b"zip,x\n10001,2\n")
    assert more.status == 200, more
    assert rows(lake, name) == [["00501", 1.5], ["10001", 2.0]]


def test_options_are_taken_from_the_query(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    query = f"name={name}&delimiter=%3B&null=NA&null=-&types=zip:string&header=true"
    body = lake.ingest(query, b"zip;n\n1;NA\n2;-\n3;4\n").json
    assert [each["type"] for each in body["schema"]] == ["string", "int64"]
    assert rows(lake, name) == [["1", None], ["2", None], ["3", 4]]


def test_renamed_headers_are_in_the_receipt(lake: Lake, fresh: Fresh) -> None:
    body = lake.ingest(f"name={fresh()}", b"a,,A\n1,2,3\n").json
    assert [each["name"] for each in body["schema"]] == ["a", "column2", "A_2"]
    assert len(body["renamed"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "name=x&mode=upsert", "name=x&mode=", "name=x&unknown=1", "name=x&name=y",
        "name=x&mode=append&mode=append", "name=x&dedupe=yes", "name=x&schema_change=maybe",
        "name=x&on_error=ignore", "name=x&delimiter=ab", "name=x&encoding=klingon",
        "name=x&header=maybe", "name=x&types=a", "name=x&types=a:nonsense", "Name=x&name=x",
    ],
)  # fmt: skip
def test_an_option_that_is_not_known_is_refused(lake: Lake, query: str) -> None:
    with nothing_changes(lake):
        refused(lake.ingest(query), 400, "invalid_request")


def test_a_file_needs_a_name(lake: Lake) -> None:
    with nothing_changes(lake):
        assert lake.ingest("").json["code"] in ("empty_name", "invalid_name")
        assert lake.ingest("name=").status == 400


@pytest.mark.parametrize(
    ("csv", "code"),
    [
        (b"", "empty_csv"),
        (b"a,b\n1\n", "malformed_csv"),
        (b"a\n\xff\n", "malformed_csv"),
        (b'a\n"open\n', "malformed_csv"),
        (b"a\x01b\n1\n", "malformed_csv"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_whole(
    lake: Lake, fresh: Fresh, csv: bytes, code: str
) -> None:
    with nothing_changes(lake):
        refused(lake.ingest(f"name={fresh()}", csv), 422, code)
        refused(lake.ingest(f"name={fresh()}", form(field("file", csv)), FORM), 422, code)


def test_a_malformed_line_is_named(lake: Lake, fresh: Fresh) -> None:
    answer = refused(lake.ingest(f"name={fresh()}", b"a,b\n1,2\n3\n"), 422, "malformed_csv")
    assert "3" in answer.json["detail"] + str(answer.json.get("errors"))


def test_a_value_that_a_type_cannot_take_names_its_line(lake: Lake, fresh: Fresh) -> None:
    with nothing_changes(lake):
        answer = lake.ingest(f"name={fresh()}&types=a:int64", b"a\n1\nx\n")
        refused(answer, 422, "value_does_not_fit")
    assert "3" in answer.json["detail"] + str(answer.json.get("errors"))


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "text/csv; charset=utf-8", "TEXT/CSV", "application/octet-stream", "text/plain"],
)
def test_raw_bodies_of_these_types_are_read(lake: Lake, fresh: Fresh, content_type: str) -> None:
    answer = lake.ingest(f"name={fresh()}", CSV, {"Content-Type": content_type})
    assert answer.status == 200, answer


@pytest.mark.parametrize("content_type", ["application/json", "application/x-jsonlines"])
def test_a_format_that_is_named_makes_any_media_type_do(
    lake: Lake, fresh: Fresh, content_type: str
) -> None:
    name, headers = fresh(), (("Content-Type", content_type),)
    body = b'{"a": 1}\n'
    answer = refused(lake.ingest(f"name={name}", body, headers), 415, "unsupported_media_type")
    advised = next(word for word in answer.json["detail"].split() if word == "format=ndjson")
    assert lake.ingest(f"name={name}&{advised}", body, headers).status == 200
    assert rows(lake, name) == [[1]]


@pytest.mark.parametrize(
    "content_type", ["application/json", "image/png", "multipart/mixed; boundary=B", "nonsense/é"]
)
def test_other_types_are_415(lake: Lake, fresh: Fresh, content_type: str) -> None:
    with nothing_changes(lake):
        answer = lake.ingest(f"name={fresh()}", CSV, {"Content-Type": content_type})
        refused(answer, 415, "unsupported_media_type")


def test_a_form_of_another_type_is_no_file_of_a_format(lake: Lake, fresh: Fresh) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=B"}
    answer = lake.ingest(f"name={fresh()}&format=csv", b"--B\r\n\r\na\r\n--B--\r\n", headers)
    refused(answer, 415, "unsupported_media_type")


def test_an_empty_file_is_empty_csv(lake: Lake, fresh: Fresh) -> None:
    with nothing_changes(lake):
        for csv in (b"", b"\n\n", b"\xef\xbb\xbf", gzip.compress(b"")):
            refused(lake.ingest(f"name={fresh()}", csv), 422, "empty_csv")


def test_neither_file_nor_form_is_missing_file(lake: Lake, fresh: Fresh) -> None:
    with nothing_changes(lake):
        refused(lake.ingest(f"name={fresh()}", None, {}), 400, "missing_file")


@pytest.mark.parametrize("expect", [{}, {"Expect": "100-continue"}])
def test_a_file_may_be_put(lake: Lake, fresh: Callable[[], str], expect: dict[str, str]) -> None:
    """As `curl -T FILE URL` sends it: without a Content-Type."""
    name = fresh()
    answer = lake.ask("PUT", f"/v1/ingest?name={name}", b"a,b\n1,x\n", expect)
    assert (answer.status, answer.json["rows_ingested"]) == (200, 1), answer
    again = lake.ask("PUT", f"/v1/ingest?name={name}", b"a,b\n1,x\n", expect)
    assert again.json["reused"]


def test_curl_d_is_told_the_command_that_works(lake: Lake, fresh: Callable[[], str]) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    target = f"name={fresh()}&mode=append"
    answer = refused(lake.ingest(target, b"a,b1,x", headers), 415, "unsupported_media_type")
    assert "curl -T FILE 'http://" in answer.json["detail"]
    assert f"/v1/ingest?{target}'" in answer.json["detail"]
