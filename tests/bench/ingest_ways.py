"""One file into a lake or through a rival: each alone on the machine, each on a place of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.report import CHECKOUT
from tests.e2e.process import Lakehouse
from tests.s3_server import free_ports

RAW, FORM = "raw", "form"
_BOUNDARY = "benchmark-boundary"


class Run(NamedTuple):
    """One conversion: what it took, and the Parquet that it made.

    `cpu_s` and `peak_bytes` are of the process that converts: our server without query workers.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int
    parquet: Path
    refused: str | None = None


@contextmanager
def serving(into: Path, **settings: object) -> Iterator[Lakehouse]:
    """A server on the bucket below `into`, new or not, with these settings."""
    environ = {f"LAKEHOUSE_{name}": str(value) for name, value in settings.items()}
    lakehouse = Lakehouse(str(into / "bucket"), free_ports(1), into / "log", environ)
    try:
        lakehouse.start()
        yield lakehouse
    finally:
        lakehouse.close()


def by_lakehouse(csv: Path, into: Path, how: str = RAW) -> Run:
    """Seconds from the first byte sent to the answer of a server that was just started."""
    with serving(into) as lakehouse:
        server = lakehouse.pids[0]
        started_s, cpu_s = time.perf_counter(), cpu_s_of(server)
        receipt = _send(lakehouse.client.port, csv, how)
        seconds, cpu_s = time.perf_counter() - started_s, cpu_s_of(server) - cpu_s
        peak = peak_bytes(server)
    if len(receipt["objects"]) != 1:
        raise SystemExit(f"{csv.name} became {len(receipt['objects'])} objects")
    return Run(seconds, cpu_s, peak, into / "bucket" / receipt["objects"][0]["key"])


def by_rival(rival: str, csv: Path, into: Path) -> Run:
    """Seconds of the conversion alone, imports not counted."""
    parquet = into / "rival.parquet"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.csv_rivals", rival, str(csv), str(parquet)],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    measured = json.loads(done.stdout)
    return Run(
        measured["seconds"],
        measured["cpu_s"],
        measured["peak_bytes"],
        parquet,
        measured.get("refused"),
    )


def _send(port: int, csv: Path, how: str) -> dict:
    """The receipt. The file goes from the page cache to the socket: no client is measured here."""
    before, after, type_ = (b"", b"", "text/csv") if how == RAW else _framing(csv.name)
    length = len(before) + csv.stat().st_size + len(after)
    head = (
        f"POST /v1/ingest?name=measured HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: {type_}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    with (
        closing(socket.create_connection(("127.0.0.1", port))) as connection,
        csv.open("rb") as file,
    ):
        connection.sendall(head.encode() + before)
        connection.sendfile(file)
        connection.sendall(after)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    status, _, body = answer.partition(b"\r\n\r\n")
    if not status.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"refused: {body[:500]!r}")
    return json.loads(body)


def _framing(name: str) -> tuple[bytes, bytes, str]:
    before = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    after = f"\r\n--{_BOUNDARY}--\r\n"
    return before.encode(), after.encode(), f"multipart/form-data; boundary={_BOUNDARY}"


def cpu_s_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
