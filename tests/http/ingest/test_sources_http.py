"""NDJSON and Parquet as sources: recognised by type or name, typed without loss, refused whole."""

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_server import Lake
from raw_http import Answer
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
ND = {"Content-Type": "application/x-ndjson"}
PQ = {"Content-Type": "application/vnd.apache.parquet"}
FORM = {"Content-Type": "multipart/form-data; boundary=B"}


def form(filename: str, body: bytes, more: str = "") -> bytes:
    head = (
        f'--B\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n{more}\r\n'
    )
    return head.encode() + body + b"\r\n--B--\r\n"


def nd(*rows: object) -> bytes:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows).encode()


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def types(answer: Answer) -> dict[str, str]:
    assert answer.status == 200, answer
    return {each["name"]: each["type"] for each in answer.json["schema"]}


def rows(lake: Lake, name: str) -> list[list[object]]:
    answer = lake.sql(f"SELECT * FROM {name} ORDER BY ALL")
    assert answer.status == 200, answer
    return answer.json["rows"]


def test_json_values_become_what_they_are(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    body = nd(
        '{"i": 1, "d": 1, "big": 18446744073709551616, "s": "007", "b": true, "day": "2024-01-01"}',
        '{"i": -2, "d": 1.50, "big": 1, "s": "1", "b": false, "n": {"x": [1.10, null, "é"]}}',
        "",
        '{"mix": 1, "n": [], "late": 0.1234567890123456789}',
        '{"mix": "1", "i": null}',
    )
    assert types(lake.ingest(f"name={name}", body, ND)) == {
        "i": "int64", "d": "double", "big": "string", "s": "string", "b": "bool",
        "day": "string", "n": "string", "mix": "string", "late": "string",
    }  # fmt: skip
    found = lake.sql(f"SELECT big, n, late, mix, d FROM {name} WHERE i = -2 OR mix = '1'").json
    assert sorted(map(str, found["rows"])) == sorted(
        map(
            str,
            [
                ["1", '{"x":[1.10,null,"é"]}', None, None, 1.5],
                [None, "[]", "0.1234567890123456789", "1", None],
                [None, None, None, "1", None],
            ],
        )
    )


@pytest.mark.parametrize(
    ("query", "body", "headers"),
    [
        ("", nd({"a": 1}), ND),
        ("", nd({"a": 1}), {"Content-Type": "application/x-ndjson; charset=utf-8"}),
        ("", form("rows.ndjson", nd({"a": 1})), FORM),
        ("", form("ROWS.JSONL.gz", nd({"a": 1})), FORM),
        ("", form("x", nd({"a": 1}), "Content-Type: application/x-ndjson\r\n"), FORM),
        ("&format=ndjson", nd({"a": 1}), {"Content-Type": "text/csv"}),
        ("&format=ndjson", form("x.csv", nd({"a": 1})), FORM),
        ("", form("x.parquet", parquet(pa.table({"a": [1]}))), FORM),
        ("", parquet(pa.table({"a": [1]})), PQ),
    ],
)
def test_the_format_is_told_by_type_or_name(
    lake: Lake, fresh: Fresh, query: str, body: bytes, headers: dict[str, str]
) -> None:
    name = fresh()
    assert types(lake.ingest(f"name={name}{query}", body, headers)) == {"a": "int64"}
    assert rows(lake, name) == [[1]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "not JSON"),
        ("[1]", "not a JSON object"),
        ("7", "not a JSON object"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": {"b": 1, "b": 2}}', "twice"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"a\\u0001": 1}', "control character"),
        ('{"a\\u202e": 1}', "direction of text"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "deep"),
    ],
)
def test_a_line_that_is_no_object_is_named_or_set_aside(
    lake: Lake, fresh: Fresh, line: str, reason: str
) -> None:
    name = fresh()
    body = nd({"a": 1}, "", line, {"a": 2})
    with nothing_changes(lake):
        answer = refused(lake.ingest(f"name={name}", body, ND), 422, "malformed_ndjson")
    assert answer.json["errors"][0]["line"] == 3
    assert reason in answer.json["detail"]
    done = lake.ingest(f"name={name}&on_error=quarantine", body, ND).json
    assert (done["rows_ingested"], done["rows_quarantined"]) == (2, 1)
    [aside] = pq.read_table(io.BytesIO(lake.get(done["quarantine"]["key"]).body)).to_pylist()
    assert (aside["line"], aside["raw"]) == (3, line.encode())
    assert rows(lake, name) == [[1], [2]]


