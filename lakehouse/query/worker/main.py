"""The worker process: `python -m lakehouse.query.worker.main FD PARENT_PID`.

Started by `worker_handle.py` alone. It answers one query at a time until the engine is gone or a query
broke it; a broken worker ends itself, since DuckDB promises nothing after running out of memory.
"""

import socket
import sys

from lakehouse.query.messages import Ready
from lakehouse.query.worker.inbox import Inbox
from lakehouse.query.worker.sandbox import (
    die_with,
    limit_memory,
    locked_connection,
    parser_connection,
)
from lakehouse.query.worker.session import Worker

_DEEPEST = 10_000
"""Frames. DuckDB takes statements 1,000 expressions deep; the guard spends four frames on each."""


def main() -> None:
    """Serve the engine at the other end of the inherited socket."""
    descriptor, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent_pid)
    sys.setrecursionlimit(_DEEPEST)
    channel = socket.socket(fileno=descriptor)
    inbox = Inbox(channel)
    configure = inbox.configure()
    limit_memory(configure.address_space_bytes)
    connections = locked_connection(configure), parser_connection()
    worker = Worker(configure, *connections, inbox, channel)
    worker.send(Ready())
    for ask in inbox.asks():
        if not worker.serve(ask):
            return


if __name__ == "__main__":
    main()
