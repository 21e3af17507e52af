"""How queries end early over Flight SQL: cancelled, left, killed, stalled; and how the server stops."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as fl
import pytest
import trustme
from adbc_driver_flightsql import DatabaseOptions
from adbc_driver_manager import AdbcStatusCode
from flight_client import WITHIN_S, Raw, adbc, query, statement, until
from lake_server import Lake, running_lake
from principals import closed, principal

from lakehouse.config import ConfigError, load
from lakehouse.flight.commands import pack
from lakehouse.flight.wire import Fields, length_field
from tests.e2e.process import family

ENDLESS = "SELECT count(*) FROM range(100000000) a, range(100000000) b"
LARGE = "SELECT i, repeat('x', 1000) AS wide FROM range(3000000) t(i)"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Lake]:
    with running_lake(tmp_path / "bucket", flight_port=0, drain_s=1.0) as lake:
        yield lake


def running(lake: Lake, sql: str) -> int:
    """How many queries with this text run now."""
    listed = lake.ask("GET", "/v1/queries").json["queries"]
    wanted = (sql, "running", "arrow")
    return sum((each["sql"], each["state"], each["format"]) == wanted for each in listed)


def outcomes(lake: Lake, sql: str) -> list[Any]:
    """How the queries with this text ended, oldest first; None of those that run."""
    ended = "SELECT sql, outcome FROM lake.queries WHERE format = 'arrow'"
    return [each for text, each in lake.sql(ended).json["rows"] if text == sql]


def outcome(lake: Lake, sql: str) -> Any:
    """How the last of them ended."""
    return outcomes(lake, sql)[-1]


class Reading(threading.Thread):
    """Reads a result in a thread of its own; `error` is what ended it."""

    def __init__(self, read: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._read = read
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001  # for the test's thread
            self.error = error

    def ended(self) -> BaseException | None:
        self.join(WITHIN_S)
        assert not self.is_alive()
        return self.error


@pytest.mark.parametrize("action", ["CancelFlightInfo", "CancelQuery"])
def test_a_query_is_cancelled_by_its_info(lake: Lake, action: str) -> None:
    with Raw(lake.flight_port) as raw, Raw(lake.flight_port) as other:
        info = raw.info(statement(ENDLESS))
        reading = Reading(
            lambda: raw.client.do_get(info.endpoints[0].ticket, raw.options).read_all()
        )
        until(lambda: running(lake, ENDLESS) == 1)
        body = length_field(1, info.serialize())
        packed = action == "CancelQuery"
        [answer] = other.act(action, pack("ActionCancelQueryRequest", body) if packed else body)
        result = Fields(Fields(answer).bytes_of(2) if packed else answer)
        assert result.number(1) == 1  # CANCELLED
        assert isinstance(reading.ended(), fl.FlightCancelledError)
        assert "query_cancelled" in str(reading.error)
        assert running(lake, ENDLESS) == 0
        assert outcome(lake, ENDLESS) == "query_cancelled"
        with pytest.raises(pa.ArrowKeyError, match="query_not_found"):
            other.act(action, pack("ActionCancelQueryRequest", body) if packed else body)


def test_a_driver_cancels(lake: Lake) -> None:
    with adbc(lake) as connection, connection.cursor() as cursor:
        reading = Reading(lambda: (cursor.execute(ENDLESS), cursor.fetchall()))
        until(lambda: running(lake, ENDLESS) == 1)
        cursor.adbc_cancel()
        error = reading.ended()
        assert isinstance(error, adbc_driver_manager.Error)
        assert error.status_code == AdbcStatusCode.CANCELLED
        until(lambda: running(lake, ENDLESS) == 0)
    assert outcome(lake, ENDLESS) == "abandoned"


def test_a_client_that_leaves_ends_its_query(lake: Lake) -> None:
    raw = Raw(lake.flight_port)
    [endpoint] = raw.info(statement(LARGE)).endpoints
    reader = raw.client.do_get(endpoint.ticket, raw.options)
    assert reader.read_chunk().data.num_rows > 0
    assert running(lake, LARGE) == 1
    reader.cancel()
    del reader
    raw.client.close()
    until(lambda: running(lake, LARGE) == 0)
    assert outcome(lake, LARGE) == "abandoned"


def test_a_client_whose_time_is_over_ends_its_query(lake: Lake) -> None:
    with Raw(lake.flight_port) as raw:
        raw.options = fl.FlightCallOptions(timeout=0.5)
        with pytest.raises(fl.FlightTimedOutError):
            raw.table(statement(ENDLESS))
        until(lambda: running(lake, ENDLESS) == 0)


def test_a_time_limit_has_its_own_status(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with (
        running_lake(bucket, flight_port=0, query_timeout_s=0.5) as lake,
        Raw(lake.flight_port) as raw,
        pytest.raises(fl.FlightTimedOutError, match="query_timeout"),
    ):
        raw.table(statement(ENDLESS))


def workers() -> list[int]:
    """The query workers that this process has had forked."""
    found = family(os.getpid())
    return [pid for pid in found if Path(f"/proc/{pid}/comm").read_text() == "query-worker\n"]


def test_a_killed_worker_is_an_error_and_never_a_short_answer(own: Lake) -> None:
    before = set(workers())
    with Raw(own.flight_port) as raw:
        reader = raw.reader(statement(LARGE))
        rows = reader.read_chunk().data.num_rows
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(fl.FlightUnavailableError, match="query_killed"):
            for chunk in reader:
                rows += chunk.data.num_rows
        assert 0 < rows < 3_000_000
    until(lambda: query(own, "SELECT 1 AS a").num_rows == 1)


def test_clients_that_take_nothing_are_cut_off_while_others_wait(own: Lake) -> None:
    """They hold every worker; another principal's query gets one before its wait is over."""
    own.token = closed(own)
    tokens = [own.token, *(str(principal(own, name).token) for name in ("bo", "eve"))]
    clients = [Raw(own.flight_port, token) for token in tokens]
    readers = [each.reader(statement(LARGE)) for each in clients[:2]]
    for reader in readers:
        assert reader.read_chunk().data.num_rows > 0
    assert clients[2].table(statement("SELECT 2 AS a")).num_rows == 1
    assert "abandoned" in outcomes(own, LARGE)
    assert sum(breaks_off(reader) for reader in readers) in (1, 2)
    for each in clients:
        each.client.close()


