"""Answers in fewer bytes: for whom, of what, and never to look whole when they are not."""

import gzip
import json
import zlib

import pytest
import zstandard
from lake_server import Lake

LARGE = "SELECT range AS a, 'x' || range AS b FROM range(200000)"
SMALLISH = "SELECT range AS a FROM range(2000)"


def decoded(coding: str, body: bytes) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("sql", [LARGE, SMALLISH], ids=["streamed", "whole"])
@pytest.mark.parametrize("format_", ["json", "ndjson", "csv", "arrow"])
def test_a_result_is_the_same_in_fewer_bytes(
    lake: Lake, sql: str, format_: str, coding: str
) -> None:
    asked = {"Cache-Control": "no-cache"}
    plain = lake.sql(sql, asked, format=format_)
    coded = lake.sql(sql, asked | {"Accept-Encoding": coding}, format=format_)
    assert "Content-Encoding" not in plain.headers
    assert coded.headers["Content-Encoding"] == coding
    assert plain.headers["Vary"] == coded.headers["Vary"] == "Accept-Encoding"
    assert decoded(coding, coded.body) == plain.body
    assert len(coded.body) < len(plain.body) * 0.7
    assert coded.headers["ETag"] == plain.headers["ETag"], "it is weak: the same rows"
    assert coded.headers["Content-Type"] == plain.headers["Content-Type"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None), ("identity", None), ("br", None), ("gzip;q=0", None), ("*;q=0", None),
        ("identity, gzip;q=0.5", None), ("gzip", "gzip"), ("GZIP;q=0.1", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"), ("gzip, zstd;q=0.5", "gzip"), ("*", "zstd"),
        ("zstd;q=0, *", "gzip"),
    ],
)  # fmt: skip
def test_the_client_chooses(lake: Lake, accepted: str, coding: str | None) -> None:
    answer = lake.sql(SMALLISH, {"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == coding


def test_what_would_gain_nothing_goes_as_it_is(lake: Lake) -> None:
    asked = {"Accept-Encoding": "gzip"}
    small, parquet = lake.sql("SELECT 1", asked), lake.sql(LARGE, asked, format="parquet")
    assert "Content-Encoding" not in [*small.headers, *parquet.headers]
    lake.put("a.json", b"[" + b" " * 100_000 + b"]", {"Content-Type": "application/json"})
    stored = lake.get("a.json", asked)
    assert len(stored.body) == 100_002 and "Content-Encoding" not in stored.headers


def test_a_coded_result_that_fails_midway_never_looks_complete(lake: Lake) -> None:
    sql = "SELECT CASE WHEN range < 4000000 THEN range ELSE error('late') END FROM range(5000000)"
    with lake.connect() as sock:
        sock.sendall(lake.request("POST", "/v1/sql", {"sql": sql}, {"Accept-Encoding": "gzip"}))
        received = b""
        try:
            while piece := sock.recv(1 << 20):
                received += piece
        except ConnectionResetError:
            pass
    assert b"Content-Encoding: gzip" in received and not received.endswith(b"0\r\n\r\n")
    stream = zlib.decompressobj(31)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    assert stream.decompress(body).startswith(b'{"columns"') and not stream.eof


def test_a_strong_tag_names_the_coded_bytes(lake: Lake) -> None:
    for number in range(30):
        lake.put(f"k{number}", b"x")
        assert lake.register(f"d{number}", f"k{number}", fingerprint=f"f{number}").status == 200
    coded = {"Accept-Encoding": "gzip"}
    plain = lake.ask("GET", "/v1/catalog/list")
    zipped = lake.ask("GET", "/v1/catalog/list", headers=coded)
    assert json.loads(gzip.decompress(zipped.body)) == plain.json
    assert zipped.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'
    for tag in (plain.headers["ETag"], zipped.headers["ETag"]):
        again = lake.ask("GET", "/v1/catalog/list", headers=coded | {"If-None-Match": tag})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Vary"] == "Accept-Encoding"
        assert again.headers["X-Journal-Seq"] == zipped.headers["X-Journal-Seq"]
    other = {"If-None-Match": zipped.headers["ETag"]}
    assert lake.ask("GET", "/v1/catalog/list", headers=other).status == 200
