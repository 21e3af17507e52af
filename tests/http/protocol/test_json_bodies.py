"""JSON bodies of the wrong shape: refused with the path to what is wrong, never with a 500."""

import gzip
import json

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

REGISTER, SQL = "/v1/catalog/register", "/v1/sql"
GOOD = {"name": "n", "schema_fingerprint": "f", "objects": []}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": 1}, "$.name"),
        ({"name": None}, "$.name"),
        ({"schema_fingerprint": ["f"]}, "$.schema_fingerprint"),
        ({"objects": "k"}, "$.objects"),
        ({"objects": {}}, "$.objects"),
        ({"objects": ["k"]}, "$.objects[0]"),
        ({"objects": [{"key": "a"}, {"key": 5}]}, "$.objects[1].key"),
        ({"objects": [{}]}, "$.objects[0]"),
        ({"row_count": "1"}, "$.row_count"),
        ({"row_count": -1}, "$.row_count"),
        ({"row_count": 1.5}, "$.row_count"),
        ({"row_count": 2**53}, "$.row_count"),
        ({"row_count": True}, "$.row_count"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(
    lake: Lake, change: dict[str, object], path: str
) -> None:
    with nothing_changes(lake):
        answer = refused(lake.ask("POST", REGISTER, GOOD | change), 400, "invalid_request")
    assert path in answer.json["detail"]


@pytest.mark.parametrize("missing", ["name", "schema_fingerprint", "objects"])
def test_what_is_missing_is_named(lake: Lake, missing: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != missing}
    answer = refused(lake.ask("POST", REGISTER, body), 400, "invalid_request")
    assert missing in answer.json["detail"]


NOT_JSON = [
    b"",
    b" ",
    b"{",
    b"{}x",
    b"null",
    b"[]",
    b"1",
    b'"text"',
    b"{'name': 'n'}",
    b'{"name": "n",}',
    b'{"name": NaN}',
    b'\xef\xbb\xbf{"name": "n"}',
    b'{"name": "\xff"}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\\ud800"}',
    b'{"name": "\\u12"}',
    b'{"name": "a\nb"}',
    b"\x00",
    b'{"sql": 1e999}',
    json.dumps({"sql": "SELECT 1"}).encode("utf-16"),
    b'{"sql":' + b"[" * 100_000,
    b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"x":' + b'{"x":' * 50_000 + b"1" + b"}" * 50_001,
    b'{"sql": "SELECT 1", "params": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b'{"sql": "SELECT 1", "params": [' + b"9" * 5_000 + b"]}",
    b'{"sql": "SELECT 1", "as_of": ' + b"9" * 5_000 + b"}",
    b'{"sql": "SELECT \\ud800"}',
]


@pytest.mark.parametrize("target", [REGISTER, SQL])
@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:24]))
def test_what_is_no_such_json_is_refused(lake: Lake, target: str, body: bytes) -> None:
    with nothing_changes(lake):
        answer = lake.ask("POST", target, body)
    assert answer.status == 400, answer
    assert answer.json["code"] in ("invalid_request", "as_of_in_future")


def test_an_empty_body_is_named(lake: Lake) -> None:
    answer = refused(lake.ask("POST", REGISTER, b""), 400, "invalid_request")
    assert answer.json["detail"] == "the JSON body is empty"


def test_unknown_members_are_ignored_and_the_type_is_not_asked_for(lake: Lake) -> None:
    body = GOOD | {"name": "lenient", "more": {"deep": [1]}}
    for content_type in ("application/json", "text/plain", "nonsense"):
        answer = lake.ask("POST", REGISTER, body, {"Content-Type": content_type})
        assert answer.status == 200


def test_a_compressed_body_is_no_json(lake: Lake) -> None:
    body = gzip.compress(json.dumps({"sql": "SELECT 1"}).encode())
    answer = lake.ask("POST", SQL, body, {"Content-Encoding": "gzip"})
    refused(answer, 415, "unsupported_media_type")


def test_escapes_are_the_letters_they_stand_for(lake: Lake) -> None:
    body = b'{"name":"\\u0065scaped","schema_fingerprint":"f","objects":[]}'
    assert lake.ask("POST", REGISTER, body).json["name"] == "escaped"


def test_ten_thousand_objects_and_no_more(lake: Lake) -> None:
    many = [{"key": str(number)} for number in range(10_001)]
    with nothing_changes(lake):
        answer = lake.ask("POST", REGISTER, GOOD | {"objects": many})
        refused(answer, 400, "invalid_request")
        refused(lake.ask("POST", REGISTER, GOOD | {"objects": many[1:]}), 422, "object_missing")
