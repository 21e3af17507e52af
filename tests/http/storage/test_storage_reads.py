"""Ranges, ETags, HEAD, and listing."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
BODY = b"0123456789"


@pytest.fixture(scope="module")
def key(lake: Lake) -> str:
    lake.put("ten", BODY, {"Content-Type": "text/x-ten"})
    return "ten"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=2-5", 2, 5),
        ("bytes=9-9", 9, 9),
        ("bytes=4-", 4, 9),
        ("bytes=0-", 0, 9),
        ("bytes=-1", 9, 9),
        ("bytes=-3", 7, 9),
        ("bytes=-10", 0, 9),
        ("bytes=-99", 0, 9),
        ("bytes=5-99999999999999999999999", 5, 9),
        ("Bytes=1-2", 1, 2),
    ],
)
def test_one_range_is_cut_out(lake: Lake, key: str, asked: str, first: int, last: int) -> None:
    answer = lake.get(key, {"Range": asked})
    assert answer.status == 206
    assert answer.body == BODY[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/10"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.headers["Content-Type"] == "text/x-ten"


@pytest.mark.parametrize(
    "asked", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-"]
)
def test_a_range_beyond_the_end_cannot_be_had(lake: Lake, key: str, asked: str) -> None:
    answer = refused(lake.get(key, {"Range": asked}), 416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=-",
        "bytes=a-b",
        "bytes=",
        "bytes",
        "lines=0-1",
        "bytes=0x0-1",
        "bytes=0-1x",
        "bytes=--1",
        "bytes=１-２",
    ],
)
def test_several_ranges_and_malformed_ones_mean_the_whole(lake: Lake, key: str, asked: str) -> None:
    answer = lake.get(key, {"Range": asked})
    assert (answer.status, answer.body) == (200, BODY)
    assert "Content-Range" not in answer.headers


def test_if_range_holds_the_range_to_one_version(lake: Lake, key: str) -> None:
    tag = lake.get(key).headers["ETag"]
    assert lake.get(key, {"Range": "bytes=0-1", "If-Range": tag}).status == 206
    assert lake.get(key, {"Range": "bytes=0-1", "If-Range": '"other"'}).status == 200
    assert lake.get(key, {"Range": "bytes=0-1", "If-Range": f"W/{tag}"}).status == 200


def test_the_etag_is_the_strong_sha256(lake: Lake, key: str) -> None:
    sha256 = lake.put(key, BODY).json["sha256"]
    assert lake.get(key).headers["ETag"] == f'"{sha256}"'


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"x", {tag}', "*", '"x" ,{tag},"y"'])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_is_not_sent_again(
    lake: Lake, key: str, form: str, method: str
) -> None:
    tag = lake.get(key).headers["ETag"]
    answer = lake.ask(
        method, f"/v1/storage/get/{key}", headers={"If-None-Match": form.format(tag=tag)}
    )
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_list_of_etags_may_come_in_several_lines(lake: Lake, key: str) -> None:
    tag = lake.get(key).headers["ETag"]
    headers = [("If-None-Match", '"x"'), ("If-None-Match", tag)]
    assert lake.get(key, headers).status == 304
    assert lake.get(key, headers[:1] * 2).status == 200


def test_another_etag_gets_the_bytes(lake: Lake, key: str) -> None:
    assert lake.get(key, {"If-None-Match": '"x"'}).body == BODY
    assert lake.get(key, {"If-None-Match": '"x"', "Range": "bytes=0-1"}).status == 206


def test_head_is_get_without_the_bytes(lake: Lake, key: str) -> None:
    got, head = lake.get(key), lake.ask("HEAD", f"/v1/storage/get/{key}")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Content-Disposition", "Accept-Ranges"):
        assert head.headers[name] == got.headers[name]
    missing = lake.ask("HEAD", "/v1/storage/get/missing")
    assert (missing.status, missing.body) == (404, b"")


def test_keys_are_listed_in_the_order_of_their_bytes(lake: Lake) -> None:
    names = ["z", "a", "é", "\uffee", "🦆", "a/b", "a-b", "Z", "~", "a b"]
    for name in names:
        lake.put(quote(f"order/{name}"), name.encode())
    rows = _list(lake, "prefix=order/")["objects"]
    expected = sorted((f"order/{name}" for name in names), key=str.encode)
    assert [row["key"] for row in rows] == expected
    assert rows[0].keys() == {"key", "size_bytes", "sha256", "created_at", "seq"}


def test_pages_follow_each_other_until_next_is_null(lake: Lake) -> None:
    for number in range(7):
        lake.put(f"page/{number}", str(number))
    seen, after, pages = [], "", 0
    while True:
        page = _list(lake, f"prefix=page/&limit=3&after={quote(after)}")
        seen += [row["key"] for row in page["objects"]]
        pages += 1
        if page["next"] is None:
            break
        after = page["next"]
    assert (seen, pages) == ([f"page/{number}" for number in range(7)], 3)


def test_a_last_page_that_is_full_has_no_next(lake: Lake) -> None:
    for number in range(2):
        lake.put(f"full/{number}", str(number))
    page = _list(lake, "prefix=full/&limit=2")
    assert (len(page["objects"]), page["next"]) == (2, None)
    assert _list(lake, "prefix=full/1&after=zzz") == {"objects": [], "next": None}


def test_a_listing_is_of_the_moment_that_is_asked_for(lake: Lake, fresh: Fresh) -> None:
    prefix = fresh()
    first = lake.put(f"{prefix}/one").seq
    second = lake.put(f"{prefix}/two").seq
    lake.delete(f"{prefix}/one")
    lake.put(f"{prefix}/two", b"new")
    assert [row["key"] for row in _list(lake, f"prefix={prefix}/")["objects"]] == [f"{prefix}/two"]
    then = _list(lake, f"prefix={prefix}/&as_of={second}")["objects"]
    assert [(row["key"], row["seq"]) for row in then] == [
        (f"{prefix}/one", first),
        (f"{prefix}/two", second),
    ]


def test_ingested_parquet_is_listed_and_readable(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    manifest = lake.ingest(f"name={name}").json
    key = manifest["objects"][0]["key"]
    rows = _list(lake, f"prefix=datasets/{name}/")["objects"]
    assert [row["key"] for row in rows] == [key]
    got = lake.get(key)
    assert got.body[:4] == got.body[-4:] == b"PAR1"
    assert got.headers["ETag"] == f'"{manifest["objects"][0]["sha256"]}"'
    lake.drop(name)
    assert _list(lake, f"prefix=datasets/{name}/")["objects"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=10001",
        "limit=-1",
        "limit=1.5",
        "limit=",
        "limit=x",
        "limit=%EF%BC%91",
        "limit=+1",
        "limit=1_0",
        "limit=99999999999999999999",
        "limit=" + "9" * 5000,
        "limit=1&limit=2",
        "prefix=%FF",
        "after=a&after=b",
    ],
    ids=lambda query: query[:24],
)
def test_a_listing_with_an_odd_parameter_is_refused(lake: Lake, query: str) -> None:
    with nothing_changes(lake):
        refused(lake.ask("GET", f"/v1/storage/list?{query}"), 400, "invalid_request")


@pytest.mark.parametrize("limit", ["1", "10000", "0001"])
def test_limits_within_bounds_are_taken(lake: Lake, limit: str) -> None:
    assert lake.ask("GET", f"/v1/storage/list?limit={limit}").status == 200


def _list(lake: Lake, query: str) -> dict[str, list[dict[str, object]]]:
    answer = lake.ask("GET", f"/v1/storage/list?{query}")
    assert answer.status == 200, answer
    return answer.json