@pytest.mark.parametrize("body", [b"", b"\n\n", b"{}\n", b"\xff\xfe"])
def test_a_file_without_a_member_is_refused(lake: Lake, fresh: Fresh, body: bytes) -> None:
    with nothing_changes(lake):
        refused(lake.ingest(f"name={fresh()}", body, ND), 422, "malformed_ndjson")


def test_what_an_object_lacks_is_null_and_order_is_nothing(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}&types=at:date", nd({"id": 1, "at": "2024-01-01"}), ND)
    assert types(first) == {"id": "int64", "at": "date32[day]"}
    body = nd({"at": "2024-01-02", "id": 2}, {"id": 3})
    more = lake.ingest(f"name={name}&mode=append", body, ND)
    assert types(more) == types(first)
    assert rows(lake, name) == [[1, "2024-01-01"], [2, "2024-01-02"], [3, None]]


def test_json_is_held_to_the_contract(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"id,on\n1,true\n")
    body = nd({"id": 2, "on": False}, {"id": "3"}, {"on": 1}, {"id": 4.5})
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=append", body, ND)
        refused(answer, 409, "schema_conflict")
    assert [(each["name"], each["line"]) for each in answer.json["errors"]] == [
        ("id", 2),
        ("on", 3),
    ]
    done = lake.ingest(f"name={name}&mode=append&on_error=quarantine", body, ND).json
    assert (done["rows_ingested"], done["rows_quarantined"]) == (1, 3)
    extra = lake.ingest(f"name={name}&mode=append", nd({"id": 1, "new": 1}), ND)
    refused(extra, 409, "schema_conflict")
    wide = lake.ingest(f"name={name}&mode=append&schema_change=widen", nd({"id": 1.5, "z": 1}), ND)
    assert types(wide) == {"id": "double", "on": "bool", "z": "int64"}


def test_a_value_that_is_not_of_the_type_asked_for(lake: Lake, fresh: Fresh) -> None:
    answer = lake.ingest(f"name={fresh()}&types=a:int64", nd({"a": 1}, {"a": "x"}), ND)
    refused(answer, 422, "value_does_not_fit")
    assert (answer.json["errors"][0]["line"], answer.json["errors"][0]["column"]) == (2, "a")


@pytest.mark.parametrize("query", ["delimiter=;", "header=false", "null=NA", "encoding=latin-1"])
def test_options_of_csv_are_refused_for_others(lake: Lake, fresh: Fresh, query: str) -> None:
    with nothing_changes(lake):
        for body, headers in ((nd({"a": 1}), ND), (parquet(pa.table({"a": [1]})), PQ)):
            answer = lake.ingest(f"name={fresh()}&{query}", body, headers)
            refused(answer, 400, "invalid_request")


def test_parquet_is_stored_as_it_is(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int32()),
            "s": pa.array(["x", "y"]).dictionary_encode(),
            "l": pa.array([[1], []], pa.list_(pa.int64())),
            "t": pa.array([0, 1], pa.timestamp("ms", tz="Europe/Berlin")),
        }
    )
    body = parquet(table)
    done = lake.ingest(f"name={name}", body, PQ)
    assert types(done) == {
        "i": "int32",
        "s": "string",
        "l": "list<element: int64>",
        "t": "timestamp[ms, tz=Europe/Berlin]",
    }
    assert (done.json["row_count"], done.json["rows_quarantined"]) == (2, 0)
    assert lake.get(done.json["objects"][0]["key"]).body == body
    assert lake.sql(f"SELECT i, s, l FROM {name} ORDER BY s").json["rows"] == [
        [1, "x", [1]],
        [None, "y", []],
    ]
    assert lake.ingest(f"name={name}", body, PQ).json["reused"] is True
    twice = lake.ingest(f"name={name}&mode=append", body, PQ).json
    assert (twice["row_count"], len(twice["objects"])) == (4, 1)


