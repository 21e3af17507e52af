"""`lakehouse sql`: runs one statement; its result goes to stdout or a file while it arrives."""

import argparse
import asyncio
import codecs
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from lakehouse.api.sql import SqlRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.engines.asking import engine_result
from lakehouse.cli.json_rows import read_rows
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import NULL, print_table
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError

TABLE, JSON, NDJSON = "table", "json", "ndjson"
BINARY = ("arrow", "parquet")
EXTENSIONS = {
    ".csv": "csv",
    ".json": JSON,
    ".ndjson": NDJSON,
    ".jsonl": NDJSON,
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": TABLE,
}
STDIN = "-"
TERMINAL_ROWS = 1_000
"""Number of rows of a table that is printed to a terminal without --limit."""


async def sql(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse sql STATEMENT`. A query that fails midway may have printed a part of its result."""
    shape = _shape(arguments)
    statement = await statement_of(arguments)
    format_ = JSON if shape == TABLE else shape
    request = SqlRequest(
        statement, as_of=arguments.as_of, format=format_, profile=arguments.profile
    )
    with _output(arguments.output) as out:
        async with _chunks(arguments, settings, request) as chunks:
            if shape == TABLE:
                await _print_table(chunks, arguments, out)
            else:
                await _copy(chunks, shape, out)
    return 0


COMMANDS = {"sql": sql}


@asynccontextmanager
async def _chunks(
    arguments: argparse.Namespace, settings: Settings, request: SqlRequest
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The result in the request's format, of the lake itself or of the engine that is named."""
    format_ = str(request.format)
    if arguments.engine is not None:
        async with engine_result(arguments, settings, request.sql, format_) as chunks:
            yield chunks
        return
    async with (
        service_for(settings, queries=True) as service,
        service.sql.run(
            caller_of(service, arguments, "sql"), request, format_, query_id="cli"
        ) as result,
    ):
        yield result.chunks


def _shape(arguments: argparse.Namespace) -> str:
    """The format: as given, or by the file's extension. Raises RefusedError `usage`."""
    shape = str(arguments.format or (JSON if arguments.json else TABLE))
    if arguments.output is not None and arguments.format is None and not arguments.json:
        extension = Path(arguments.output).suffix.lower()
        if extension not in EXTENSIONS:
            known = ", ".join(EXTENSIONS)
            detail = (
                f"{arguments.output}: no format has this extension; add --format, or use {known}"
            )
            raise RefusedError(Refused("usage", detail))
        shape = EXTENSIONS[extension]
    if arguments.json and shape == TABLE:
        shape = JSON
    if arguments.limit is not None and shape != TABLE:
        raise RefusedError(Refused("usage", "--limit is for tables: use LIMIT in the statement"))
    if shape in BINARY and arguments.output is None and sys.stdout.isatty():
        detail = f"{shape} cannot go to a terminal: use --output, a file or a pipe"
        raise RefusedError(Refused("usage", detail))
    return shape


async def statement_of(arguments: argparse.Namespace) -> str:
    """The statement: the argument, a file, or stdin. Raises RefusedError."""
    if (arguments.sql is None) == (arguments.statement_file is None):
        raise RefusedError(Refused("usage", "give one statement, as an argument or with --file"))
    if arguments.sql is not None:
        return str(arguments.sql)
    name = arguments.statement_file
    try:
        # In a thread, so that Ctrl-C at a terminal ends the command.
        read: Callable[[], bytes] = (
            sys.stdin.buffer.read if name == STDIN else Path(name).read_bytes
        )
        body = await asyncio.to_thread(read)
        return body.decode("utf-8-sig")
    except OSError as error:
        raise RefusedError(Refused("missing_file", f"{name}: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise RefusedError(Refused("usage", f"{name}: it is not UTF-8")) from error


@contextlib.contextmanager
def _output(name: str | None) -> Iterator[IO[bytes] | None]:
    """A file that takes the name when it is complete; None for stdout. Raises RefusedError."""
    if name is None:
        yield None
        return
    path = Path(name)
    if path.exists() and not path.is_file():
        # A device or a FIFO takes the bytes as they come.
        with path.open("wb") as file:
            yield file
        return
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise RefusedError(Refused("usage", f"{name}: {error.strerror}")) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


async def _print_table(
    chunks: AsyncIterator[bytes], arguments: argparse.Namespace, out: IO[bytes] | None
) -> None:
    terminal = out is None and sys.stdout.isatty()
    limit = arguments.limit if arguments.limit is not None else TERMINAL_ROWS if terminal else 0
    answer = await read_rows(chunks, limit or None)
    file = io.TextIOWrapper(out, "utf-8") if out else None
    print_table(answer.names, answer.rows, null=NULL, pager=not arguments.no_pager, file=file)
    if file is not None:
        file.detach()
    if answer.more:
        printing.message(f"shown: the first {counted(limit, 'row')}; --limit 0 prints all")


async def _copy(chunks: AsyncIterator[bytes], shape: str, file: IO[bytes] | None) -> None:
    """Write the result piece by piece; a character may end in the next one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    out = file or sys.stdout.buffer
    async for chunk in chunks:
        raw = shape in BINARY or file is not None
        out.write(chunk if raw else _printable(decoder.decode(chunk), shape))
    if shape == JSON:
        out.write(b"\n")
    out.flush()


def _printable(text: str, shape: str) -> bytes:
    """Control characters escaped: in JSON always, in CSV, which has no escapes, on a terminal alone."""
    if shape != "csv":
        return printing.escaped(text).encode()
    return (printing.safe_lines(text) if sys.stdout.isatty() else text).encode()
