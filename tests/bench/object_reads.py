"""Object reads beside rivals: cold and warm on S3, from a local bucket, and after a restart.

The same Parquet files lie in an S3 server, in a local bucket and in a directory. Five analytical
queries run over all of them: through the service (fresh workers, no cached result), in plain
DuckDB 2 on the files, and, first query alone, in DuckDB 1.5 with httpfs (`--httpfs PYTHON`: an
interpreter with `duckdb==1.5.5 duckdb-extension-httpfs==1.5.5`).

    python -m tests.bench.object_reads [--objects 100] [--rows 200000] [--httpfs PYTHON]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import duckdb
import structlog

from journal.block_hashes import hashed
from lakehouse.api.catalog.datasets import ObjectReference, RegisterRequest
from lakehouse.api.sql import SqlRequest
from lakehouse.config import Settings
from lakehouse.process.spool import Spooled
from lakehouse.service.caller import Caller
from lakehouse.service.service import Service
from lakehouse.wiring import service_of
from tests.bench.report import circumstances, write_section
from tests.bench.sql_servers import Server
from tests.s3_server import S3Server, running_s3_server

QUERIES = (
    "SELECT g, sum(n), avg(r) FROM t WHERE n > {0} GROUP BY g ORDER BY g LIMIT 5",
    "SELECT count(*), max(s) FROM t WHERE r > 0.5 AND n > {0}",
    "SELECT s, count(*) c FROM t WHERE n > {0} GROUP BY s ORDER BY c DESC, s LIMIT 10",
    "SELECT n, r FROM t WHERE n > {0} ORDER BY r DESC LIMIT 10",
    "SELECT count(DISTINCT s), min(d), max(d) FROM t WHERE n > {0}",
)
ROUNDS = 5
HTTPFS = """
import sys, time, duckdb, duckdb_extension_httpfs
from pathlib import Path
endpoint, key, secret, urls, sql = sys.argv[1:]
at = Path(duckdb_extension_httpfs.__file__).parent / "extensions" / f"v{duckdb.__version__}"
c = duckdb.connect(config={"threads": "2", "allow_unsigned_extensions": "true"})
c.execute(f"LOAD '{at / 'httpfs.duckdb_extension'}'")
c.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', ENDPOINT '{endpoint}',"
          " URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')")
