"""A whole lakehouse in this process: the real service and edge, on a loopback port, in a thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from aiohttp import web
from raw_http import Answer, Body, Client, Headers

from journal.clock import Clock
from lakehouse.config import Settings
from lakehouse.listening import site_of
from lakehouse.process.certificate import Certificate
from lakehouse.service.service import Service, ServiceLimits
from lakehouse.web.app import Edge
from lakehouse.web.http.request_trace import Tracing
from lakehouse.wiring import service_of

START_S = 90.0
T = TypeVar("T")


class Lake(Client):
    """A running server, its client, and a door into the service behind it."""

    def __init__(
        self, port: int, bucket: Path, service: Service, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(port)
        self.bucket = bucket
        self.service = service
        self.loop = loop
        self.flight_port: int | None = None
        """Of Arrow Flight SQL, where it is served."""
        self.certificate: Certificate | None = None
        """Of Arrow Flight SQL, where the settings name one. It is not watched."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the server's own event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_S)

    def spooled(self) -> list[str]:
        """What lies in the spool directory; queries' own place aside."""
        return [path.name for path in self.service.spool_dir.iterdir() if path.name != "queries"]

    def put(self, key: str, body: Body = b"bytes", headers: Headers = ()) -> Answer:
        return self.ask("PUT", f"/v1/storage/put/{key}", body, headers)

    def get(self, key: str, headers: Headers = ()) -> Answer:
        return self.ask("GET", f"/v1/storage/get/{key}", headers=headers)

    def delete(self, key: str, headers: Headers = ()) -> Answer:
        return self.ask("DELETE", f"/v1/storage/delete/{key}", headers=headers)

    def register(
        self, name: str, *keys: str, fingerprint: str = "f1", headers: Headers = (), **more: Any
    ) -> Answer:
        body = {
            "name": name,
            "schema_fingerprint": fingerprint,
            "objects": [{"key": key} for key in keys],
            **more,
        }
        return self.ask("POST", "/v1/catalog/register", body, headers)

    def manifest(self, name: str, query: str = "", headers: Headers = ()) -> Answer:
        return self.ask("GET", f"/v1/catalog/manifest/{name}{query}", headers=headers)

    def drop(self, name: str, headers: Headers = ()) -> Answer:
        return self.ask("DELETE", f"/v1/catalog/manifest/{name}", headers=headers)

    def ingest(
        self, query: str, body: Body = b"a\n1\n", headers: Headers = (("Content-Type", "text/csv"),)
    ) -> Answer:
        return self.ask("POST", f"/v1/ingest?{query}", body, headers)

    def sql(self, text: str, headers: Headers = (), **more: Any) -> Answer:
        return self.ask("POST", "/v1/sql", {"sql": text, **more}, headers)


@contextmanager
def running_lake(
    bucket: Path,
    /,
    limits: ServiceLimits | None = None,
    *,
    queries: bool = True,
    clock: Clock | None = None,
    port: int = 0,
    tracing: Tracing | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    **settings: Any,
) -> Iterator[Lake]:
    """A server on a bucket, for as long as the context lasts; starts sooner without `queries`.

    A setting `bucket` has precedence over the directory. `clock` measures the pace of clients; without
    one, time does.
    """
    wanted = Settings(**{"bucket": str(bucket), "query_workers": 1, **settings})
    thread = _Thread(wanted, limits, queries, clock, port)
    thread.tracing = tracing
    thread.environ = environ
    thread.start()
    try:
        yield thread.lake(bucket)
    finally:
        thread.stop()


class _Thread(threading.Thread):
    """The server's thread: one event loop, until a test stops it."""

    def __init__(
        self,
        settings: Settings,
        limits: ServiceLimits | None,
        queries: bool,
        clock: Clock | None,
        port: int,
    ) -> None:
        super().__init__(name="lake-server", daemon=True)
        self._settings = settings
        self._limits = limits
        self._queries = queries
        self.tracing: Tracing | None = None
        self.environ: Mapping[str, str] = {}
        self._clock = clock
        self._wanted_port = port
        self._up = threading.Event()
        self._flight_port: int | None = None
        self.certificate: Certificate | None = None
        self._failure: BaseException | None = None

    def lake(self, bucket: Path) -> Lake:
        assert self._up.wait(START_S), "the server did not start"
        if self._failure:
            raise self._failure
        lake = Lake(self._port, bucket, self._service, self._loop)
        lake.flight_port, lake.certificate = self._flight_port, self.certificate
        return lake

    def stop(self) -> None:
        if not self._failure:
            self._loop.call_soon_threadsafe(self._told_to_stop.set)
        self.join(START_S)
        assert not self.is_alive(), "the server did not stop"

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  raised by lake(), in the test's thread
            self._failure = error
            self._up.set()

    async def _serve(self) -> None:
        self._loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        async with service_of(
            self._settings, self.environ, lambda: None, self._limits, queries=self._queries
        ) as service:
            runner = web.ServerRunner(self._edge(service), shutdown_timeout=5.0)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", self._wanted_port)
            await site.start()
            self._service, self._port = service, runner.addresses[0][1]
            async with self._flight(service) as self._flight_port:
                self._up.set()
                await self._told_to_stop.wait()
            await runner.cleanup()

    @asynccontextmanager
    async def _flight(self, service: Service) -> AsyncIterator[int | None]:
        if self._settings.flight_port is None:
            yield None
            return
        from lakehouse.flight.serving import serving_flight  # slow to import; few tests need it

        site, settings = site_of(self._settings), self._settings
        if settings.tls_cert is not None and settings.tls_key is not None:
            self.certificate = Certificate(Path(settings.tls_cert), Path(settings.tls_key))
        async with serving_flight(
            settings, service, site, self.tracing, self.certificate, lambda: None
        ) as serving:
            yield serving.port

    def _edge(self, service: Service) -> Edge:
        site = site_of(self._settings)
        connections = self._settings.max_connections
        return Edge(
            service,
            self._clock,
            connections,
            site,
            role=self._settings.role,
            tracing=self.tracing,
        )
