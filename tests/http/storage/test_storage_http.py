"""PUT, GET, list and DELETE of objects, as the contract's storage table has them."""

import gzip
import hashlib
from collections.abc import Callable

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_the_receipt_says_what_was_stored(lake: Lake, fresh: Fresh) -> None:
    key, before = fresh(), lake.head()
    answer = lake.put(key, b"hello")
    assert answer.status == 200
    assert answer.json == {
        "key": key,
        "size_bytes": 5,
        "sha256": sha256(b"hello"),
        "seq": before + 1,
    }
    assert answer.seq == lake.head() == before + 1


def test_the_same_bytes_give_the_same_receipt_and_no_event(lake: Lake, fresh: Fresh) -> None:
    key = fresh()
    first = lake.put(key, b"same", {"Content-Type": "text/plain"})
    lake.put(fresh(), b"another event in between")
    with nothing_changes(lake):
        again = lake.put(key, b"same", {"Content-Type": "text/html"})
    assert (again.status, again.json, again.seq) == (200, first.json, first.seq)


def test_the_same_bytes_under_another_key_are_another_object(lake: Lake, fresh: Fresh) -> None:
    first, second = lake.put(fresh(), b"shared").json, lake.put(fresh(), b"shared").json
    assert first["sha256"] == second["sha256"]
    assert second["seq"] == first["seq"] + 1


def test_a_new_version_leaves_the_old_one_readable_as_of_then(lake: Lake, fresh: Fresh) -> None:
    key = fresh()
    old = lake.put(key, b"old").seq
    new = lake.put(key, b"new").seq
    back = lake.put(key, b"old").seq
    assert old < new < back
    assert lake.get(key).body == b"old"
    assert lake.get(f"{key}?as_of={new}").body == b"new"
    assert lake.get(f"{key}?as_of={old}").body == b"old"
    refused(lake.get(f"{key}?as_of={old - 1}"), 404, "object_not_found")


def test_bytes_are_kept_as_sent_whatever_their_encoding_says(lake: Lake, fresh: Fresh) -> None:
    key, body = fresh(), gzip.compress(b"inner")
    sent = {"Content-Type": "text/csv; charset=utf-8", "Content-Encoding": "gzip"}
    assert lake.put(key, body, sent).json["sha256"] == sha256(body)
    got = lake.get(key)
    assert got.body == body
    assert got.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "Content-Encoding" not in got.headers


def test_a_content_encoding_that_lies_is_no_matter(lake: Lake, fresh: Fresh) -> None:
    key = fresh()
    for encoding in ("gzip", "deflate", "br", "zstd", "nonsense"):
        body = f"not {encoding}".encode()
        assert lake.put(key, body, {"Content-Encoding": encoding}).status == 200
        assert lake.get(key).body == body


@pytest.mark.parametrize("chunked", [False, True])
def test_an_empty_object_is_an_object(lake: Lake, fresh: Fresh, chunked: bool) -> None:
    key = fresh()
    encoding = {"Transfer-Encoding": "chunked"} if chunked else {}
    answer = lake.put(key, b"0\r\n\r\n" if chunked else b"", encoding)
    assert answer.json["size_bytes"] == 0
    got = lake.get(key)
    assert (got.status, got.body, got.headers["Content-Length"]) == (200, b"", "0")
    assert lake.get(key, {"Range": "bytes=0-"}).status == 416


def test_chunked_and_measured_bodies_are_the_same_bytes(lake: Lake, fresh: Fresh) -> None:
    key = fresh()
    chunked = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
    first = lake.put(key, chunked, {"Transfer-Encoding": "chunked"})
    assert first.json["size_bytes"] == 5
    assert lake.put(key, b"abcde").json == first.json


def test_a_large_object_streams_back_whole(lake: Lake, fresh: Fresh) -> None:
    key, body = fresh(), bytes(range(256)) * 20_000
    assert lake.put(key, body).json["sha256"] == sha256(body)
    assert lake.get(key).body == body
    assert lake.get(key, {"Range": "bytes=2000000-4000000"}).body == body[2_000_000:4_000_001]


def test_if_none_match_star_stores_only_what_is_not_there(lake: Lake, fresh: Fresh) -> None:
    key, only_new = fresh(), {"If-None-Match": "*"}
    assert lake.put(key, b"first", only_new).status == 200
    with nothing_changes(lake):
        refused(lake.put(key, b"second", only_new), 412, "key_exists")
        refused(lake.put(key, b"first", only_new), 412, "key_exists")
    lake.delete(key)
    assert lake.put(key, b"third", only_new).status == 200


@pytest.mark.parametrize(
    "condition",
    [
        {"If-None-Match": '"abc"'},
        {"If-Match": "*"},
        {"If-Unmodified-Since": "Sat, 21 Nov 2026 00:00:00 GMT"},
        {"Content-Range": "bytes 0-1/2"},
    ],
)
def test_a_condition_that_is_not_offered_is_not_passed_over(
    lake: Lake, fresh: Fresh, condition: dict[str, str]
) -> None:
    with nothing_changes(lake):
        refused(lake.put(fresh(), b"x", condition), 400, "invalid_request")


def test_stored_pages_cannot_run_as_this_site(lake: Lake, fresh: Fresh) -> None:
    key = fresh()
    lake.put(key, b"<script>", {"Content-Type": "text/html"})
    for answer in (lake.get(key), lake.get(key, {"Range": "bytes=0-1"})):
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_content_type_is_binary_where_none_was_sent(lake: Lake, fresh: Fresh) -> None:
    for headers in ({}, {"Content-Type": ""}):
        key = fresh()
        lake.put(key, headers=headers)
        assert lake.get(key).headers["Content-Type"] == "application/octet-stream"


def test_deleting_forgets_the_key_and_not_the_past(lake: Lake, fresh: Fresh) -> None:
    key = fresh()
    stored = lake.put(key, b"gone soon").seq
    gone = lake.delete(key)
    assert (gone.status, gone.body, gone.seq) == (204, b"", stored + 1)
    refused(lake.get(key), 404, "object_not_found")
    assert lake.get(f"{key}?as_of={stored}").body == b"gone soon"
    assert lake.put(key, b"gone soon").seq == stored + 2


def test_deleting_what_is_absent_is_done_already(lake: Lake, fresh: Fresh) -> None:
    with nothing_changes(lake):
        answer = lake.delete(fresh())
    assert (answer.status, answer.body, answer.seq) == (204, b"", lake.head())


def test_a_version_that_a_live_dataset_holds_cannot_be_forgotten(lake: Lake, fresh: Fresh) -> None:
    key, name = fresh(), fresh()
    lake.put(key, b"held")
    lake.register(name, key)
    with nothing_changes(lake):
        refused(lake.delete(key), 409, "object_in_use")
    lake.put(key, b"a newer version, which nothing holds")
    assert lake.delete(key).status == 204
    lake.put(key, b"once more")
    lake.register(name, key)
    refused(lake.delete(key), 409, "object_in_use")
    lake.drop(name)
    assert lake.delete(key).status == 204
