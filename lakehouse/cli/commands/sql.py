"""`lakehouse sql`: one question, its answer to stdout as it comes."""

import argparse
import codecs
import sys
from collections.abc import AsyncIterator

import msgspec

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.config import Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.engine import Query

TABLE, JSON = "table", "json"
BINARY = ("arrow", "parquet")


async def sql(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse sql "SELECT …"`. What fails midway has written a part, and does not end with 0."""
    shape = JSON if arguments.json and arguments.format == TABLE else arguments.format
    if shape in BINARY and sys.stdout.isatty():
        raise RefusedError(Refused("usage", f"{shape} is not for a terminal: use a file or a pipe"))
    query = Query(arguments.sql, format=JSON if shape == TABLE else shape)
    async with (
        service_for(settings, queries=True) as service,
        service.sql.run(
            caller_of(service, arguments, "sql"), query, arguments.as_of, query_id="cli"
        ) as answer,
    ):
        if shape == TABLE:
            _table(b"".join([chunk async for chunk in answer.chunks]))
        else:
            await _copy(answer.chunks, shape)
    return 0


COMMANDS = {"sql": sql}


def _table(document: bytes) -> None:
    answer = msgspec.json.decode(document)
    printing.table([column["name"] for column in answer["columns"]], answer["rows"])


async def _copy(chunks: AsyncIterator[bytes], shape: str) -> None:
    """Text is made safe for a terminal piece by piece; a character may end in the next one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    out = sys.stdout.buffer
    async for chunk in chunks:
        out.write(chunk if shape in BINARY else _safe(decoder.decode(chunk), shape))
    if shape == JSON:
        out.write(b"\n")
    out.flush()


def _safe(text: str, shape: str) -> bytes:
    """JSON has escapes of its own; CSV has none, so only a terminal gets other than the data."""
    if shape != "csv":
        return printing.escaped(text).encode()
    return (printing.safe_lines(text) if sys.stdout.isatty() else text).encode()
