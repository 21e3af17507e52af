"""How the SQL bench asks: keep-alive connections, requests as bytes, answers counted, not parsed."""

import asyncio
import itertools
import time
from collections.abc import Callable
from statistics import quantiles

import msgspec

from tests.bench.sql_servers import Server

PIECE = 1 << 20
NUMBERS = itertools.count(1)
"""Of all requests of a run: no text comes twice by chance."""


class Asked(msgspec.Struct, frozen=True):
    """What a load found. Times in seconds."""

    a_second: float
    p50_s: float
    p99_s: float
    statuses: dict[int, int]
    cpu_s: float
    """Of the server, for each request."""


class Whole(msgspec.Struct, frozen=True):
    """One large answer."""

    first_s: float
    all_s: float
    size_bytes: int
    grown_bytes: int
    """How much memory all processes of the server took at the most, beyond what they had."""
    cpu_s: float
    """Of the server."""


class Connection:
    """One keep-alive connection to a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def __aenter__(self) -> "Connection":
        streams = await asyncio.open_connection("127.0.0.1", self._server.port, limit=4 * PIECE)
        self._reader, self._writer = streams
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def ask(
        self, sql: str, headers: str = "", seen: Callable[[int], None] = lambda _: None
    ) -> int:
        """The status of one answer, read to its end; `seen` gets the bytes of each piece."""
        self._writer.write(self._server.request(sql, headers))
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"chunked" in head:
            await self._chunked(seen)
        else:
            left = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            while left:
                piece = await self._reader.read(min(left, PIECE))
                left -= len(piece)
                seen(len(piece))
        return status

    async def _chunked(self, seen: Callable[[int], None]) -> None:
        while size := int(await self._reader.readline(), 16):
            await self._reader.readexactly(size)
            await self._reader.readline()
            seen(size)
        await self._reader.readline()


async def load(server: Server, sql: Callable[[int], str], clients: int, seconds: float) -> Asked:
    """Ask as fast as `clients` can, each one after the other; `sql` makes the text of each number."""
    times: list[float] = []
    statuses: dict[int, int] = {}
    until_s = time.perf_counter() + seconds

    async def client() -> None:
        async with Connection(server) as connection:
            while (began_s := time.perf_counter()) < until_s:
                status = await connection.ask(sql(next(NUMBERS)))
                statuses[status] = statuses.get(status, 0) + 1
                times.append(time.perf_counter() - began_s)

    began_s, before_s = time.perf_counter(), server.cpu_s()
    await asyncio.gather(*(client() for _ in range(clients)))
    a_second = len(times) / (time.perf_counter() - began_s)
    cuts = quantiles(times, n=100) if len(times) > 1 else [times[0]] * 99
    cpu_s = (server.cpu_s() - before_s) / len(times)
    return Asked(a_second, cuts[49], cuts[98], statuses, cpu_s)


async def whole(server: Server, sql: str, headers: str = "") -> Whole:
    """One answer, all of it, and what it cost in memory meanwhile."""
    before, highest, first_s, size = server.resident_bytes(), 0, 0.0, 0
    before_s = server.cpu_s()
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal highest
        while not done.is_set():
            highest = max(highest, server.resident_bytes())
            await asyncio.sleep(0.02)

    def seen(piece: int) -> None:
        nonlocal first_s, size
        first_s = first_s or time.perf_counter() - began_s
        size += piece

    watching = asyncio.create_task(watch())
    async with Connection(server) as connection:
        began_s = time.perf_counter()
        status = await connection.ask(sql, headers, seen)
        all_s = time.perf_counter() - began_s
    done.set()
    await watching
    if status != 200:
        raise RuntimeError(f"{server.name} answered {status} to {sql}")
    return Whole(first_s, all_s, size, max(highest - before, 0), server.cpu_s() - before_s)
