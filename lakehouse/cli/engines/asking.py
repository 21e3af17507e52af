"""One statement on another engine, for `lakehouse sql --engine`: its result as a document in pieces.

Owns the threads that wait for the engine. Leaving cancels the statement.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lakehouse.cli.caller import actor
from lakehouse.config import Settings
from lakehouse.domain.errors import Refused, RefusedError

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse.cli.engines.spark_connect import SparkConnect

_NOT_FOR_ENGINES = {
    "as_of": "--as-of is not for other engines: name the version in the statement "
    "(Spark: FROM sales VERSION AS OF 41)",
    "profile": "--profile is not for other engines",
}


@asynccontextmanager
async def engine_result(
    arguments: argparse.Namespace, settings: Settings, sql: str, format_: str
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The result of a statement, its first rows ready, in a format of FORMATS.

    Raises RefusedError: `usage`, `engine_unavailable`, `engine_error`, `query_timeout`,
    `query_cancelled`; `sql_error` for columns that no result can have.
    """
    for name, detail in _NOT_FOR_ENGINES.items():
        if getattr(arguments, name) is not None:
            raise RefusedError(Refused("usage", detail))
    session = _session(arguments.engine, settings.query_timeout_s)
    try:
        reader = await asyncio.to_thread(session.run, sql)
        yield _pieces(session, reader, format_)
    finally:
        await asyncio.to_thread(session.close)


def _session(engine: str, timeout_s: float) -> "SparkConnect":
    try:
        from lakehouse.cli.engines.spark_connect import SparkConnect
    except ModuleNotFoundError as error:
        if error.name != "grpc":
            raise
        detail = "--engine needs gRPC: pip install 'lakehouse[spark]'"
        raise RefusedError(Refused("usage", detail)) from error
    return SparkConnect(engine, actor(), timeout_s)


async def _pieces(
    session: "SparkConnect", reader: "pa.RecordBatchReader", format_: str
) -> AsyncIterator[bytes]:
    import duckdb
    import pyarrow as pa

    from lakehouse.cli.engines.rendering import rendered

    pieces = rendered(reader, format_)
    while True:
        try:
            piece = await asyncio.to_thread(next, pieces, None)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if session.failure is not None:
                raise session.failure from error
            raise RefusedError(session.refused(f"cannot use its result: {error}")) from error
        if piece is None:
            return
        yield bytes(piece)