def breaks_off(reader: Any) -> bool:
    """Whether a result ends in an error within what a client and its connection hold of it."""
    try:
        for _ in range(100):
            reader.read_chunk()
    except (pa.ArrowException, OSError):
        return True
    reader.cancel()
    return False


def test_a_stop_waits_for_no_client_that_takes_nothing(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", flight_port=0, drain_s=0.5) as lake:
        raw = Raw(lake.flight_port)
        reader = raw.reader(statement(LARGE))
        assert reader.read_chunk().data.num_rows > 0
        port = lake.flight_port
    with pytest.raises((pa.ArrowException, OSError)):
        reader.read_all()
    raw.client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


@contextmanager
def served(bucket: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """`lakehouse serve --flight-port 0`, and its ports by door."""
    command = [sys.executable, "-m", "lakehouse", "serve", "--port", "0", "--flight-port", "0"]
    named = {f"LAKEHOUSE_{name.upper()}": value for name, value in environ.items()}
    own = {name: each for name, each in os.environ.items() if not name.startswith("LAKEHOUSE_")}
    with subprocess.Popen(
        [*command, "--bucket", str(bucket)],
        stderr=subprocess.PIPE,
        text=True,
        env=own | named | {"LAKEHOUSE_QUERY_WORKERS": "1"},
    ) as process:
        ports: dict[str, int] = {}
        assert process.stderr is not None
        for line in process.stderr:
            entry = json.loads(line)
            if entry["event"] == "listening":
                ports[entry.get("door", "http")] = entry["port"]
            if len(ports) == 2:
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield process, ports
        finally:
            process.terminate()
            assert process.wait(WITHIN_S) == 0


def test_tls_with_the_certificate_of_http_and_a_stop_in_the_midst_of_a_result(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    key.chmod(0o600)
    trusted = {DatabaseOptions.TLS_ROOT_CERTS.value: authority.cert_pem.bytes().decode()}
    paths = {"tls_cert": str(certificate), "tls_key": str(key)}
    with served(tmp_path / "bucket", drain_s="0.5", **paths) as (process, ports):
        uri = f"grpc+tls://localhost:{ports['flight']}"
        with (
            flight_sql.connect(uri, db_kwargs=trusted, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1 AS a")
            assert cursor.fetchall() == [(1,)]
        for bad, options in ((uri, {}), (uri.replace("+tls", ""), trusted)):
            with (
                pytest.raises(adbc_driver_manager.Error),
                flight_sql.connect(bad, db_kwargs=options, autocommit=True) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT 1 AS a")
        raw = Raw(fl.connect(uri, tls_root_certs=authority.cert_pem.bytes()))
        reader = raw.reader(statement(LARGE))
        assert reader.read_chunk().data.num_rows > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
        with pytest.raises((pa.ArrowException, OSError)):
            reader.read_all()
        raw.client.close()


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        words = ["serve", "--bucket", str(tmp_path / "bucket"), "--port", "0"]
        ended = subprocess.run(
            [sys.executable, "-m", "lakehouse", *words, "--flight-port", port],
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    assert ended.returncode == 3
    assert "cannot_listen" in ended.stderr and port in ended.stderr


@pytest.mark.parametrize("role", ["gateway", "storage", "catalog", "ingest"])
def test_other_roles_do_not_serve_it(role: str) -> None:
    with pytest.raises(ConfigError, match="flight_port"):
        load({"flight_port": "0", "role": role}, {}, None)


@pytest.mark.parametrize("role", ["all", "sql"])
def test_which_roles_serve_it(role: str) -> None:
    assert load({"flight_port": "3111", "role": role}, {}, None).flight_port == 3111
    assert load({"role": role}, {}, None).flight_port is None
