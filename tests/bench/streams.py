"""Streams of rows against one file: the same rows by POST /v1/ingest, by 1 stream and by 8, in turns.

Rows are sent as fast as the server takes them; beside a thousand idle streams too.
"""

import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

from tests.bench.ingest_ways import cpu_s_of, peak_bytes, serving
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import Client

ROWS, ROUNDS, IDLE = 100_000, 1, 1_000
PIECE_BYTES = 64 * 1024
WAYS = {"one file": 0, "1 stream": 1, "8 streams": 8}


def main() -> None:
    """Measure and write the section."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    beside = f"1 stream beside {IDLE:,} idle ones"
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in (*WAYS, beside)}
    lines = _lines()
    with ExitStack() as stack:
        into = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lake = stack.enter_context(serving(into, STREAMS=1_500, MAX_CONNECTIONS=3_000))
        server = lake.pids[0]

        def measured(way: str, name: str, count: int) -> None:
            # The first groups of streams into no dataset are read again, once one has made it.
            assert lake.client.ingest(f"name={name}&format=ndjson", b"".join(lines)).status == 200
            cpu_s = cpu_s_of(server)
            seconds = _run(lake.client, name, lines, count)
            took[way].append((seconds, cpu_s_of(server) - cpu_s))

        for number in range(rounds):
            for way, count in WAYS.items():
                measured(way, f"d{number}_{count}", count)
        before = peak_bytes(server)
        for _ in range(IDLE):
            stack.enter_context(closing(_opened(lake.client.port, "idle")))
        for number in range(rounds):
            measured(beside, f"beside{number}", 1)
        peak = peak_bytes(server)
    body = [
        f"{ROWS:,} rows of NDJSON, {sum(map(len, lines)) / 1e6:.0f} MB, appended to as many,"
        f" as fast as the server takes them, in groups of 1 MiB. Median of {rounds}.",
        _table(took),
        f"Peak memory of the server: {before >> 20} MiB before the idle streams, {peak >> 20} MiB with them.",
        circumstances("streams"),
    ]
    write_section("Streams of rows", "\n\n".join(body))


def _table(took: dict[str, list[tuple[float, float]]]) -> str:
    found = {
        way: tuple(statistics.median(each) for each in zip(*runs, strict=True))
        for way, runs in took.items()
    }
    file_s, file_cpu_s = found["one file"]
    rows = [
        [
            way,
            f"{file_s / seconds:.2f}",
            f"{ROWS / seconds:,.0f}",
            f"{cpu_s / file_cpu_s:.2f}",
            f"{cpu_s:.2f} s",
        ]
        for way, (seconds, cpu_s) in found.items()
    ]
    header = [
        "way",
        "rows per second / one file",
        "rows/s",
        "server's CPU / one file",
        "server's CPU",
    ]
    return table(header, rows)


def _lines() -> list[bytes]:
    rows = (
        {"id": n, "at": f"2026-11-{n % 28 + 1:02}T12:00:00Z", "user": f"u{n % 977}", "value": n / 8}
        for n in range(ROWS)
    )
    return [json.dumps(row).encode() + b"\n" for row in rows]


def _run(client: Client, name: str, lines: list[bytes], count: int) -> float:
    """Seconds until all rows are committed."""
    if count == 0:
        body, began_s = b"".join(lines), time.perf_counter()
        assert client.ingest(f"name={name}&mode=append&format=ndjson", body).status == 200
        return time.perf_counter() - began_s
    parts = [b"".join(lines[n::count]) for n in range(count)]
    began_s = time.perf_counter()
    threads = [threading.Thread(target=_stream, args=(client.port, name, part)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - began_s
    [[found]] = client.sql(f"SELECT count(*) FROM {name}")["rows"]
    if found != 2 * len(lines):
        raise SystemExit(f"{name} has {found} of {len(lines)} rows")
    return took_s


def _opened(port: int, name: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    head = f"POST /v1/stream/{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    sock.sendall(head.encode())
    return sock


def _stream(port: int, name: str, body: bytes) -> None:
    with closing(_opened(port, name)) as sock:
        for at in range(0, len(body), PIECE_BYTES):
            piece = body[at : at + PIECE_BYTES]
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        sock.sendall(b"0\r\n\r\n")
        answer = bytearray()
        while piece := sock.recv(65536):
            answer += piece
    if b'"done":true' not in answer:
        raise SystemExit(answer[-2000:].decode())


if __name__ == "__main__":
    main()
