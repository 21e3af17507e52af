"""TLS over Flight SQL: a certificate that is renewed while calls are answered, and one that is bad."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_flightsql.dbapi as flight_sql
import pyarrow as pa
import pyarrow.flight as fl
import pytest
import trustme
from adbc_driver_flightsql import DatabaseOptions
from flight_client import Raw, statement, until
from lake_server import Lake, running_lake

WHOLE = "SELECT i, repeat('x', 1000) AS wide FROM range(60000) t(i)"
"""More than the server and gRPC keep for a client that does not read."""


class Pair:
    """The files of a certificate and its key, of one CA."""

    def __init__(self, directory: Path) -> None:
        self.authority = trustme.CA()
        self.certificate, self.key = directory / "tls.crt", directory / "tls.key"
        self.key.touch(mode=0o600)
        self.issue()

    def issue(self) -> None:
        leaf = self.authority.issue_cert("localhost", "127.0.0.1")
        self.certificate.write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
        self.key.write_bytes(leaf.private_key_pem.bytes())

    @property
    def first(self) -> str:
        """The server's own certificate, without its chain."""
        end = "-----END CERTIFICATE-----\n"
        return self.certificate.read_text().partition(end)[0] + end


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("pair"))


@contextmanager
def served(bucket: Path, pair: Pair) -> Iterator[Lake]:
    paths = {"tls_cert": str(pair.certificate), "tls_key": str(pair.key)}
    with running_lake(bucket, flight_port=0, drain_s=0.2, query_workers=2, **paths) as lake:
        yield lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Lake]:
    with served(tmp_path_factory.mktemp("lake") / "bucket", pair) as lake:
        yield lake


def shown(lake: Lake) -> str | None:
    """The certificate that a new connection gets; None while there is no connection."""
    assert lake.flight_port is not None
    try:
        return ssl.get_server_certificate(("127.0.0.1", lake.flight_port), timeout=60)
    except OSError:
        return None


def refresh(lake: Lake) -> bool:
    """What the watcher of the files does every few seconds."""
    assert lake.certificate is not None and lake.certificate.on_renewed is not None
    if not lake.certificate.refresh():
        return False
    lake.loop.call_soon_threadsafe(lake.certificate.on_renewed)
    return True


def test_a_renewed_certificate_serves_new_connections_and_ends_no_call(
    lake: Lake, pair: Pair
) -> None:
    uri = f"grpc+tls://localhost:{lake.flight_port}"
    trusted = pair.authority.cert_pem.bytes()
    options = {DatabaseOptions.TLS_ROOT_CERTS.value: trusted.decode()}
    raw = Raw(fl.connect(uri, tls_root_certs=trusted))
    running = raw.reader(statement(WHOLE))
    assert running.read_chunk().data.num_rows > 0
    with (
        flight_sql.connect(uri, db_kwargs=options, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 AS a")
        for _ in range(2):
            pair.issue()
            assert shown(lake) not in (None, pair.first)
            assert refresh(lake)
            until(lambda: shown(lake) == pair.first)
            cursor.execute("SELECT 2 AS a")
            assert cursor.fetchall() == [(2,)]
    assert running.read_all().num_rows > 50_000
    raw.client.close()


def test_a_pair_that_does_not_match_leaves_the_old_one(lake: Lake, pair: Pair) -> None:
    before, key = pair.first, pair.key.read_bytes()
    pair.issue()
    pair.key.write_bytes(key)
    assert not refresh(lake)
    assert shown(lake) == before
    pair.issue()
    assert refresh(lake)


def test_a_server_that_stops_waits_for_no_call_of_the_servers_before(
    tmp_path: Path, pair: Pair
) -> None:
    with served(tmp_path / "bucket", pair) as lake:
        uri = f"grpc+tls://localhost:{lake.flight_port}"
        raw = Raw(fl.connect(uri, tls_root_certs=pair.authority.cert_pem.bytes()))
        running = raw.reader(statement(WHOLE))
        assert running.read_chunk().data.num_rows > 0
        pair.issue()
        assert refresh(lake)
        until(lambda: shown(lake) == pair.first)
    with pytest.raises((pa.ArrowException, OSError)):
        running.read_all()
    raw.client.close()
