"""The parent's handle of one worker process: start it, exchange messages, end it.

Owns processes and sockets, not queries. A process gets only the environment that it needs, no
arguments that reveal anything, and its own temporary directory, which is removed with it.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import structlog

from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.process.forking.forked_process import ForkedProcess, ForkServerEnded
from lakehouse.process.forking.messages import ForkRequest
from lakehouse.query.processes.object_channel import ObjectChannel
from lakehouse.query.processes.worker_channel import WorkerChannel
from lakehouse.query.wire.framing import FrameTooLarge
from lakehouse.query.wire.messages import (
    Chunk,
    Configure,
    FromWorker,
    Interrupt,
    Ready,
    SharedChunk,
    Taken,
    ToWorker,
)
from lakehouse.query.wire.shared_memory import SharedMemory, make_shared_memory

log = structlog.get_logger()

PROGRAM = "lakehouse.query.worker.main"
CONFINEMENT = frozenset({"landlock", "seccomp"})
"""The confinement expected of the kernel; a missing one is logged as a warning."""


class WorkerDied(Exception):
    """The process ended without an answer."""


class WorkerProcess:
    """One process; each object is used by one owner."""

    def __init__(
        self,
        process: ForkedProcess,
        channel: WorkerChannel,
        objects: ObjectChannel,
        shared: SharedMemory,
        directory: Path,
        configure: Configure,
    ) -> None:
        self.threads = configure.threads
        """DuckDB's, for as long as it lives."""
        self.spent = False
        """Whether it reported that it keeps too much memory."""
        self.objects = objects
        """The channel by which it reads objects."""
        self._process = process
        self._channel = channel
        self._shared = shared
        self._directory = directory

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it seems to be running; may be slightly out of date."""
        return self._process.returncode is None and not self._channel.ended

    async def send(self, message: ToWorker) -> None:
        """Send one message. Raises WorkerDied, FrameTooLarge."""
        try:
            await self._channel.send(message)
        except ConnectionError as error:
            raise WorkerDied from error

    async def interrupt(self, number: int) -> None:
        """Stop the query of this number, whether it runs or waits for views. Raises WorkerDied."""
        self.objects.interrupt(number)
        await self.send(Interrupt(number))

    async def receive(self) -> FromWorker:
        """Return the next message, with data where it is shared.

        Raises WorkerDied, also for a message that is too large or of a slot that does not exist.
        """
        try:
            message = await self._channel.receive()
            if isinstance(message, SharedChunk):
                return await self._take(message)
        except (FrameTooLarge, ValueError) as error:
            raise WorkerDied from error
        if message is None:
            raise WorkerDied
        return message

    async def _take(self, message: SharedChunk) -> Chunk:
        chunk = Chunk(self._shared.read(message.slot, message.size_bytes))
        # A worker that has ended said why in a message that follows.
        with suppress(ConnectionError):
            await self._channel.send(Taken(message.slot))
        return chunk

    def kill(self) -> None:
        """End the process now, whatever it does."""
        self._process.kill()

    async def close(self) -> None:
        """Kill and reap the process, and remove its files."""
        self.kill()
        await self._process.wait()
        await self.objects.close()
        await self._channel.close()
        self._shared.close()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)


async def start_worker(forks: ForkServer, configure: Configure) -> WorkerProcess:
    """Fork a process, which confines itself, and return it when it is ready for a query.

    `configure.temp_directory` is the directory in which the process gets one of its own.
    """
    parent = configure.temp_directory
    directory = Path(tempfile.mkdtemp(prefix="query-worker-", dir=parent))
    ours, theirs = socket.socketpair()
    our_objects, their_objects = socket.socketpair()
    descriptor = make_shared_memory()
    with theirs, their_objects:
        inherited = theirs.fileno(), their_objects.fileno(), descriptor
        try:
            process = await forks.fork(_request(directory), inherited)
        except BaseException as error:
            os.close(descriptor)
            ours.close()
            our_objects.close()
            await asyncio.to_thread(directory.rmdir)
            if isinstance(error, ForkServerEnded):
                raise WorkerDied from error
            raise
    shared = SharedMemory(descriptor)
    channel = await WorkerChannel.open(ours)
    objects = await ObjectChannel.open(our_objects)
    worker = WorkerProcess(process, channel, objects, shared, directory, configure)
    try:
        await _introduce(worker, configure, directory)
    except BaseException:
        await worker.close()
        raise
    return worker


def _request(directory: Path) -> ForkRequest:
    return ForkRequest(PROGRAM, "query-worker", directory=str(directory))


async def _introduce(worker: WorkerProcess, configure: Configure, directory: Path) -> None:
    detail = {name: getattr(configure, name) for name in configure.__struct_fields__}
    await worker.send(Configure(**detail | {"temp_directory": str(directory)}))
    message = await worker.receive()
    if not isinstance(message, Ready):
        raise TypeError(f"a worker began with {type(message).__name__}")
    if missing := CONFINEMENT - set(message.confinement):
        log.warning("worker_not_confined", missing=sorted(missing))
