"""TLS: which versions, bad pairs at start, and certificates that are replaced under load."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trustme
from server_environment import without_settings

WITHIN_S = 60.0
"""The promise: a changed pair is in use after this time."""


class Authority:
    """A CA of the test's own, and the pair that a server uses."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self.certificate, self.key = directory / "tls.crt", directory / "tls.key"
        self.issue()

    def issue(self) -> str:
        """Write another pair in place. Returns its serial number."""
        leaf = self._ca.issue_cert("localhost", "127.0.0.1")
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        for path, content in ((self.key, leaf.private_key_pem.bytes()), (self.certificate, chain)):
            path.write_bytes(content)
            path.chmod(0o600)
        decoded = ssl._ssl._test_decode_cert(str(self.certificate))  # type: ignore[attr-defined]
        return str(decoded["serialNumber"])

    def trust(self) -> ssl.SSLContext:
        """A client's context that trusts this CA alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return context


class Server:
    """`lakehouse serve` with TLS on a port of its own."""

    def __init__(self, bucket: Path, authority: Authority, *options: str) -> None:
        self._authority = authority
        environ = {
            "LAKEHOUSE_TLS_CERT": str(authority.certificate),
            "LAKEHOUSE_TLS_KEY": str(authority.key),
            "LAKEHOUSE_QUERY_WORKERS": "1",
        }
        command = [sys.executable, "-m", "lakehouse", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--bucket", str(bucket), *options],
            stderr=subprocess.PIPE,
            text=True,
            env=without_settings() | environ,
        )
        self.lines: list[str] = []
        self._up = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._up.wait(90), self.lines

    def connect(self, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        trust = context or self._authority.trust()
        return http.client.HTTPSConnection("localhost", self.port, timeout=60, context=trust)

    def serial(self) -> str:
        """The serial number of the certificate that a new connection is shown."""
        with closing(self.connect()) as connection:
            connection.connect()
            assert isinstance(connection.sock, ssl.SSLSocket)
            found = connection.sock.getpeercert()
            assert found is not None
            return str(found["serialNumber"])

    def logged(self, event: str) -> list[dict[str, object]]:
        entries = [json.loads(line) for line in self.lines]
        return [entry for entry in entries if entry["event"] == event]

    def close(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0
        self._reader.join(60)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if '"listening"' in line:
                self.port = json.loads(line)["port"]
                self._up.set()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("tls") / "bucket", authority)
    yield server
    server.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_current_versions_are_spoken(
    server: Server, authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.trust()
    context.minimum_version = context.maximum_version = version
    with closing(server.connect(context)) as connection:
        connection.request("PUT", "/v1/storage/put/a", b"bytes")
        assert connection.getresponse().status == 200


def test_older_versions_and_plain_http_get_no_answer(server: Server, authority: Authority) -> None:
    context = authority.trust()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError), closing(server.connect(context)) as connection:
        connection.request("GET", "/health")
    with closing(socket.create_connection(("127.0.0.1", server.port), 20)) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        with suppress(ConnectionResetError):
            received = plain.recv(100)
        assert not received.startswith(b"HTTP")


def test_a_client_that_leaves_during_its_body_is_no_bug(server: Server) -> None:
    connection = server.connect()
    connection.putrequest("PUT", "/v1/storage/put/left")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"begun")
    connection.close()
    assert server.serial()
    assert not server.logged("bug")
    assert not [line for line in server.lines if "eof_received" in line]


def test_a_changed_pair_is_used_without_a_dropped_request(
    server: Server, authority: Authority
) -> None:
    """Old connections go on, new ones are made all the time, and none fails."""
    before = server.serial()
    stop, failures, answered = threading.Event(), [], []

    def ask(keep: bool) -> None:
        connection = server.connect()
        while not stop.is_set():
            try:
                connection.request("GET", "/v1/catalog/list")
                answer = connection.getresponse()
                answer.read()
                answered.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)
            if not keep:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=ask, args=(keep,)) for keep in (True, True, False, False)]
    for thread in threads:
        thread.start()
    serial = authority.issue()
    until_s = time.monotonic() + WITHIN_S
    while server.serial() != serial and time.monotonic() < until_s:
        pass
    seen = server.serial()
    stop.set()
    for thread in threads:
        thread.join()
    assert serial != before
    assert seen == serial
    assert failures == []
    assert set(answered) == {200}
    assert server.logged("certificate_renewed")


def test_a_bad_pair_is_refused_and_the_old_one_goes_on(
    server: Server, authority: Authority
) -> None:
    before = server.serial()
    good = authority.key.read_bytes()
    authority.key.write_bytes(trustme.CA().issue_cert("localhost").private_key_pem.bytes())
    until_s = time.monotonic() + WITHIN_S
    while not server.logged("certificate_refused") and time.monotonic() < until_s:
        assert server.serial() == before
    authority.key.write_bytes(good)
    entries = server.logged("certificate_refused")
    assert "is not the key of tls_cert" in str(entries[0]["detail"])
    assert server.serial() == before
    assert "PRIVATE KEY" not in "".join(server.lines)


def test_other_machines_are_served_over_tls_once_the_lake_has_a_principal(tmp_path: Path) -> None:
    pair, bucket = Authority(tmp_path), tmp_path / "bucket"
    command = [sys.executable, "-m", "lakehouse", "access", "init", "--admin", "ana", "--json"]
    subprocess.run(
        [sys.executable, "-m", "lakehouse", "ingest", "-", "--name", "t", "--bucket", bucket],
        input="a\n1\n", text=True, check=True, env=without_settings(), timeout=120,
    )  # fmt: skip
    made = subprocess.run(
        [*command, "--bucket", bucket],
        capture_output=True, text=True, check=True, env=without_settings(), timeout=120,
    )  # fmt: skip
    server = Server(bucket, pair, "--host", "0.0.0.0")
    try:
        for token, status in ((None, 401), (json.loads(made.stdout)["token"], 200)):
            with closing(server.connect()) as connection:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                connection.request("GET", "/v1/catalog/list", headers=headers)
                assert connection.getresponse().status == status
    finally:
        server.close()


@pytest.mark.parametrize(
    ("setting", "spoil"),
    [
        ("tls_cert", lambda pair: pair.certificate.unlink()),
        ("tls_cert", lambda pair: pair.certificate.write_bytes(b"none")),
        ("tls_key", lambda pair: pair.key.unlink()),
        ("tls_key", lambda pair: pair.key.write_bytes(b"none")),
        ("tls_key", lambda pair: pair.key.chmod(0o644)),
        ("tls_key", lambda pair: shutil.copy(Authority(_other(pair)).key, pair.key)),
        ("tls_key", lambda pair: _encrypt(pair.key)),
    ],
    ids=["no cert", "bad cert", "no key", "bad key", "open key", "other key", "encrypted key"],
)
def test_a_bad_pair_at_start_is_refused_by_its_setting(
    tmp_path: Path, setting: str, spoil: object
) -> None:
    pair = Authority(tmp_path)
    spoil(pair)  # type: ignore[operator]
    command = [sys.executable, "-m", "lakehouse", "serve", "--port", "0"]
    options = ["--tls-cert", str(pair.certificate), "--tls-key", str(pair.key)]
    done = subprocess.run(
        [*command, *options, "--bucket", str(tmp_path / "bucket")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=without_settings(),
        timeout=120,
    )
    assert done.returncode == 2
    assert f"{setting} {tmp_path}" in done.stderr
    assert not (tmp_path / "bucket").exists()


def _other(pair: Authority) -> Path:
    directory = pair.key.parent / "other"
    directory.mkdir()
    return directory


def _encrypt(key: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
