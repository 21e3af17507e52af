"""How large, how many at once, and that the client is refused before a byte is read."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from lake_server import Lake, running_lake
from raw_http import read_answer
from refusals import nothing_changes, refused
from waiting import wait_until

from lakehouse.service.service import ServiceLimits
from lakehouse.web.http import bodies

OBJECT_BYTES = 256 * 1024 * 1024
SMALL = 100_000
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = ("Expect", "100-continue")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake whose limits are low enough to reach."""
    limits = ServiceLimits(object_bytes=SMALL, upload_bytes=SMALL)
    with running_lake(tmp_path_factory.mktemp("small") / "bucket", limits, queries=False) as server:
        yield server


def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(lake: Lake) -> None:
    with nothing_changes(lake), closing(lake.connect()) as sock:
        length = ("Content-Length", str(OBJECT_BYTES + 1))
        sock.sendall(lake.request("PUT", "/v1/storage/put/big", headers=[length]))
        refused(read_answer(sock), 413, "too_large")


def test_the_limit_itself_is_within_the_limit(lake: Lake) -> None:
    with nothing_changes(lake), closing(lake.connect()) as sock:
        length = ("Content-Length", str(OBJECT_BYTES))
        sock.sendall(lake.request("PUT", "/v1/storage/put/big", headers=[length, EXPECT]))
        assert sock.recv(65536) == CONTINUE
    wait_until(lambda: lake.service._puts.inside == 0)


@pytest.mark.parametrize(
    ("target", "headers", "status", "code"),
    [
        ("/v1/storage/put/a", {"Content-Length": str(OBJECT_BYTES + 1)}, 413, "too_large"),
        ("/v1/storage/put/a//b", {}, 400, "invalid_key"),
        ("/v1/storage/put/objects/x", {}, 400, "invalid_key"),
        ("/v1/storage/put/a", {"Host": "evil.example"}, 403, "foreign_host"),
        ("/v1/storage/put/a", {"Origin": "http://evil.example"}, 403, "foreign_origin"),
        ("/v1/storage/put/a", {"Idempotency-Key": "no\tgood"}, 400, "invalid_request"),
        ("/v1/storage/put/a", {"X-Change-Reason": "r" * 1025}, 431, "header_too_large"),
        ("/v1/storage/list", {}, 405, "method_not_allowed"),
        ("/nowhere", {}, 404, "not_found"),
    ],
)
def test_what_is_refused_gets_no_100_continue(
    lake: Lake, target: str, headers: dict[str, str], status: int, code: str
) -> None:
    given = {"Content-Length": "10", "Expect": "100-continue"} | headers
    with nothing_changes(lake), closing(lake.connect()) as sock:
        sock.sendall(lake.request("PUT", target, headers=given))
        refused(read_answer(sock), status, code)


def test_what_is_wanted_gets_one_100_continue_and_then_its_answer(lake: Lake) -> None:
    with closing(lake.connect()) as sock:
        length = ("Content-Length", "5")
        sock.sendall(lake.request("PUT", "/v1/storage/put/asked", headers=[length, EXPECT]))
        assert sock.recv(65536) == CONTINUE
        sock.sendall(b"hello")
        assert read_answer(sock).json["size_bytes"] == 5


def test_a_refusal_after_the_100_is_still_reported(small: Lake) -> None:
    headers = [("Transfer-Encoding", "chunked"), EXPECT]
    with nothing_changes(small), closing(small.connect()) as sock:
        sock.sendall(small.request("PUT", "/v1/storage/put/a", headers=headers))
        assert sock.recv(65536) == CONTINUE
        sock.sendall(_chunked(b"x" * (SMALL + 1)))
        refused(read_answer(sock), 413, "too_large")


def test_a_chunked_body_is_cut_off_where_it_passes_the_limit(small: Lake) -> None:
    with nothing_changes(small), closing(small.connect()) as sock:
        sock.sendall(small.request("PUT", "/v1/storage/put/a", headers=_CHUNKED))
        sock.sendall(_chunk(b"x" * SMALL) + _chunk(b"x"))  # and no end in sight
        refused(read_answer(sock), 413, "too_large")


def test_a_chunked_body_of_just_the_limit_is_stored(small: Lake) -> None:
    with closing(small.connect()) as sock:
        sock.sendall(small.request("PUT", "/v1/storage/put/full", headers=_CHUNKED))
        sock.sendall(_chunked(b"x" * SMALL))
        assert read_answer(sock).json["size_bytes"] == SMALL


def test_an_ingest_beyond_the_limit_is_refused_however_it_is_sent(small: Lake) -> None:
    csv = b"a\n" + b"1\n" * SMALL
    form = b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + csv + b"\r\n--B--\r\n"
    multipart = {"Content-Type": "multipart/form-data; boundary=B"}
    with nothing_changes(small):
        refused(small.ingest("name=big", csv), 413, "too_large")
        refused(small.ingest("name=big", form, multipart), 413, "too_large")
        for each, kind in ((csv, {"Content-Type": "text/csv"}), (form, multipart)):
            with closing(small.connect()) as sock:
                headers = [*_CHUNKED, *kind.items()]
                sock.sendall(small.request("POST", "/v1/ingest?name=big", headers=headers))
                sock.sendall(_chunked(each))
                refused(read_answer(sock), 413, "too_large")


