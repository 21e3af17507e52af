"""Two queries over one dataset by a cluster on this machine, compared with what SQL answers.

`python -m tests.engines.distributed DIRECTORY [--ray] [--rows N] [--objects N]`: the directory has the
environments (`ops/engines` makes them). The cluster is Sail's, or Daft's on Ray. q1 has 1,000 groups, q2 one
for every four rows. Prints the seconds of each, with the start of workers; exit 1 if an answer differs.
"""

import argparse
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from lake_server import running_lake  # noqa: E402

import lakehouse  # noqa: E402
from lakehouse.client.lake import Lake  # noqa: E402

ROWS, OBJECTS = 20_000_000, 100
GROUPS, ROWS_A_GROUP = 1_000, 4
WORKERS = 2
LIMIT_S = 600
QUERIES = {
    "q1": "SELECT g, count(*) AS n, sum(v) AS s, min(v) AS l, max(v) AS h FROM t GROUP BY g",
    "q2": "SELECT k, count(*) AS n, sum(v) AS s FROM t GROUP BY k",
}


def fill(lake: Lake, rows: int, objects: int) -> None:
    """The dataset `t`, in so many objects. The rows of a group lie in many of them."""
    each, groups = rows // objects, rows // ROWS_A_GROUP
    for number in range(objects):
        ids = pa.array(range(number * each, (number + 1) * each), pa.int64())
        spread = pc.multiply(ids, pa.scalar(7_919, pa.int64()))
        columns = {"g": _modulo(ids, GROUPS), "k": _modulo(spread, groups)}
        text = io.BytesIO()
        # As CSV: Daft reads no uploaded Parquet without field ids.
        csv.write_csv(pa.table(columns | {"v": _modulo(spread, 1_000_003)}), text)
        lake.ingest(text.getvalue(), "t", "append")


def _modulo(numbers: pa.Array, divisor: int) -> pa.Array:
    return pc.subtract(numbers, pc.multiply(pc.divide(numbers, divisor), divisor))


def in_order(table: pa.Table) -> pa.Table:
    """The rows by the key of their group, in one type: engines have sums of different widths."""
    plain = pa.schema([(name, pa.int64()) for name in table.column_names])
    return table.cast(plain).sort_by(table.column_names[0]).combine_chunks()


class Sail:
    """A Sail server in whose process a driver and WORKERS workers talk by gRPC."""

    name = "Sail"

    def __init__(self, port: int, directory: Path) -> None:
        self.log = directory / "sail.log"
        self._engine = f"spark://127.0.0.1:{port}"
        self._out = directory / "answer.arrow"

    def ask(self, sql: str) -> pa.Table:
        """The answer, asked as users ask."""
        words = ["sql", sql, "--engine", self._engine, "-o", str(self._out)]
        environ = os.environ | {"LAKEHOUSE_QUERY_TIMEOUT_S": str(LIMIT_S)}
        subprocess.run([sys.executable, "-m", "lakehouse", *words], check=True, env=environ)
        return pa.ipc.open_stream(self._out.read_bytes()).read_all()

    def workers(self) -> int:
        """How many workers became available."""
        return len(set(re.findall(rb"worker (\d+) is available", self.log.read_bytes())))


class DaftOnRay:
    """Daft on WORKERS Ray nodes, in a process of its own."""

    name = "Daft on Ray"

    def __init__(self, process: "subprocess.Popen[str]", out: Path) -> None:
        self._process = process
        self._out = out
        self._nodes = 0

    def ask(self, sql: str) -> pa.Table:
        """The answer. The first waits for the nodes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(sql + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of Daft ended; see its errors above")
        self._nodes = int(line)
        return pa.ipc.open_stream(self._out.read_bytes()).read_all()

    def workers(self) -> int:
        """How many nodes were alive after the last answer."""
        return self._nodes


@contextmanager
def daft_on_ray(environments: Path, uri: str, directory: Path) -> Iterator[DaftOnRay]:
    """Daft, which reads the lake through its catalog."""
    program, out = environments / "ray" / "bin" / "python", directory / "answer.arrow"
    words = [str(program), str(HERE / "daft_on_ray.py"), uri, str(out)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        yield DaftOnRay(process, out)


@contextmanager
def sail(environments: Path, uri: str, directory: Path) -> Iterator[Sail]:
    """A Sail server whose present catalog is the lake."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    catalog = f'type="iceberg-rest", name="lk", uri="{uri}", warehouse="lake"'
    environ = os.environ | {
        "SAIL_MODE": "local-cluster",
        "SAIL_CLUSTER__WORKER_INITIAL_COUNT": str(WORKERS),
        "SAIL_CLUSTER__WORKER_MAX_COUNT": str(WORKERS),
        "SAIL_CATALOG__LIST": f"[{{{catalog}}}]",
        "SAIL_CATALOG__DEFAULT_CATALOG": "lk",
        "SAIL_CATALOG__DEFAULT_DATABASE": '["lake"]',
    }
    found = Sail(port, directory)
    program = environments / "sail" / "bin" / "sail"
    words = [str(program), "spark", "server", "--port", str(port)]
    with found.log.open("wb") as log:
        process = subprocess.Popen(words, env=environ, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        yield found
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < until_s:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("Sail does not listen")


def timed(ask: Callable[[str], pa.Table], sql: str) -> tuple[pa.Table, float]:
    """The answer in order, and the seconds until it was there."""
    began_s = time.perf_counter()
    table = ask(sql)
    took_s = time.perf_counter() - began_s
    return in_order(table), took_s


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("environments", type=Path)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--objects", type=int, default=OBJECTS)
    arguments = parser.parse_args()
    cluster = daft_on_ray if arguments.ray else sail
    failed = False
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with running_lake(directory / "lake", compact_objects=0, query_timeout_s=LIMIT_S) as server:
            url = f"http://127.0.0.1:{server.port}"
            with (
                lakehouse.connect(url) as lake,
                cluster(arguments.environments, f"{url}/iceberg", directory) as engine,
            ):
                fill(lake, arguments.rows, arguments.objects)
                for query, sql in QUERIES.items():
                    wanted, own_s = timed(lambda text: lake.sql(text).arrow(), sql)
                    found, other_s = timed(engine.ask, sql)
                    right = found.equals(wanted)
                    failed = failed or not right
                    shown = "the same" if right else f"DIFFERENT: {found.num_rows:,} rows"
                    print(
                        f"{query}: {wanted.num_rows:,} groups of {arguments.rows:,} rows: {shown};",
                        f"/v1/sql {own_s:.1f} s,",
                        f"{engine.name} with {engine.workers()} workers {other_s:.1f} s",
                        flush=True,
                    )
                failed = failed or engine.workers() < WORKERS
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
