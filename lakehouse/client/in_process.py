"""A lake that is open in this process: the service in a thread, reached through a private socket.

It is the same service behind the same door as `lakehouse serve`, so that nothing behaves differently; the
socket lies in a directory that only this user can enter, and no port is opened.
"""

import asyncio
import os
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path

from aiohttp import web

from lakehouse.client.error import Error
from lakehouse.client.http import Http
from lakehouse.client.lake import Lake, headers_of
from lakehouse.client.unix_socket import UnixPool
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.config import ConfigError, Settings, load
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.logs import configure_within_a_program
from lakehouse.no_lake import NoLake
from lakehouse.web.app import Edge
from lakehouse.wiring import service_of


def open_bucket(bucket: str, profile: str | None, actor: str | None) -> Lake:
    """Open the lake of a bucket. Raises Error where `lakehouse serve` would be refused."""
    try:
        settings = load({"bucket": bucket}, os.environ, None)
    except ConfigError as error:
        raise Error("usage", str(error)) from error
    return open_lake(settings, profile, actor)


def open_lake(
    settings: Settings,
    profile: str | None = None,
    actor: str | None = None,
    no_lake: NoLake = NoLake.CREATE,
) -> Lake:
    """Open the lake of the settings' bucket. Raises Error."""
    try:
        running = _Running(settings, no_lake)
    except ConfigError as error:
        raise Error("usage", str(error)) from error
    except RefusedError as error:
        raise _error(error.refused) from error
    except KNOWN as error:
        raise _error(refusal(error)) from error
    pool = UnixPool(str(running.socket))
    return Lake(Http(pool, "", headers_of(None, profile, actor)), running.stop)


class _Running:
    """The thread of one open lake."""

    def __init__(self, settings: Settings, no_lake: NoLake) -> None:
        """Returns when the lake can be asked. Raises what opening it raises."""
        self._no_lake = no_lake
        self._directory = tempfile.TemporaryDirectory(prefix="lakehouse-")
        self.socket = Path(self._directory.name) / "lake.sock"
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="lakehouse", daemon=True)
        self._thread.start()
        try:
            self._started.result()
        except BaseException:
            self._thread.join()
            self._directory.cleanup()
            raise

    def stop(self) -> None:
        """Complete what was accepted and end the thread."""
        if self._loop is not None and self._ended is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._directory.cleanup()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        configure_within_a_program()
        async with service_of(
            *(self._settings, os.environ, self._ended.set), no_lake=self._no_lake, probe=True
        ) as service:
            edge = Edge(service, holds_bucket=True)
            runner = web.ServerRunner(edge, shutdown_timeout=self._settings.drain_s)
            await runner.setup()
            await web.UnixSite(runner, str(self.socket)).start()
            self._started.set_result(None)
            await self._ended.wait()
            await runner.cleanup()


def _error(refused: Refused) -> Error:
    rows = [dict(row) for row in refused.errors]
    return Error(refused.code, refused.detail, errors=rows)