c.execute("SET enable_progress_bar = false")
began = time.perf_counter()
c.execute(f"CREATE VIEW t AS FROM read_parquet({urls.split(',')})")
c.execute(sql).fetchall()
print(time.perf_counter() - began)
"""


def caller() -> Caller:
    return Caller("bench", time.monotonic())


def write_files(folder: Path, objects: int, rows: int) -> list[Path]:
    """Made-up measurements: a counter, a group, a number, a text, a day."""
    paths = []
    for number in range(objects):
        path = folder / f"{number:03}.parquet"
        duckdb.execute(f"SELECT setseed(0.{number + 1:03})")
        duckdb.execute(
            f"""COPY (SELECT i + {number * rows} n, CAST(i % 97 AS INT) g, random() r,
                'item-' || CAST(random() * 5000 AS INT) s, DATE '2020-01-01' + CAST(i % 900 AS INT) d
                FROM range({rows}) x(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"""
        )
        paths.append(path)
    return paths


async def store(service: Service, paths: list[Path]) -> None:
    """Register the files as dataset `t`."""
    for path in paths:
        done = hashed(path.read_bytes())
        body = Spooled(path, done.sha256, done.size_bytes, done.block_hashes)
        await service.storage.put(caller(), path.name, body, "x/y", only_if_absent=False)
    objects = tuple(ObjectReference(path.name) for path in paths)
    await service.catalog.register(caller(), RegisterRequest("t", "bench", objects), b"")


async def seconds(service: Service, sql: str) -> float:
    """From the statement to the last byte of the answer."""
    began = time.perf_counter()
    asked = SqlRequest(sql)
    async with service.sql.run(caller(), asked, "json", f"q{began}", fresh=True) as answer:
        async for _ in answer.chunks:
            pass
    return time.perf_counter() - began


def serving(
    bucket: str, environ: dict[str, str], cache: Path
) -> AbstractAsyncContextManager[Service]:
    """A service with one worker of two threads."""
    settings = Settings(bucket=bucket, query_workers=1, cache_dir=str(cache), query_timeout_s=600)
    return service_of(settings, environ, lambda: None)


async def one_round(service: Service, literals: Iterator[int]) -> float:
    """All queries: the seconds that they take."""
    return sum([await seconds(service, query.format(next(literals))) for query in QUERIES])


def plain(paths: list[Path]) -> duckdb.DuckDBPyConnection:
    """Plain DuckDB, in this process, on the files."""
    connection = duckdb.connect(config={"threads": "2"})
    connection.execute(f"CREATE VIEW t AS FROM read_parquet({[str(path) for path in paths]})")
    return connection


def plain_round(connection: duckdb.DuckDBPyConnection, literals: Iterator[int]) -> float:
    """All queries in plain DuckDB."""
    began = time.perf_counter()
    for query in QUERIES:
        connection.execute(query.format(next(literals))).fetchall()
    return time.perf_counter() - began


def this_process() -> Server:
    """The CPU time of this process and its workers."""
    return Server("this process and its workers", 0, "", os.getpid(), json_body=False)


async def beside_plain(
    service: Service, paths: list[Path], literals: Iterator[int], seen: dict[str, Any]
) -> None:
    """Rounds of the service and of plain DuckDB in turns: seconds, and those of CPU time."""
    ours = this_process()
    connection = plain(paths)
    for _ in range(ROUNDS):
        before_s = ours.cpu_s()
        seen.setdefault("local", []).append(await one_round(service, literals))
        between_s = ours.cpu_s()
        seen.setdefault("plain", []).append(plain_round(connection, literals))
        seen.setdefault("local CPU", []).append(between_s - before_s)
        seen.setdefault("plain CPU", []).append(ours.cpu_s() - between_s)


def httpfs_seconds(python: str, server: S3Server, urls: list[str], sql: str) -> float:
    endpoint = server.endpoint_url.partition("//")[2]
    asked = [endpoint, server.access_key, server.secret_key, ",".join(urls), sql]
    done = subprocess.run(
        [python, "-c", HTTPFS, *asked], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


async def measure(folder: Path, server: S3Server, arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds by what was measured."""
    (folder / "files").mkdir()
    paths = write_files(folder / "files", arguments.objects, arguments.rows)
    literals = iter(range(-1, -1_000_000, -1))
    name = server.make_bucket()
    environ = {
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
    }
    remote, cache = f"s3://{name}/lake", folder / "cache"
    async with serving(remote, environ, cache) as service:
        await store(service, paths)
        found = service.node.state.catalog.datasets["t"]
        urls = [f"s3://{name}/lake/{item.blob}" for item in found.objects]
    seen: dict[str, Any] = {"size": sum(path.stat().st_size for path in paths)}
    cold, httpfs = [], []
    for number in range(arguments.cold):
        sql = QUERIES[0].format(next(literals))
        if arguments.httpfs:
            httpfs.append(httpfs_seconds(arguments.httpfs, server, urls, sql))
        async with serving(remote, environ, folder / f"cold{number}") as service:
            cold.append(await seconds(service, sql))
    seen |= {"cold": cold, "httpfs": httpfs}
    ours = this_process()
    async with serving(remote, environ, cache) as service:
        for query in QUERIES:
            await seconds(service, query.format(next(literals)))
        before_s = ours.cpu_s()
        seen["warm"] = [await one_round(service, literals) for _ in range(ROUNDS)]
        seen["warm CPU"] = [(ours.cpu_s() - before_s) / ROUNDS]
    async with serving(remote, environ, cache) as service:
        before_s = ours.cpu_s()
        seen["restarted"] = [
            await seconds(service, query.format(next(literals))) for query in QUERIES
        ]
        seen["restarted CPU"] = [ours.cpu_s() - before_s]
    async with serving(str(folder / "local"), {}, cache) as service:
        await store(service, paths)
        seen["first local"] = [
            await seconds(service, query.format(next(literals))) for query in QUERIES
        ]
        await beside_plain(service, paths, literals, seen)
    return seen


def section(seen: dict[str, Any], arguments: argparse.Namespace) -> str:
    """The table: ratios first."""
    median = {name: statistics.median(v) for name, v in seen.items() if isinstance(v, list) and v}
    local = median["local"]
    restarted, first = sum(seen["restarted"]), sum(seen["first local"])
    rows = [
        ("five queries, local bucket ÷ plain DuckDB on the files", median["plain"], local),
        ("the same, CPU time", median["plain CPU"], median["local CPU"]),
        ("five queries, S3 warm ÷ local bucket", local, median["warm"]),
        ("first five after a restart with the cache kept ÷ warm", median["warm"], restarted),
        ("the same, CPU time", median["warm CPU"], median["restarted CPU"]),
        ("first five in a local bucket, every block hashed ÷ later", local, first),
    ]
    if seen["httpfs"]:
        what = "first of all on S3, nothing cached ÷ DuckDB 1.5.5 with httpfs"
        rows.append((what, median["httpfs"], median["cold"]))
    size = f"{arguments.objects} objects of {arguments.rows:,} rows, {seen['size'] / 1e6:.0f} MB"
    lines = [f"{size}; {circumstances('objects')}", ""]
    lines += ["| what | ratio of speeds | seconds |", "| --- | --- | --- |"]
    lines += [
        f"| {what} | {base / ours:.2f} | {ours:.2f}, {base:.2f} |" for what, base, ours in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--cold", type=int, default=3, help="how many first queries of all")
    parser.add_argument("--httpfs", default="", help="a Python with DuckDB 1.5.5 and httpfs")
    parser.add_argument("--print", action="store_true", help="print and write nothing")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with (
        tempfile.TemporaryDirectory() as name,
        running_s3_server(Path(name), os.environ) as server,
    ):
        text = section(asyncio.run(measure(Path(name), server, arguments)), arguments)
    print(text)
    if not arguments.print:
        write_section("Object reads", text)


if __name__ == "__main__":
    main()
