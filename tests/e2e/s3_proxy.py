"""A proxy between a process and its S3 store that breaks requests on purpose, by a seed.

It speaks as much HTTP/1.1 as S3 clients and stores do, passes every header as it came (the
signature covers Host), and opens one connection upstream for each request. What was sent upstream
is carried to its end even when the client has gone: so writes land late.
"""

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024
HEAD_BYTES = 64 * 1024
SLOW_PIECES, SLOW_S = 4, 0.05
BURST = 4
GONE = (OSError, asyncio.IncompleteReadError)


class Fault(Enum):
    """What may become of one request."""

    RESET_BEFORE = "reset before the store was asked"
    RESET_AFTER = "reset after the store answered"
    BURST_503 = "503, and for the next few too"
    UNAVAILABLE = "503"
    TOO_MANY = "429"
    SLOW = "the answer comes piece by piece"
    TRUNCATED = "the answer's body ends early"
    ALTERED = "the answer's body has another last bit"
    STALL = "silence; the store is asked at the end of it"


class Request(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    head: bytes
    body: bytes


Choose = Callable[[Request], Fault | None]
BY_CHANCE = frozenset(Fault) - {Fault.ALTERED}
"""The faults of `by_chance`. No protocol survives a store that changes the bytes of slots."""


class FaultyProxy:
    """Runs in a thread of its own. `choose` says what becomes of each request; None: nothing bad."""

    def __init__(self, upstream_url: str, choose: Choose, stall_s: float) -> None:
        upstream = urlsplit(upstream_url)
        self.port = 0
        self.done: Counter[Fault] = Counter()
        self._upstream = (upstream.hostname, upstream.port)
        self._choose = choose
        self._stall_s = stall_s
        self._burst = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def running(self) -> Iterator["FaultyProxy"]:
        """Listens for as long as the context lasts."""
        loop, ready = asyncio.new_event_loop(), threading.Event()
        stop = asyncio.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=(self._serve(ready, stop),))
        thread.start()
        try:
            assert ready.wait(60), "the proxy did not start"
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=HEAD_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(*GONE), contextlib.closing(writer):
            while request := await _read_request(reader, writer):
                if not await self._pass_on(request, writer):
                    writer.transport.abort()
                    return

    async def _pass_on(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Whether the client's connection may be used again."""
        fault = self._next_fault(request)
        if fault is not None:
            self.done[fault] += 1
        match fault:
            case Fault.RESET_BEFORE:
                return False
            case Fault.BURST_503 | Fault.UNAVAILABLE | Fault.TOO_MANY:
                writer.write(_refusal(fault, request))
                await writer.drain()
                return True
            case Fault.STALL:
                await asyncio.sleep(self._stall_s)
        head, body = await self._ask(request)
        match fault:
            case Fault.RESET_AFTER:
                return False
            case Fault.TRUNCATED if body:
                writer.write(head + body[: len(body) // 2])
                await writer.drain()
                writer.close()
                return False
            case Fault.ALTERED if body:
                writer.write(head + body[:-1] + bytes([body[-1] ^ 1]))
                await writer.drain()
            case Fault.SLOW:
                await _write_slowly(writer, head + body)
            case _:
                writer.write(head + body)
                await writer.drain()
        return True

    def _next_fault(self, request: Request) -> Fault | None:
        if self._burst:
            self._burst -= 1
            return Fault.BURST_503
        fault = self._choose(request)
        if fault is Fault.BURST_503:
            self._burst = BURST - 1
        return fault

    async def _ask(self, request: Request) -> tuple[bytes, bytes]:
        """The store's answer: its head and its body."""
        reader, writer = await asyncio.open_connection(*self._upstream, limit=HEAD_BYTES)
        with contextlib.closing(writer):
            writer.write(request.head + request.body)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            return head, await _answer_body(reader, request.method, head)


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    headers = _headers(head)
    assert "transfer-encoding" not in headers, "S3 clients tell the length of what they send"
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = head.replace(b"Expect: 100-continue\r\n", b"")
    return Request(
        method, target, head, await reader.readexactly(int(headers.get("content-length", "0")))
    )


async def _answer_body(reader: asyncio.StreamReader, method: str, head: bytes) -> bytes:
    """The body as it came, chunk by chunk with its framing where it is chunked."""
    headers, status = _headers(head), int(head.split(b" ", 2)[1])
    if method == "HEAD" or status in (204, 304):
        return b""
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body


async def _write_slowly(writer: asyncio.StreamWriter, answer: bytes) -> None:
    size = max(1, -(-len(answer) // SLOW_PIECES))
    for start in range(0, len(answer), size):
        writer.write(answer[start : start + size])
        await writer.drain()
        await asyncio.sleep(SLOW_S)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _refusal(fault: Fault, request: Request) -> bytes:
    status, code = (
        ("503 Service Unavailable", "SlowDown")
        if fault in (Fault.BURST_503, Fault.UNAVAILABLE)
        else ("429 Too Many Requests", "TooManyRequests")
    )
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + (b"" if request.method == "HEAD" else body)


def by_chance(rng: random.Random, share: float, stalls: int) -> Choose:
    """Each request fails with the probability `share`; `stalls` PUTs of slots are stalled.

    Faults are dealt from a shuffled deck, so that a few of them are a few of every kind.
    """
    left, deck = stalls, list[Fault]()
    common = [fault for fault in Fault if fault in BY_CHANCE - {Fault.STALL}]

    def choose(request: Request) -> Fault | None:
        nonlocal left
        is_slot = "/_journal/slots/" in request.target
        if is_slot and request.method == "PUT" and left and rng.random() < share:
            left -= 1
            return Fault.STALL
        if rng.random() >= share:
            return None
        if not deck:
            deck.extend(rng.sample(common, len(common)))
        return deck.pop()

    return choose
