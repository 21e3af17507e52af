"""What may be a key, and how it is written in a target: raw, encoded, encoded twice."""

from urllib.parse import quote

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

FORBIDDEN = [
    "",
    "%2F",
    "%2Fleading",
    "/leading",
    "a//b",
    "a%2F%2Fb",
    "trailing/",
    "trailing%2F",
    ".",
    "..",
    "%2E",
    "%2e%2E",
    "a/./b",
    "a/../b",
    "../list",
    "a/%2e%2e/b",
    "a%2F..%2Fb",
    "%252e%252e",
    "a/%252E%252e/b",
    "a%252F..%252Fb",
    "%252Fa",
    "a%252F%252Fb",
    "a/%252e",
    "nul%00",
    "cr%0Dx",
    "lf%0Ax",
    "tab%09x",
    "esc%1B%5B31m",
    "del%7F",
    "c1%C2%80x",
    "c1%C2%9F",
    "%FF",
    "%C0%AF",
    "%ED%A0%80",
    "%F4%90%80%80",
    "latin%E9",
    "a" * 1025,
    "%61" * 1025,
    "%C3%A9" * 512 + "x",
    "x" + "/y" * 512,
]
RESERVED = ["_journal/x", "datasets/x", "objects/x", "%5Fjournal/x", "datasets%2Fx", "_journal/a/b"]
ROUTES = [("PUT", "put"), ("GET", "get"), ("HEAD", "get"), ("DELETE", "delete")]


@pytest.mark.parametrize("key", FORBIDDEN, ids=lambda key: key[:24] or "empty")
def test_a_forbidden_key_is_refused_on_every_route(lake: Lake, key: str) -> None:
    with nothing_changes(lake):
        for method, verb in ROUTES:
            answer = lake.ask(
                method, f"/v1/storage/{verb}/{key}", b"x" if method == "PUT" else None
            )
            if method == "HEAD":
                assert (answer.status, answer.body) == (400, b"")
            else:
                refused(answer, 400, "invalid_key")


@pytest.mark.parametrize("key", RESERVED)
def test_a_reserved_prefix_is_not_for_users_to_change(lake: Lake, key: str) -> None:
    with nothing_changes(lake):
        refused(lake.put(key), 400, "invalid_key")
        refused(lake.delete(key), 400, "invalid_key")
        refused(lake.get(key), 404, "object_not_found")


def test_the_journal_itself_cannot_be_read_as_an_object(lake: Lake) -> None:
    refused(lake.get("_journal/lake.json"), 404, "object_not_found")
    refused(lake.get("_journal/slots/00000000000000000001.ndjson"), 404, "object_not_found")


@pytest.mark.parametrize(
    "key", ["_journal", "datasets", "objects", "_journalx/a", "a/_journal/b", "Datasets/x"]
)
def test_names_that_only_resemble_reserved_ones_are_free(lake: Lake, key: str) -> None:
    assert lake.put(key).status == 200
    assert lake.get(key).body == b"bytes"


@pytest.mark.parametrize(
    "key",
    [
        "plain",
        "with space",
        "a+b",
        "100%",
        "50%25",
        "what?",
        "a#b",
        "a&b=c;d",
        "a/b.c/..d/e..",
        "...",
        "smörgås/日本/🦆",
        "e\u0301 and é",
        "back\\slash",
        "quote'\"",
        "~!@$^*(){}[]|<>,:",
        "a" * 1024,
        "é" * 512,
        "x" + "/y" * 511,
        "%zz",
    ],
    ids=lambda key: key[:16],
)
def test_any_other_text_is_a_key_and_comes_back_as_it_was(lake: Lake, key: str) -> None:
    body = key.encode()
    put = lake.put(quote(key, safe="/"), body)
    assert put.status == 200, put
    assert put.json["key"] == key
    assert lake.get(quote(key, safe="")).body == body
    listed = lake.ask("GET", f"/v1/storage/list?prefix={quote(key)}").json["objects"]
    assert key in [row["key"] for row in listed]
    assert lake.delete(quote(key, safe="/")).status == 204
    refused(lake.get(quote(key, safe="/")), 404, "object_not_found")


def test_plus_is_a_plus_in_a_path_and_one_decoding_is_all(lake: Lake) -> None:
    assert lake.put("p+q%2520r").json["key"] == "p+q%20r"
    assert lake.put("sub%2Fkey").json["key"] == "sub/key"


def test_composed_and_decomposed_letters_are_different_keys(lake: Lake) -> None:
    lake.put(quote("caf\u00e9"), b"one")
    lake.put(quote("cafe\u0301"), b"two")
    assert lake.get(quote("caf\u00e9")).body == b"one"
    assert lake.get(quote("cafe\u0301")).body == b"two"


def test_bytes_that_a_target_may_not_hold_unescaped_are_no_http(lake: Lake) -> None:
    with nothing_changes(lake):
        answer = lake.raw(lake.request("PUT", "/v1/storage/put/œuf".encode(), b"x"))
    assert b" 400 " in answer.split(b"\r\n")[0]


def test_dots_in_a_path_are_not_resolved(lake: Lake) -> None:
    refused(lake.ask("GET", "/v1/../health"), 404, "not_found")
    refused(lake.ask("GET", "/v1/storage/get/../../../health"), 400, "invalid_key")
    refused(lake.ask("GET", "//health"), 404, "not_found")
    refused(lake.ask("GET", "/./health"), 404, "not_found")
    refused(lake.ask("GET", "/%68ealth"), 404, "not_found")


def test_a_target_in_absolute_form_is_the_same_request(lake: Lake) -> None:
    base = f"http://{lake.host}"
    assert lake.ask("PUT", f"{base}/v1/storage/put/absolute%2Fform", b"x").json["key"] == (
        "absolute/form"
    )
    assert lake.ask("GET", f"{base}/v1/storage/list?prefix=absolute/").json["objects"] != []
    assert lake.ask("GET", f"HTTP://{lake.host}/health").status == 200
    refused(lake.ask("GET", f"{base}/v1/storage/get/../list"), 400, "invalid_key")
    refused(lake.ask("GET", base), 404, "not_found")


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\u061c"])
def test_a_key_that_reads_as_another_is_refused(lake: Lake, mark: str) -> None:
    key = quote(f"invoice{mark}fdp.exe")
    with nothing_changes(lake):
        refused(lake.put(key), 400, "invalid_key")
    assert lake.get(key).status == 404, "an old one may still be read"
