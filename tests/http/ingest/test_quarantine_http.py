"""Quarantine as a client sees it: rows set aside, counted, fetched; the good ones in the dataset."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
ASIDE = "on_error=quarantine"


def rows(lake: Lake, name: str) -> list[list[object]]:
    answer = lake.sql(f"SELECT * FROM {name} ORDER BY ALL")
    assert answer.status == 200, answer
    return answer.json["rows"]


def fetched(lake: Lake, key: str) -> list[dict[str, Any]]:
    """What a quarantine object holds, by a reader that is not ours."""
    answer = lake.get(key)
    assert answer.status == 200, answer
    return pq.read_table(io.BytesIO(answer.body)).to_pylist()


def test_bad_rows_are_set_aside_and_good_ones_taken(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    before = lake.head()
    answer = lake.ingest(f"name={name}&{ASIDE}", b'a,b\n1,x\n2\n3,y,z\n4,"w\n5,v\n')
    body = answer.json
    assert (answer.status, answer.seq) == (200, before + 1), answer
    assert (body["rows_ingested"], body["rows_quarantined"], body["row_count"]) == (2, 3, 2)
    assert rows(lake, name) == [[1, "x"], [5, "v"]]
    assert fetched(lake, body["quarantine"]["key"]) == [
        {"line": 3, "column": None, "reason": "1 field where there are 2 columns", "raw": b"2"},
        {
            "line": 4,
            "column": None,
            "reason": "3 fields where there are 2 columns",
            "raw": b"3,y,z",
        },
        {
            "line": 5,
            "column": None,
            "reason": "a quoted field that is never closed",
            "raw": b'4,"w',
        },
    ]


def test_a_good_file_leaves_nothing_in_quarantine(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    body = lake.ingest(f"name={name}&{ASIDE}", b"a\n1\n").json
    assert (body["rows_quarantined"], body["quarantine"]) == (0, None)
    plain = lake.ingest(f"name={fresh()}", b"a\n1\n").json
    assert (plain["rows_quarantined"], plain["quarantine"]) == (0, None)


def test_rows_that_break_the_contract_are_set_aside(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"id,on\n1,true\n")
    more = b"id,on\n2,false\nx,true\n3,maybe\n4,\n"
    with nothing_changes(lake):
        refused(lake.ingest(f"name={name}&mode=append", more), 409, "schema_conflict")
    body = lake.ingest(f"name={name}&mode=append&{ASIDE}", more).json
    assert (body["rows_ingested"], body["rows_quarantined"], body["row_count"]) == (2, 2, 3)
    assert rows(lake, name) == [[1, True], [2, False], [4, None]]
    found = fetched(lake, body["quarantine"]["key"])
    assert [(row["line"], row["column"], row["raw"]) for row in found] == [
        (3, "id", b"x,true"),
        (4, "on", b"3,maybe"),
    ]


def test_another_header_is_refused_whole(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=append&{ASIDE}", b"b\n1\n2,3\n")
        refused(answer, 409, "schema_conflict")


def test_a_schema_change_gives_the_contract_up(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    body = lake.ingest(f"name={name}&schema_change=replace&{ASIDE}", b"a\nx\ny,z\n").json
    assert (rows(lake, name), body["rows_quarantined"]) == ([["x"]], 1)


def test_the_same_file_again_is_reused_with_its_quarantine(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}&{ASIDE}", b"a\n1\n2,3\n").json
    with nothing_changes(lake):
        again = lake.ingest(f"name={name}&{ASIDE}", b"a\n1\n2,3\n").json
    assert again == first | {"reused": True}
    with nothing_changes(lake):
        refused(lake.ingest(f"name={name}", b"a\n1\n2,3\n"), 422, "malformed_csv")


def test_a_replacement_replaces_the_quarantine_an_append_adds_to_it(
    lake: Lake, fresh: Fresh
) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}&{ASIDE}", b"a\n1\n2,3\n").json["quarantine"]["key"]
    second = lake.ingest(f"name={name}&mode=append&{ASIDE}", b"a\n1\n4,5\n").json
    assert lake.get(first).status == lake.get(second["quarantine"]["key"]).status == 200
    lake.ingest(f"name={name}", b"a\n7\n")
    assert lake.get(first).status == 404, "what is replaced is not listed any more"
    assert lake.get(f"{first}?as_of={second['seq']}").status == 200


def test_a_file_without_a_good_row_makes_an_empty_dataset(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    body = lake.ingest(f"name={name}&{ASIDE}&types=a:int64", b"a\nx\ny\n").json
    assert (body["rows_ingested"], body["rows_quarantined"]) == (0, 2)
    assert rows(lake, name) == []


def test_a_key_replays_the_receipt_with_the_quarantine(lake: Lake, fresh: Fresh) -> None:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": fresh()}
    query = f"name={fresh()}&mode=append&{ASIDE}"
    first = lake.ingest(query, b"a\n1\n2,3\n", headers).json
    with nothing_changes(lake):
        assert lake.ingest(query, b"a\n1\n2,3\n", headers).json == first


def test_undecodable_bytes_are_kept_as_they_came(lake: Lake, fresh: Fresh) -> None:
    body = lake.ingest(f"name={fresh()}&{ASIDE}", b"a\nok\n\xff\xfe\n").json
    [row] = fetched(lake, body["quarantine"]["key"])
    assert (row["line"], row["raw"]) == (3, b"\xff\xfe")


def test_the_rows_as_a_file_like_their_source(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    path = f"/v1/catalog/quarantine/{name}"
    refused(lake.ask("GET", path), 404, "dataset_not_found")
    lake.ingest(f"name={name}&{ASIDE}", b"a,b\n1,x\n2\n")
    lake.ingest(f"name={name}&{ASIDE}&mode=append&delimiter=;", b"a;b\n3;y;z\n")
    first, second = lake.ask("GET", path).json["files"]
    assert (first["options"], first["row_count"]) == ([["on_error", "quarantine"]], 1)
    assert ["delimiter", ";"] in second["options"]
    refused(lake.ask("GET", f"{path}?raw=true"), 400, "invalid_request")
    refused(lake.ask("GET", f"{path}?key=none"), 404, "quarantine_not_found")
    raw = lake.ask("GET", f"{path}?raw=true&key={second['key']}")
    assert (raw.body, raw.headers["Content-Disposition"]) == (b"a;b\n3;y;z\n", "attachment")
    assert lake.ask("HEAD", f"{path}?raw=true&key={second['key']}").body == b""
    mended = f"name={name}&mode=append&resolves={first['key']}"
    assert lake.ingest(mended, b"a,b\n2,w\n").status == 200
    assert [each["key"] for each in lake.ask("GET", path).json["files"]] == [second["key"]]
    assert lake.ask("GET", f"{path}?raw=true").body == raw.body
