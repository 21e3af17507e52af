"""Calls as such: how many at a time, through which proxy, after which event, below which trace."""

from pathlib import Path

import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as fl
import pytest
from flight_client import Raw, adbc, statement, until
from lake_server import Lake, running_lake
from structlog.testing import LogCapture

from lakehouse.flight import exchange

LARGE = "SELECT i, repeat('x', 1000) AS wide FROM range(3000000) t(i)"


def entries(logged: LogCapture) -> list[dict[str, object]]:
    found = [dict(each) for each in logged.entries if each["event"] == "request"]
    return [each for each in found if each["method"] == "FLIGHT"]


def test_a_client_has_so_many_calls_at_a_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_RPCS_OF_ONE", 1)
    with Raw(lake.flight_port) as stalled, Raw(lake.flight_port) as other:
        reader = stalled.reader(statement(LARGE))
        assert reader.read_chunk().data.num_rows > 0
        with pytest.raises(
            fl.FlightUnavailableError, match=r"busy: 1 call in progress, 1 of this client"
        ):
            other.info(statement("SELECT 1"))
        reader.cancel()


def test_an_answer_includes_the_event_that_is_asked_for(lake: Lake) -> None:
    with Raw(lake.flight_port, x_min_seq="2") as raw:
        assert raw.table(statement("FROM sales")).num_rows == 3
    with (
        Raw(lake.flight_port, x_min_seq="second") as raw,
        pytest.raises(pa.ArrowInvalid, match="x-min-seq"),
    ):
        raw.info(statement("FROM sales"))


def test_a_header_that_comes_twice_is_refused(lake: Lake) -> None:
    with Raw(lake.flight_port) as raw:
        twice = [(b"x-as-of", b"1"), (b"x-as-of", b"2")]
        raw.options = fl.FlightCallOptions(headers=twice)
        with pytest.raises(pa.ArrowInvalid, match="x-as-of occurs 2 times"):
            raw.info(statement("FROM sales"))


def test_a_trace_is_in_the_log(lake: Lake, logged: LogCapture) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with Raw(lake.flight_port, traceparent=f"00-{trace}-00f067aa0ba902b7-01") as raw:
        raw.table(statement("SELECT 'traced'"))
    # The entry of a result comes after its end, which the client has seen.
    until(lambda: {"GetFlightInfo", "DoGet"} <= {str(e["path"]) for e in entries(logged)})
    assert {each["trace_id"] for each in entries(logged)} == {trace}


def test_a_driver_reports_what_is_not_offered(lake: Lake) -> None:
    with adbc(lake) as connection, connection.cursor() as cursor:
        with pytest.raises(adbc_driver_manager.NotSupportedError, match="does not change data"):
            cursor.executescript("DELETE FROM sales")
        with pytest.raises(adbc_driver_manager.NotSupportedError, match="does not change data"):
            cursor.execute("INSERT INTO sales VALUES (1)")
        with pytest.raises(adbc_driver_manager.NotSupportedError, match="does not change data"):
            cursor.executemany("SELECT ?", [(1,), (2,)])
        partitions, _ = cursor.adbc_execute_partitions("FROM sales")
        [partition] = partitions
        cursor.adbc_read_partition(partition)
        assert cursor.fetch_arrow_table().num_rows == 3


def test_the_client_behind_a_proxy(tmp_path: Path, logged: LogCapture) -> None:
    settings = {"behind_proxy": ("127.0.0.0/8",), "public_url": "https://lake.example.com"}
    with running_lake(tmp_path / "bucket", queries=False, flight_port=0, **settings) as lake:
        with Raw(lake.flight_port, x_forwarded_for="203.0.113.7", x_forwarded_proto="https") as raw:
            raw.client.list_actions(raw.options)
        with (
            Raw(lake.flight_port, x_forwarded_for="203.0.113.7", x_forwarded_proto="http") as raw,
            pytest.raises(fl.FlightUnauthorizedError, match="tls_required"),
        ):
            raw.client.list_actions(raw.options)
    assert [each["client"] for each in entries(logged)] == ["203.0.113.7"] * 2
