"""The servers that the SQL bench asks, each a process of its own over the same Parquet object.

Run as a program it is the rival without guard or isolation: aiohttp, and DuckDB in a few threads.
"""

import asyncio
import functools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from tests.bench.report import CHECKOUT

START_S = 60.0
BIN = Path(sys.executable).parent


class Server(msgspec.Struct, frozen=True):
    """A server under way: how to ask it, and whose memory it takes."""

    name: str
    port: int
    path: str
    process: int
    json_body: bool

    def request(self, sql: str, headers: str = "") -> bytes:
        """One request's bytes."""
        body = msgspec.json.encode({"sql": sql}) if self.json_body else sql.encode()
        lines = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{headers}"
        return f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def resident_bytes(self) -> int:
        """Of the process and its children."""
        pages = sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._processes()
        )
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """The CPU time that all threads of the process and its children have had."""
        threads = [
            each for pid in self._processes() for each in Path(f"/proc/{pid}/task").iterdir()
        ]
        return sum(_cpu_ns(each / "schedstat") for each in threads) / 1e9

    def _processes(self) -> list[int]:
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        return [self.process, *map(int, children)]


def _cpu_ns(schedstat: Path) -> int:
    try:
        return int(schedstat.read_text().split()[0])
    except FileNotFoundError:  # the thread has ended
        return 0


@contextmanager
def lakehouse(bucket: Path, csv: Path, name: str) -> Iterator[Server]:
    """Ours, with `csv` ingested as `name`."""
    bin_ = str(BIN / "lakehouse")
    subprocess.run([bin_, "ingest", str(csv), "--name", name, "--bucket", str(bucket)], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    with serving(bucket) as server:
        yield server


@contextmanager
def serving(bucket: Path, until: str = "/health") -> Iterator[Server]:
    """Ours, on what lies in the bucket, once the path `until` is answered with success."""
    bin_, port = str(BIN / "lakehouse"), _free_port()
    command = [bin_, "serve", "--bucket", str(bucket), "--port", str(port), "--log-level", "error"]
    with _running(command, port, until) as pid:
        yield Server("lakehouse", port, "/v1/sql", pid, json_body=True)


@contextmanager
def roapi(parquet: Path, name: str) -> Iterator[Server]:
    """roapi (DataFusion), from PyPI."""
    port = _free_port()
    command = [str(BIN / "roapi"), "--table", f"{name}={parquet},format=parquet",
               "--addr-http", f"127.0.0.1:{port}"]  # fmt: skip
    with _running(command, port, "/health") as pid:
        yield Server("roapi", port, "/api/sql", pid, json_body=False)


@contextmanager
def bare(parquet: Path, name: str) -> Iterator[Server]:
    """The bare loop."""
    port = _free_port()
    command = [sys.executable, "-m", "tests.bench.sql_servers", str(port), name, str(parquet)]
    with _running(command, port, "/health") as pid:
        yield Server("bare", port, "/sql", pid, json_body=True)


@contextmanager
def _running(command: list[str], port: int, path: str) -> Iterator[int]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=CHECKOUT) as process:
        try:
            _wait(f"http://127.0.0.1:{port}{path}", process)
            yield process.pid
        finally:
            process.terminate()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + START_S
    while process.poll() is None:
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} ended")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve_bare(port: int, name: str, parquet: str) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{parquet}')")
    pool = ThreadPoolExecutor(4)

    def answer(sql: str) -> bytes:
        with connection.cursor() as cursor:
            rows = cursor.execute(sql).fetchall()
            columns = [{"name": each[0], "type": str(each[1])} for each in cursor.description or ()]
        return msgspec.json.encode({"columns": columns, "rows": rows, "row_count": len(rows)})

    async def sql(request: web.Request) -> web.Response:
        text = msgspec.json.decode(await request.read())["sql"]
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(pool, functools.partial(answer, text))
        return web.Response(body=body, content_type="application/json")

    async def health(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/sql", sql), web.get("/health", health)])
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    _serve_bare(int(sys.argv[1]), sys.argv[2], sys.argv[3])
