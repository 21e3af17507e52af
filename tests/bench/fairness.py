"""What a crowd of one principal costs another: its `SELECT`, alone and beside slow readers and a full queue.

Run with `crowd PORT TOKEN` it is the crowd, in a process of its own.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import msgspec

from tests.bench.report import CHECKOUT, circumstances, table, write_section
from tests.bench.sql_asking import NUMBERS, Connection
from tests.bench.sql_servers import BIN, Server, serving

GOAL = 5
SLOW_READERS, QUEUED = 200, 1_000
LARGE = "SELECT repeat('x', 1000) AS a FROM range(10000000)"
WORK = "SELECT sum(hash(range)) FROM range(2000000 + {number})"
AGAIN_S = 1.0
"""How long one of the crowd waits after a refusal or a broken connection."""
FULL_S = 60.0


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}\r\n"


async def slow_reader(server: Server, token: str) -> None:
    """Ask for a large result, and read nothing of it; once cancelled, again."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
        writer.write(server.request(LARGE, bearer(token)))
        while not writer.transport.is_closing():
            writer.transport.pause_reading()
            await asyncio.sleep(AGAIN_S)
            writer.write(b"\r\n")  # an empty line: shows whether the connection is still there
        del reader


async def queued(server: Server, token: str) -> None:
    """Ask for some work, again and again."""
    while True:
        try:
            async with Connection(server) as connection:
                while True:
                    sql = WORK.format(number=next(NUMBERS))
                    if await connection.ask(sql, bearer(token)) != 200:
                        await asyncio.sleep(AGAIN_S)
        except (OSError, EOFError):
            await asyncio.sleep(AGAIN_S)


async def crowd(server: Server, token: str) -> None:
    """All of it, until the process is ended."""
    slow = [slow_reader(server, token) for _ in range(SLOW_READERS)]
    await asyncio.gather(*slow, *(queued(server, token) for _ in range(QUEUED)))


async def asked_s(server: Server, token: str, seconds: float) -> list[float]:
    """How long each statement took of one client that asks one after the other."""
    times: list[float] = []
    until_s = time.perf_counter() + seconds
    async with Connection(server) as connection:
        while (began_s := time.perf_counter()) < until_s:
            status = await connection.ask(f"SELECT {next(NUMBERS)}", bearer(token))
            if status != 200:
                raise RuntimeError(f"the other principal was answered {status}")
            times.append(time.perf_counter() - began_s)
    return times


@contextmanager
def closed_lake() -> Iterator[tuple[Server, str, str]]:
    """A server, and the tokens of the crowd and of the other principal."""
    os.environ["LAKEHOUSE_QUERY_QUEUE"] = str(QUEUED)
    os.environ["LAKEHOUSE_MAX_CONNECTIONS"] = str(2 * (SLOW_READERS + QUEUED))
    with tempfile.TemporaryDirectory() as name:
        bucket = Path(name) / "bucket"
        init = [str(BIN / "lakehouse"), "access", "init", "--admin", "root", "--json"]
        made = subprocess.run([*init, "--bucket", str(bucket)], check=True, capture_output=True)
        admin = msgspec.json.decode(made.stdout)["token"]
        with serving(bucket) as server:
            yield server, *(_principal(server, admin, each) for each in ("crowd", "ana"))


def _principal(server: Server, admin: str, name: str) -> str:
    """The token of a new principal."""
    _asked(server, admin, "PUT", f"/v1/access/principals/{name}", {"kind": "user"})
    token: str = _asked(server, admin, "POST", "/v1/access/tokens", {"principal": name})["token"]
    return token


def _asked(server: Server, token: str, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        method=method,
        data=None if body is None else msgspec.json.encode(body),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return msgspec.json.decode(answer.read())


def full(server: Server, token: str) -> None:
    """Wait until the crowd is there."""
    until_s = time.monotonic() + FULL_S
    wanted = QUEUED * 0.9
    while len(_asked(server, token, "GET", "/v1/queries")["queries"]) < wanted:
        if time.monotonic() > until_s:
            raise RuntimeError("the crowd did not come")
        time.sleep(0.5)


def measured(seconds: float) -> tuple[list[float], list[float]]:
    """The times of the other principal alone, and beside the crowd."""
    with closed_lake() as (server, crowd_token, token):
        quiet = asyncio.run(asked_s(server, token, seconds))
        module = [sys.executable, "-m", "tests.bench.fairness", "crowd", str(server.port)]
        with subprocess.Popen([*module, crowd_token], cwd=CHECKOUT) as process:
            try:
                full(server, crowd_token)
                beside = asyncio.run(asked_s(server, token, seconds))
            finally:
                process.kill()
    return quiet, beside


def main() -> None:
    """Measure, and write the section; or be the crowd."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("crowd", nargs="*", help="crowd PORT TOKEN")
    given = parser.parse_args()
    if given.crowd:
        _, port, token = given.crowd
        asyncio.run(crowd(Server("lakehouse", int(port), "/v1/sql", 0, json_body=True), token))
        return
    about = circumstances("fairness")
    quiet, beside = measured(given.seconds)
    write_section("Fairness", _section(about, quiet, beside))


def _section(about: str, quiet: list[float], beside: list[float]) -> str:
    cuts = [quantiles(times, n=100) for times in (quiet, beside)]
    rows = [
        [
            name,
            f"{cuts[1][at] / cuts[0][at]:.1f}",
            f"{cuts[0][at] * 1000:.1f}",
            f"{cuts[1][at] * 1000:.1f}",
        ]
        for name, at in (("p50", 49), ("p99", 98))
    ]
    return f"""{about}

One principal has {SLOW_READERS} clients that ask for 10 GB and read nothing of it, and {QUEUED:,} that
ask for some work each; another one asks `SELECT <number>`, one after the other ({len(quiet):,} times
alone, {len(beside):,} beside the crowd). Goal for p99: below {GOAL} times that of a quiet server.

{table(["", "beside ÷ alone", "alone, ms", "beside, ms"], rows)}
"""


if __name__ == "__main__":
    main()