def test_a_form_of_a_file_within_the_limit_passes_with_its_framing(small: Lake) -> None:
    csv = b"a\n" + b"1\n" * (SMALL // 2 - 1)
    assert len(csv) == SMALL
    form = b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + csv + b"\r\n--B--\r\n"
    multipart = {"Content-Type": "multipart/form-data; boundary=B"}
    assert small.ingest("name=fits", form, multipart).status == 200


def test_what_a_form_holds_beside_its_file_is_bounded_too(small: Lake) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="junk"\r\n\r\n'
    multipart = [("Content-Type", "multipart/form-data; boundary=B"), *_CHUNKED]
    with nothing_changes(small), closing(small.connect()) as sock:
        sock.sendall(small.request("POST", "/v1/ingest?name=junk", headers=multipart))
        sock.sendall(_chunk(head))
        for _ in range(10):
            sock.sendall(_chunk(b"j" * 20_000))
            time.sleep(0.01)
        refused(read_answer(sock), 413, "too_large")


def test_the_fifth_put_in_flight_is_told_busy_at_once(own_lake: Lake) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(own_lake.connect())) for _ in range(4)]
        for number, sock in enumerate(slow):
            head = [("Content-Length", "10")]
            sock.sendall(
                own_lake.request("PUT", f"/v1/storage/put/slow{number}", headers=head) + b"12345"
            )
        wait_until(lambda: own_lake.service._puts.inside == 4)
        with closing(own_lake.connect()) as sock:
            head = [("Content-Length", "3"), EXPECT]
            sock.sendall(own_lake.request("PUT", "/v1/storage/put/fifth", headers=head))
            answer = refused(read_answer(sock), 503, "busy")
        assert answer.headers["Retry-After"] == "5"
        assert answer.json["retryable"] is True
        assert own_lake.get("slow0").status == 404, "reads are not held up"
        refused(own_lake.put("a//b"), 400, "invalid_key")
        for sock in slow:
            sock.sendall(b"67890")
        assert [read_answer(sock).status for sock in slow] == [200] * 4
    wait_until(lambda: own_lake.service._puts.inside == 0)
    assert own_lake.put("fifth").status == 200
    assert own_lake.spooled() == []


def test_ingests_beyond_the_bound_are_told_busy(tmp_path: Path) -> None:
    with (
        running_lake(tmp_path / "bucket", ServiceLimits(ingests=1), queries=False) as lake,
        closing(lake.connect()) as sock,
    ):
        head = [("Content-Length", "10"), ("Content-Type", "text/csv")]
        sock.sendall(lake.request("POST", "/v1/ingest?name=slow", headers=head) + b"a\n")
        wait_until(lambda: lake.service._ingests.inside == 1)
        answer = refused(lake.ingest("name=other"), 503, "busy")
        assert int(answer.headers["Retry-After"]) > 0
        sock.sendall(b"1\n2\n3\n4\n")
        assert read_answer(sock).json["rows_ingested"] == 4


@pytest.mark.parametrize("content_type", ["text/csv", "multipart/form-data; boundary=B"])
def test_a_file_that_drips_in_gives_its_place_up(
    own_lake: Lake, monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    monkeypatch.setattr(bodies, "RECEIVE_S", 0.3)
    with nothing_changes(own_lake), closing(own_lake.connect()) as sock:
        head = [("Content-Length", "1000"), ("Content-Type", content_type)]
        sock.sendall(own_lake.request("POST", "/v1/ingest?name=slow", headers=head) + b"a\n")
        answer = refused(read_answer(sock), 400, "incomplete_body")
        assert "did not arrive within" in answer.json["detail"]
        wait_until(lambda: own_lake.service._ingests.inside == 0)
    assert own_lake.spooled() == []


@pytest.mark.parametrize("name", ["X-Actor", "X-Change-Reason"])
def test_what_a_change_says_of_itself_has_up_to_1_kib(lake: Lake, name: str) -> None:
    assert lake.put("said", b"1" + name.encode(), {name: "é" * 512}).status == 200
    with nothing_changes(lake):
        refused(lake.put("said", b"2", {name: "é" * 512 + "x"}), 431, "header_too_large")


@pytest.mark.parametrize("target", ["/v1/sql", "/v1/catalog/register"])
def test_a_json_body_has_up_to_1_mib(lake: Lake, target: str) -> None:
    def padded(size: int) -> bytes:
        return b'{"pad":"' + b"x" * (size - 10) + b'"}'

    mib = 1024 * 1024
    with nothing_changes(lake):
        refused(lake.ask("POST", target, padded(mib)), 400, "invalid_request")
        refused(lake.ask("POST", target, padded(mib + 1)), 413, "too_large")
        with closing(lake.connect()) as sock:
            sock.sendall(lake.request("POST", target, headers=_CHUNKED))
            sock.sendall(_chunked(padded(mib + 1)))
            refused(read_answer(sock), 413, "too_large")


def test_a_thousand_idle_connections_hold_nobody_up(lake: Lake) -> None:
    with ExitStack() as stack:
        for _ in range(200):
            sock = stack.enter_context(closing(lake.connect()))
            sock.sendall(b"PUT /v1/storage/put/slow HTTP/1.1\r\nHost: localhost\r\nContent-")
        assert lake.put("quick").status == 200


_CHUNKED = [("Transfer-Encoding", "chunked"), ("Connection", "close")]


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _chunked(data: bytes) -> bytes:
    pieces = (data[start : start + 50_000] for start in range(0, len(data), 50_000))
    return b"".join(map(_chunk, pieces)) + b"0\r\n\r\n"
