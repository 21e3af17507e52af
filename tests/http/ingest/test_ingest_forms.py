"""Multipart forms: where the file stands in them, and where they break off."""

import hashlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_server import Lake, running_lake
from refusals import nothing_changes, refused

from lakehouse.service.service import ServiceLimits

Fresh = Callable[[], str]
CSV = b"a,b\r\n1,2\r\n"
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=B"}


def field(name: str, body: bytes, more: str = "") -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="f.csv"\r\n{more}\r\n'
    return head.encode() + body + b"\r\n"


def form(*fields: bytes) -> bytes:
    return b"".join(fields) + b"--B--\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        (field("file", CSV),),
        (field("file", CSV), field("note", b"after")),
        (field("note", b"before"), field("file", CSV)),
        (field("a", b""), field("b", b"x\r\ny"), field("file", CSV), field("c", b"x--B")),
        (field("file", CSV, "Content-Type: text/csv\r\n"),),
        (field("file", CSV, "Content-Type: application/vnd.ms-excel\r\n"),),
        (field("file", CSV, "Content-Length: 9999\r\n"),),
        (field("file", CSV, "Content-Transfer-Encoding: binary\r\n"),),
        (b"a preamble\r\n", field("file", CSV)),
    ],
)
def test_the_file_is_found_wherever_it_stands(
    lake: Lake, fresh: Fresh, fields: tuple[bytes, ...]
) -> None:
    answer = lake.ingest(f"name={fresh()}", form(*fields), BOUNDARY)
    assert answer.status == 200, answer
    assert answer.json["source"]["sha256"] == hashlib.sha256(CSV).hexdigest()


def test_the_boundary_may_be_quoted_and_the_end_followed(lake: Lake, fresh: Fresh) -> None:
    quoted = {"Content-Type": 'Multipart/Form-Data; charset=utf-8; boundary="B"'}
    assert lake.ingest(f"name={fresh()}", form(field("file", CSV)), quoted).status == 200
    ended = form(field("file", CSV)) + b"an epilogue"
    assert lake.ingest(f"name={fresh()}", ended, BOUNDARY).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (field("other", CSV),),
        (field("File", CSV),),
        (field("files", CSV), field("", CSV)),
        (b"--B\r\n\r\nno headers at all\r\n",),
        (b"--B\r\nContent-Disposition: attachment\r\n\r\nx\r\n",),
    ],
)
def test_a_form_without_the_file(lake: Lake, fresh: Fresh, fields: tuple[bytes, ...]) -> None:
    with nothing_changes(lake):
        answer = lake.ingest(f"name={fresh()}", form(*fields), BOUNDARY)
        refused(answer, 400, "missing_file")


@pytest.mark.parametrize(
    ("fields", "content_type"),
    [
        ((field("file", CSV), field("file", CSV)), "multipart/form-data; boundary=B"),
        ((field("file", CSV),), "multipart/form-data"),
        ((field("file", CSV),), "multipart/form-data; boundary=" + "x" * 71),
        (
            (field("file", CSV, "Content-Transfer-Encoding: base64\r\n"),),
            "multipart/form-data; boundary=B",
        ),
        (
            (
                field(
                    "sub", b"--C\r\n\r\nx\r\n--C--", "Content-Type: multipart/mixed; boundary=C\r\n"
                ),
            ),
            "multipart/form-data; boundary=B",
        ),
    ],
)
def test_a_form_that_cannot_be_meant(
    lake: Lake, fresh: Fresh, fields: tuple[bytes, ...], content_type: str
) -> None:
    with nothing_changes(lake):
        answer = lake.ingest(f"name={fresh()}", form(*fields), {"Content-Type": content_type})
        refused(answer, 400, "invalid_request")


def test_a_form_is_not_compressed_as_a_whole(lake: Lake, fresh: Fresh) -> None:
    headers = BOUNDARY | {"Content-Encoding": "gzip"}
    with nothing_changes(lake):
        answer = lake.ingest(f"name={fresh()}", form(field("file", CSV)), headers)
        refused(answer, 415, "unsupported_media_type")


def test_a_form_that_is_cut_anywhere_is_refused(lake: Lake) -> None:
    whole = form(field("file", CSV), field("note", b"after"))
    end = len(whole) - len(b"--\r\n")
    with nothing_changes(lake):
        for length in range(end + 1):
            answer = lake.ingest("name=cut", whole[:length], BOUNDARY)
            assert answer.status == 400, (whole[:length], answer)
            assert answer.json["code"] in ("incomplete_body", "missing_file")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary here",
        form(field("file", CSV)).replace(b"\r\n", b"\n"),
        b"--B\r\nno colon\r\n\r\nx\r\n--B--\r\n",
        b"--B\r\nX: " + b"y" * 9000 + b"\r\n\r\nx\r\n--B--\r\n",
        b"--B\r\n" + b"X: y\r\n" * 500 + b"\r\nx\r\n--B--\r\n",
        b"--B\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n'
        + b"x" * 50
        + b"\r\n--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n\xff\r\n--B--\r\n',
    ],
)
def test_a_form_that_does_not_parse(lake: Lake, fresh: Fresh, body: bytes) -> None:
    with nothing_changes(lake):
        refused(lake.ingest(f"name={fresh()}", body, BOUNDARY), 400, "incomplete_body")


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("roomy") / "bucket", ServiceLimits()) as server:
        yield server


_almost_boundaries = st.sampled_from([b"\r\n--", b"\r\n--A", b"--B-", b"\r", b"\n", b"\r\n-", b"x"])


@settings(max_examples=40)
@given(pieces=st.lists(_almost_boundaries | st.binary(max_size=20), max_size=12))
def test_any_bytes_pass_through_a_form_unharmed(roomy: Lake, pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    if b"\r\n--B" in b"\r\n" + data + b"\r\n":
        return
    csv = b"h\n" + b'"' + data.replace(b'"', b'""') + b'"\n'
    sent = roomy.ingest("name=any&encoding=latin-1", form(field("file", csv)), BOUNDARY)
    if sent.status == 200:
        assert sent.json["source"]["sha256"] == hashlib.sha256(csv).hexdigest()
    else:
        assert sent.json["code"] in ("malformed_csv", "schema_conflict"), sent
