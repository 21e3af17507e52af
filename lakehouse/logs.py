"""Logs: one JSON object per line on stderr, with the request's id. Never a body, never a secret."""

import logging
import sys
from typing import TextIO, cast

import structlog

RARE_S = 60.0
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _Stderr:
    """The current sys.stderr. If its reader has closed it, entries are lost and the program continues."""

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except BrokenPipeError:
            return len(text)

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except BrokenPipeError:
            return


def configure_within_a_program() -> None:
    """Log our own warnings, in a program that has not configured structlog and keeps its own logging.

    Tracebacks come without local variables, which structlog would print wherever rich is installed:
    one of them is the state of the lake.
    """
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
                structlog.dev.ConsoleRenderer(
                    colors=False, exception_formatter=structlog.dev.plain_traceback
                ),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS["warning"]),
            logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        )


class _RareTracing(logging.Filter):
    """Passes one entry of the tracing library a minute: without a collector it logs each attempt."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_s = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("opentelemetry"):
            return True
        if record.created - self._passed_s < RARE_S:
            return False
        self._passed_s = record.created
        return True


def configure(level: str) -> None:
    """Log our own entries from `level` up, and warnings of all libraries, in the same format."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    stream = cast(TextIO, _Stderr())
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(_RareTracing())
    # Below warnings, libraries log requests and the sources of credentials.
    logging.basicConfig(handlers=[handler], level=max(LEVELS[level], logging.WARNING), force=True)
