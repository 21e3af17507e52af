"""What a server in this process logs during one test."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import LogCapture


@contextmanager
def captured_logs() -> Iterator[LogCapture]:
    """The entries. A bug among them at the end is an AssertionError, unless the test cleared them."""
    log = LogCapture()
    context = structlog.contextvars.merge_contextvars
    # A command of an earlier test has set the level to `error`.
    every_level = structlog.make_filtering_bound_logger(0)
    processors = [context, structlog.processors.format_exc_info, log]
    structlog.configure(processors=processors, wrapper_class=every_level)
    yield log
    # No reset: a server may still log the end of the last request.
    bugs = [entry for entry in log.entries if entry["event"] == "bug"]
    assert not bugs, bugs[0]["exception"]
