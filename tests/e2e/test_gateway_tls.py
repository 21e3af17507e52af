"""The gateway and its roles by TLS, as processes; and one trace through all of them to the store."""

import json
import ssl
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
import urllib3
from otlp_collector import Collector
from process import clean_environment
from test_roles_e2e import Role

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


class System(NamedTuple):
    """A gateway in front of two roles; each has a certificate, and reports to a collector."""

    roles: dict[str, Role]
    ca: trustme.CA
    collector: Collector
    bucket: Path

    def ask(self, path: str, body: bytes, kind: str) -> urllib3.BaseHTTPResponse:
        """A POST to the gateway, of a client that trusts the CA and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        with urllib3.PoolManager(ssl_context=context) as pool:
            url = f"https://localhost:{self.roles['gateway'].client.port}{path}"
            headers = {"Content-Type": kind, "traceparent": TRACEPARENT}
            return pool.request("POST", url, body=body, headers=headers)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    ca, collector = trustme.CA(), Collector()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    leaf = ca.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(tmp_path / "tls.key")
    (tmp_path / "tls.key").chmod(0o600)
    (tmp_path / "tls.crt").write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
    environ = {
        "LAKEHOUSE_TLS_CERT": str(tmp_path / "tls.crt"),
        "LAKEHOUSE_TLS_KEY": str(tmp_path / "tls.key"),
        "LAKEHOUSE_OTLP_ENDPOINT": collector.url,
        "LAKEHOUSE_QUERY_WORKERS": "1",
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
    }
    with ExitStack() as stack:
        stack.callback(collector.close)
        roles: dict[str, Role] = {}
        for role in ("ingest", "sql", "gateway"):
            urls = {
                f"LAKEHOUSE_UPSTREAMS_{name.upper()}": f"https://localhost:{each.client.port}"
                for name, each in roles.items()
            }
            roles[role] = Role(role, tmp_path, **environ, **(urls if role == "gateway" else {}))
            stack.callback(lambda process: process.poll() is None and process.kill(),
                           roles[role].process)  # fmt: skip
        yield System(roles, ca, collector, tmp_path / "bucket")


def test_one_trace_through_the_gateway_its_roles_a_worker_and_the_store(system: System) -> None:
    ingested = system.ask("/v1/ingest?name=t", b"a\n1\n2\n", "text/csv")
    assert ingested.status == 200, ingested.data
    asked = system.ask("/v1/sql", b'{"sql": "SELECT sum(a) FROM t"}', "application/json")
    assert json.loads(asked.data)["rows"] == [[3]]
    for role in system.roles.values():
        role.stop()  # what was not sent yet is sent now
    spans = [each for each in system.collector.spans() if each.trace_id.hex() == TRACE]
    below: dict[str, list[Any]] = defaultdict(list)
    for each in spans:
        below[each.parent_span_id.hex()].append(each)
    found = []
    for gateway in below[PARENT]:
        (role,) = below[gateway.span_id.hex()]
        found.append((gateway.name, role.name, names_below(below, role)))
    (first, second) = sorted(found)
    assert first[:2] == ("POST ingest", "POST /v1/ingest")
    assert {"commit", "store upload"} <= first[2]
    assert second[:2] == ("POST sql", "POST /v1/sql")
    assert "query worker" in second[2]
    command = [sys.executable, "-m", "lakehouse", "journal", "events", "--bucket"]
    done = subprocess.run(
        [*command, str(system.bucket)], env=clean_environment(), capture_output=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1])["correlation"] == TRACE


def names_below(below: dict[str, list[Any]], span: Any) -> set[str]:
    inner = below[span.span_id.hex()]
    return {each.name for each in inner}.union(*(names_below(below, each) for each in inner))