def test_parquet_of_other_types_conflicts(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    other = parquet(pa.table({"a": pa.array([1.0])}))
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=append", other, PQ)
        refused(answer, 409, "schema_conflict")
    expected = {"name": "a", "problem": "type", "was": "int64", "is": "double"}
    assert answer.json["errors"] == [expected]
    same = parquet(pa.table({"a": pa.array([2], pa.int64())}))
    assert lake.ingest(f"name={name}&mode=append", same, PQ).status == 200
    wide = parquet(pa.table({"a": [2.5], "b": ["x"]}))
    assert types(lake.ingest(f"name={name}&mode=append&schema_change=widen", wide, PQ)) == {
        "a": "double",
        "b": "string",
    }
    assert rows(lake, name) == [[1.0, None], [2.0, None], [2.5, "x"]]


def test_parquet_that_would_round_integers_is_refused(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n9007199254740993\n")
    wide = parquet(pa.table({"a": [2.5]}))
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=append&schema_change=widen", wide, PQ)
        refused(answer, 409, "schema_conflict")


def _broken() -> list[bytes]:
    whole = parquet(pa.table({"a": list(range(5000))}), compression="none", use_dictionary=False)
    middle = len(whole) // 2
    return [
        b"",
        b"a,b\n1,2\n",
        whole[:-5],
        whole[: len(whole) // 2],
        b"PAR1" + b"\0" * 100 + b"PAR1",
        parquet(pa.table({"a": ["x" * 50] * 99}), compression="gzip").replace(b"\x1f\x8b", b"\0\0"),
        whole[:4] + b"\xff" * 40 + whole[44:],
        parquet(pa.table({"a": [1], "A": [2]})),
        parquet(pa.table({"a\n": [1]})),
        parquet(pa.table({"a\u202e": [1]})),
        parquet(pa.table({})),
        whole[:middle] + whole[middle + 9 :],
        parquet(pa.table({"a": pa.array([[Decimal("1.5")]], pa.list_(pa.decimal256(39, 1)))})),
        parquet(pa.table({f"c{place}": [place] for place in range(10_001)})),
    ]


@pytest.mark.parametrize("body", _broken(), ids=range(len(_broken())))
def test_parquet_that_cannot_be_used_is_refused(lake: Lake, fresh: Fresh, body: bytes) -> None:
    with nothing_changes(lake):
        refused(lake.ingest(f"name={fresh()}", body, PQ), 422, "malformed_parquet")


def test_a_rehearsal_reads_every_format(lake: Lake, fresh: Fresh) -> None:
    with nothing_changes(lake):
        one = lake.ingest(f"name={fresh()}&dry_run=true", nd({"a": 1}, "x"), ND).json
        two = lake.ingest(f"name={fresh()}&dry_run=true", parquet(pa.table({"a": [1]})), PQ).json
    assert (one["rows_good"], one["rows_bad"], one["refused"]["code"]) == (1, 1, "malformed_ndjson")
    assert (two["outcome"], two["rows_good"]) == ("create", 1)


def test_a_rehearsal_of_json_takes_an_absent_member_for_null(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b\n1,2\n")
    query = f"name={name}&mode=append&dry_run=true"
    assert lake.ingest(query, nd({"b": 1}), ND).json["outcome"] == "append"
    assert lake.ingest(query, nd({"b": "x"}), ND).json["refused"]["code"] == "schema_conflict"
