"""Statements that pages run as their visitor, through the same use case, guard and limits as any other."""

import secrets
from typing import Any

import msgspec

from lakehouse.api.sql import ResultColumn, SqlRequest, SqlResult
from lakehouse.console.visit import Visit
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.service import Service

RESULT_BYTES = 4 * 1024 * 1024
"""What a page reads of one result at most."""


class Rows(msgspec.Struct, frozen=True):
    """A small result, and the event that it is as of."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    seq: int


async def rows_of(service: Service, visit: Visit, sql: str, as_of: str | None) -> Rows:
    """The rows of a statement. Raises RefusedError as `sql.run` does, and `too_large`."""
    request = SqlRequest(sql, as_of=as_of)
    running = service.sql.run(visit.caller, request, "json", f"console-{secrets.token_hex(8)}")
    async with running as found:
        body = bytearray()
        async for chunk in found.chunks:
            body += chunk
            if len(body) > RESULT_BYTES:
                detail = f"the rows of this page have more than {RESULT_BYTES:,} bytes"
                raise RefusedError(Refused("too_large", detail))
        visit.reads.extend(found.reads)
        result = msgspec.json.decode(bytes(body), type=SqlResult)
        return Rows(result.columns, result.rows, found.seq)


def quoted(name: str) -> str:
    """A name as SQL has it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """A text as SQL has it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
