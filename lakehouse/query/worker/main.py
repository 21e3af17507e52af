"""The worker process: its arguments are FD OBJECTS_FD SHARED_FD.

Forked for `worker_handle.py` alone. Answers one query at a time until the engine has ended or a query
broke it; a broken worker ends itself, since DuckDB guarantees nothing after running out of memory.
"""

import os
import socket
import sys

import msgspec

from lakehouse.process.imports import refuse_pandas
from lakehouse.process.self_limits import keep_freed_memory, limit_memory
from lakehouse.query.wire.framing import FrameTooLarge, MessageReader
from lakehouse.query.wire.messages import Configure, Ready
from lakehouse.query.wire.shared_memory import SharedMemory
from lakehouse.query.worker.channel.inbox import Inbox
from lakehouse.query.worker.channel.outbox import Outbox
from lakehouse.query.worker.confinement import confine
from lakehouse.query.worker.growth import Growth
from lakehouse.query.worker.objects.blocks import ObjectBlocks
from lakehouse.query.worker.objects.files import ObjectFiles
from lakehouse.query.worker.objects.read_ahead import ReadAhead
from lakehouse.query.worker.sandbox import (
    locked_connections,
    parser_connection,
)
from lakehouse.query.worker.session import Worker

_DEEPEST = 10_000
"""Frames. DuckDB takes statements 1,000 expressions deep; the guard spends four frames on each."""


def main() -> None:
    """Serve the engine at the other end of the inherited socket."""
    descriptor, objects, shared = map(int, sys.argv[1:4])
    refuse_pandas()
    keep_freed_memory()
    sys.setrecursionlimit(_DEEPEST)
    channel = socket.socket(fileno=descriptor)
    reader = MessageReader(channel)
    configure = _first_message(reader)
    os.environ["HOME"] = configure.temp_directory
    growth = Growth(configure.growth_bytes)
    readable = *configure.data_prefixes, *configure.object_directories
    confinement = confine(readable, (configure.temp_directory,))
    inbox = Inbox(reader)
    blocks = ObjectBlocks(socket.socket(fileno=objects), inbox)
    limit_memory(configure.address_space_bytes)
    connections = locked_connections(configure, ObjectFiles(blocks)), parser_connection()
    outbox = Outbox(channel, inbox, SharedMemory(shared))
    ahead = ReadAhead(blocks)
    worker = Worker(configure, *connections, inbox, outbox, blocks, growth, ahead)
    growth.begin()
    outbox.send(Ready(confinement))
    try:
        for ask in inbox.asks():
            if not worker.serve(ask):
                return
    except (msgspec.DecodeError, FrameTooLarge):
        sys.exit(0)  # the engine has other code


def _first_message(reader: MessageReader) -> Configure:
    """The configuration; without a valid one (the engine has ended or has other code) the process ends."""
    try:
        message = reader.read()
    except (msgspec.DecodeError, FrameTooLarge):
        message = None
    if not isinstance(message, Configure):
        sys.exit(0)
    return message


if __name__ == "__main__":
    main()
