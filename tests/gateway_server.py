"""A gateway in a thread of this process, in front of what a test chooses; and scripted upstreams."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from raw_http import Client

from lakehouse.config import Settings
from lakehouse.gateway.app import Gateway
from lakehouse.gateway.upstreams import Upstreams
from lakehouse.listening import site_of
from lakehouse.roles import ROLES

START_S = 90.0


@contextmanager
def running_gateway(urls: dict[str, str | tuple[str, ...]], **settings: Any) -> Iterator[Client]:
    """A gateway whose roles are at `urls`; one that is not given is down."""
    down = f"http://127.0.0.1:{closed_port()}"
    places = {role: urls.get(role, down) for role in ROLES}
    listed = {role: (url,) if isinstance(url, str) else url for role, url in places.items()}
    chosen = Settings(**settings)
    up, stop = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def serve() -> None:
        async with Upstreams(listed) as upstreams:
            gateway = Gateway(upstreams, 100, site_of(chosen), metrics_open=chosen.metrics_open)
            runner = web.ServerRunner(gateway, shutdown_timeout=60.0)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            found.extend((asyncio.get_running_loop(), runner.addresses[0][1]))
            up.set()
            await stop.wait()
            await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert up.wait(START_S)
    try:
        yield Client(found[1])
    finally:
        found[0].call_soon_threadsafe(stop.set)
        thread.join(START_S)
        assert not thread.is_alive()


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def scripted(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """An upstream that does with each connection what a test says; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(START_S)


def head_of(connection: socket.socket) -> bytes:
    """What came until the end of a request's head; there may be more."""
    received = bytearray()
    while b"\r\n\r\n" not in received and (piece := connection.recv(65536)):
        received += piece
    return bytes(received)
