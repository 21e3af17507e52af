"""Compressed files over HTTP: read when they are whole, refused when they are not."""

import gzip
import hashlib
from collections.abc import Callable

import pytest
import zstandard
from ingest_form import FORM, field, form
from lake_server import Lake
from raw_http import Answer
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
CSV = b"zip,name\n00501,Ann\n10001,Bob\n"


def pack(kind: str, data: bytes) -> bytes:
    return gzip.compress(data) if kind == "gzip" else zstandard.compress(data)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("said", [True, False])
def test_compressed_files_are_read_said_so_or_not(
    lake: Lake, fresh: Fresh, kind: str, said: bool
) -> None:
    name, packed = fresh(), pack(kind, CSV) + pack(kind, b"20002,Cy\n")
    headers = {"Content-Type": "text/csv"} | ({"Content-Encoding": kind} if said else {})
    body = lake.ingest(f"name={name}", packed, headers).json
    assert body["rows_ingested"] == 3, body
    assert body["source"]["sha256"] == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_compressed_file_in_a_form_is_read(lake: Lake, fresh: Fresh, kind: str) -> None:
    packed = form(field("file", pack(kind, CSV)))
    assert lake.ingest(f"name={fresh()}", packed, FORM).json["rows_ingested"] == 2


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("cut", [-1, -4, -9, 6])
def test_truncated_compression_is_refused(lake: Lake, fresh: Fresh, kind: str, cut: int) -> None:
    packed = pack(kind, CSV * 50)[:cut]
    with nothing_changes(lake):
        answer = lake.ingest(
            f"name={fresh()}", packed, {"Content-Type": "text/csv", "Content-Encoding": kind}
        )
        refused(answer, 422, "malformed_encoding")
        refused(
            lake.ingest(f"name={fresh()}", form(field("file", packed)), FORM),
            422,
            "malformed_encoding",
        )


def test_an_encoding_that_is_claimed_falsely_or_unknown(lake: Lake, fresh: Fresh) -> None:
    def sent(encoding: str, body: bytes = CSV) -> Answer:
        headers = {"Content-Type": "text/csv", "Content-Encoding": encoding}
        return lake.ingest(f"name={fresh()}", body, headers)

    with nothing_changes(lake):
        refused(sent("gzip"), 422, "malformed_encoding")
        refused(sent("gzip", gzip.compress(CSV) + b"garbage"), 422, "malformed_encoding")
        refused(sent("br"), 415, "unsupported_media_type")
    assert sent("identity").status == 200
    assert sent("GZIP", gzip.compress(CSV)).status == 200


def test_tab_separated_values_need_no_delimiter(lake: Lake, fresh: Fresh) -> None:
    body, sent_as = b"a\tb\n1\t2,3\n", {"Content-Type": "text/tab-separated-values; charset=utf-8"}
    raw = lake.ask("POST", f"/v1/ingest?name={fresh()}", body, sent_as)
    named = lake.ask("POST", f"/v1/ingest?name={fresh()}&format=csv", body, sent_as)
    field = b'--B\r\nContent-Disposition: form-data; name="file"\r\n'
    field += b"Content-Type: text/tab-separated-values\r\n\r\n" + body + b"\r\n--B--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=B"}
    for answer in (raw, named, lake.ask("POST", f"/v1/ingest?name={fresh()}", field, form)):
        assert answer.status == 200, answer
        assert [each["name"] for each in answer.json["schema"]] == ["a", "b"]
    other = lake.ask("POST", f"/v1/ingest?name={fresh()}&delimiter=;", b"a;b\n1;2\n", sent_as)
    assert [each["name"] for each in other.json["schema"]] == ["a", "b"]
