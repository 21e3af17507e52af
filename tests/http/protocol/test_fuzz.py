"""Anything at all: never a 5xx but 503 and 507's kin, never a hang, always one shape."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lake_server import Lake, running_lake
from refusals import refused

from lakehouse.web.routes import ROUTES

ENDING = [route for route in ROUTES if route.path != "/v1/journal/stream"]
"""The feed goes on for as long as its listener does; its refusals are asked for in its own tests."""
QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def any_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("any") / "bucket") as server:
        server.put("k", b"bytes")
        server.ingest("name=t", b"a\n1\n")
        yield server


def usable(text: str) -> bool:
    return not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text)


tails = st.one_of(
    st.text(max_size=40).map(lambda text: quote(text, safe="/")),
    st.binary(max_size=20).map(lambda raw: quote(raw, safe="")),
    st.sampled_from(
        ["k", "t", "T", "", "%", "%2", "%zz", "%25", "..", "k?as_of=1", "k#x", "k;v=1"]
    ),
)
words = st.one_of(
    st.sampled_from(["0", "1", "-1", "2", "99", "true", "false", "", "x", "a:int64", "replace"]),
    st.text(max_size=12),
    st.integers().map(str),
    st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
)
names = st.sampled_from(
    ["as_of", "limit", "after", "prefix", "summary", "name", "mode", "null", "types", "delimiter",
     "encoding", "header", "dedupe", "schema_change", "on_error", "type", "dataset", "x"]
)  # fmt: skip
queries = st.lists(st.tuples(names, words), max_size=4).map(
    lambda pairs: "&".join(f"{name}={quote(word)}" for name, word in pairs)
)
header_names = st.sampled_from(
    ["Range", "If-None-Match", "If-Range", "If-Match", "Accept", "Content-Type", "X-Min-Seq",
     "Content-Encoding", "Idempotency-Key", "X-Actor", "X-Change-Reason", "X-Request-Id", "Expect",
     "Origin", "Sec-Fetch-Site", "Accept-Encoding", "Upgrade", "TE", "Authorization", "Cookie"]
)  # fmt: skip
header_words = st.one_of(
    st.sampled_from(["*", "bytes=0-1", "bytes=-1", '"x"', "0", "1", "gzip", "zstd", "text/csv",
                     "multipart/form-data; boundary=B", "application/json", "a", "identity"]),
    st.text(max_size=20).filter(usable).map(str.strip),
)  # fmt: skip
bodies = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.sampled_from([b"a\n1\n", b'{"sql":"SELECT 1"}', b'{"sql":"FROM t"}', b"--B--\r\n", b"{}"]),
    st.fixed_dictionaries(
        {},
        optional={
            "sql": st.one_of(st.text(max_size=30), st.integers()),
            "name": st.text(max_size=5),
            "schema_fingerprint": st.text(max_size=5),
            "objects": st.lists(st.fixed_dictionaries({"key": st.text(max_size=5)}), max_size=3),
            "row_count": st.integers(),
            "params": st.lists(
                st.one_of(st.integers(), st.text(max_size=3), st.none()), max_size=2
            ),
            "as_of": st.one_of(st.integers(), st.text(max_size=8)),
            "timeout_ms": st.integers(),
            "format": st.text(max_size=5),
        },
    ),
)


@QUICK
@given(
    route=st.sampled_from(ENDING),
    tail=tails,
    query=queries,
    headers=st.lists(st.tuples(header_names, header_words), max_size=3, unique_by=lambda h: h[0]),
    body=bodies,
)
def test_any_request_gets_an_answer_of_ours(
    any_lake: Lake,
    route: object,
    tail: str,
    query: str,
    headers: list[tuple[str, str]],
    body: object,
) -> None:
    path = route.path.partition("{")[0] + (tail if "{" in route.path else "")
    joined = path + ("&" if "?" in path else "?") + query if query else path
    sent = [pair for pair in headers if pair[0] != "Expect"]
    answer = any_lake.ask(route.method, joined, body, sent)
    assert answer.status < 500 or answer.status == 503, answer
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if answer.status < 400 or not answer.body:
        return
    if route.path.startswith("/iceberg/"):
        assert answer.json["error"]["code"] == answer.status
    elif "jsonrpc" in answer.json:
        assert answer.json["error"]["code"] < 0
    else:
        refused(answer, answer.status, answer.json["code"])


@settings(max_examples=150, deadline=5_000)
@given(data=st.binary(max_size=200))
def test_any_bytes_get_an_answer_or_an_end(any_lake: Lake, data: bytes) -> None:
    received = any_lake.raw(data + b"\r\n\r\n", end=True)
    assert b" 500 " not in received.split(b"\r\n")[0]


@settings(max_examples=150, deadline=5_000)
@given(at=st.integers(0, 200), cut=st.integers(0, 8), put=st.binary(max_size=8))
def test_any_damage_to_a_good_request_is_survived(
    any_lake: Lake, at: int, cut: int, put: bytes
) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\na\n1\n\r\n--B--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=B"}
    good = any_lake.request("POST", "/v1/ingest?name=damaged", body, kind)
    received = any_lake.raw(good[:at] + put + good[at + cut :], end=True)
    assert b" 500 " not in received.split(b"\r\n")[0]
    assert any_lake.service._ingests.inside == 0
