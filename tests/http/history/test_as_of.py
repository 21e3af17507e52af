"""Moments: event numbers, times, the future; and reads that wait for a seq."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from lake_server import Lake, running_lake
from refusals import nothing_changes, refused

import lakehouse.service.history.journal

READS = ["/v1/storage/get/k", "/v1/storage/list", "/v1/catalog/manifest/t", "/v1/catalog/list"]


@pytest.fixture(scope="module")
def past_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Events: 1 PUT k, 2 register t, 3 PUT k, 4 drop t. Their times are apart."""
    with running_lake(tmp_path_factory.mktemp("past_lake") / "bucket") as lake:
        for change in (
            lambda: lake.put("k", b"one"),
            lambda: lake.register("t", "k"),
            lambda: lake.put("k", b"two"),
            lambda: lake.drop("t"),
        ):
            change()
            time.sleep(0.003)
        yield lake


@pytest.fixture(scope="module")
def times(past_lake: Lake) -> dict[int, datetime]:
    events = past_lake.ask("GET", "/v1/journal/events").json["events"]
    return {event["seq"]: datetime.fromisoformat(event["at"]) for event in events}


def at(lake: Lake, path: str, as_of: object) -> int:
    """The seq that a read as of then was answered from."""
    answer = lake.ask("GET", f"{path}?as_of={quote(str(as_of), safe='')}")
    assert answer.status == 200, answer
    return answer.seq


@pytest.mark.parametrize("path", READS)
def test_an_event_number_is_used_and_reported(past_lake: Lake, path: str) -> None:
    assert at(past_lake, path, 2) == 2
    assert at(past_lake, path, "000003") == 3
    assert past_lake.get("k?as_of=2").body == b"one"


def test_before_the_first_event_there_is_nothing(past_lake: Lake) -> None:
    assert at(past_lake, "/v1/storage/list", 0) == 0
    refused(past_lake.get("k?as_of=0"), 404, "object_not_found")
    refused(past_lake.manifest("t", "?as_of=0"), 404, "dataset_not_found")
    for early in ("1970-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"):
        assert at(past_lake, "/v1/storage/list", early) == 0


@pytest.mark.parametrize("leap", ["1990-12-31T23:59:60Z", "1990-12-31t15:59:60.5-08:00"])
def test_a_leap_second_is_a_time(past_lake: Lake, leap: str) -> None:
    assert at(past_lake, "/v1/storage/list", leap) == 0


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "as_of",
    ["5", "99999999999999999999", "9" * 5000, "9007199254740993", "9999-12-31T23:59:59Z",
     "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:60Z"],
    ids=lambda as_of: as_of[:25],
)  # fmt: skip
def test_the_future_is_refused(past_lake: Lake, path: str, as_of: str) -> None:
    with nothing_changes(past_lake):
        refused(past_lake.ask("GET", f"{path}?as_of={as_of}"), 400, "as_of_in_future")


def test_a_time_from_now_on_is_refused_and_just_now_is_the_head(past_lake: Lake) -> None:
    later = datetime.now(UTC) + timedelta(seconds=30)
    refused(
        past_lake.ask("GET", f"/v1/catalog/list?as_of={quote(later.isoformat())}"),
        400,
        "as_of_in_future",
    )
    assert at(past_lake, "/v1/catalog/list", datetime.now(UTC).isoformat()) == 4


def test_a_time_means_the_last_event_not_after_it(
    past_lake: Lake, times: dict[int, datetime]
) -> None:
    tick = timedelta(microseconds=1)
    for seq in (1, 2, 3, 4):
        assert at(past_lake, "/v1/storage/list", times[seq].isoformat()) == seq
        assert at(past_lake, "/v1/storage/list", (times[seq] - tick).isoformat()) == seq - 1
        assert at(past_lake, "/v1/storage/list", (times[seq] + tick).isoformat()) == seq


def test_a_time_may_be_written_with_any_offset(past_lake: Lake, times: dict[int, datetime]) -> None:
    moment = times[2]
    naive = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    forms = [f"{naive}Z", f"{naive}z", f"{naive}+00:00", f"{naive}-00:00", naive.lower() + "z"]
    forms += [
        moment.astimezone(timezone(timedelta(hours=hours, minutes=30))).isoformat()
        for hours in (-12, -1, 5, 13)
    ]
    for form in forms:
        assert at(past_lake, "/v1/catalog/list", form) == 2
    unescaped = f"/v1/catalog/list?as_of={naive}+00:00"
    assert past_lake.ask("GET", unescaped).seq == 2, "curl users forget to escape the plus"


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "as_of",
    [
        "", " ", "-1", "+1", "1.0", "1e3", "0x1", "yesterday", "now", "null", "１",
        "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00Z", "2026-01-01 00:00:00",
        "20260101T000000Z", "2026-W01-1T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z", "2026-01-01T24:00:01Z", "2026-01-01T00:00:00+25:00",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00 UTC",
        "2026-01-01T00:00:00.Z", "10000-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
        "2026-01-01T00:00:60Z", "2026-01-01T23:59:60-01:00",
        "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+01:00:30",
    ],
)  # fmt: skip
def test_what_is_neither_number_nor_time_is_refused(past_lake: Lake, path: str, as_of: str) -> None:
    answer = past_lake.ask("GET", f"{path}?as_of={quote(as_of, safe='')}")
    refused(answer, 400, "invalid_request")


def test_as_of_is_given_once(past_lake: Lake) -> None:
    refused(past_lake.ask("GET", "/v1/catalog/list?as_of=1&as_of=1"), 400, "invalid_request")


def test_a_body_takes_numbers_and_texts(past_lake: Lake, times: dict[int, datetime]) -> None:
    for as_of in (2, "2", times[2].isoformat()):
        assert past_lake.sql("SELECT 1 AS x", as_of=as_of).seq == 2
    refused(past_lake.sql("SELECT 1", as_of=5), 400, "as_of_in_future")
    refused(past_lake.sql("SELECT 1", as_of=10**30), 400, "as_of_in_future")
    refused(past_lake.sql("SELECT 1", as_of="2999-01-01T00:00:00Z"), 400, "as_of_in_future")


# X-Min-Seq


@pytest.mark.parametrize("path", [*READS, "/v1/journal/head"])
def test_a_read_at_or_after_a_seq(past_lake: Lake, path: str) -> None:
    past = "" if path.endswith("head") else "?as_of=2"
    for least in ("0", "1", "4", "0004"):
        assert past_lake.ask("GET", path + past, headers={"X-Min-Seq": least}).status == 200


@pytest.mark.parametrize("path", [*READS, "/health"])
def test_a_seq_that_does_not_come_is_not_caught_up(
    past_lake: Lake, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lakehouse.service.history.journal, "MIN_SEQ_WAIT_S", 0.1)
    answer = refused(past_lake.ask("GET", path, headers={"X-Min-Seq": "5"}), 503, "not_caught_up")
    assert answer.json["retryable"] is True
    refused(past_lake.sql("SELECT 1", {"X-Min-Seq": "5"}), 503, "not_caught_up")


@pytest.mark.parametrize("least", ["", "-1", "x", "1.5", "+1", "99999999999999999", "1, 2"])
def test_an_odd_seq_is_refused(past_lake: Lake, least: str) -> None:
    answer = past_lake.ask("GET", "/v1/journal/head", headers={"X-Min-Seq": least})
    refused(answer, 400, "invalid_request")
