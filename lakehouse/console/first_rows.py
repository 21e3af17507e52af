"""The first rows of a statement, for a page that the server renders.

Owns reading the beginning of a JSON result. Must never hold more of it than that beginning: the query ends
with it.
"""

import codecs
import json
from collections.abc import AsyncIterator

import msgspec

from lakehouse.api.sql import ResultColumn, SqlRequest
from lakehouse.console.visit import Visit
from lakehouse.service.service import Service

MAX_CHARACTERS = 4 * 1024 * 1024
"""How much of a result is read for its first rows; wide rows are fewer."""
_ROWS = '],"rows":['
_DECODER = json.JSONDecoder()

Cell = str | None
"""A string, null, or the JSON text of any other value: no double rounds a number."""


class FirstRows(msgspec.Struct, frozen=True):
    """The beginning of a result, as of event `seq`. `more`: there are rows after it."""

    columns: list[ResultColumn]
    rows: list[list[Cell]]
    more: bool
    seq: int


async def first_rows(
    service: Service, visit: Visit, request: SqlRequest, query_id: str, most: int
) -> FirstRows:
    """Run a statement until its first `most` rows are there. Raises RefusedError as `sql.run` does."""
    async with service.sql.run(visit.caller, request, "json", query_id) as found:
        visit.reads.extend(found.reads)
        columns, rows, more = await beginning(found.chunks, most)
        return FirstRows(columns, rows, more, found.seq)


async def beginning(
    chunks: AsyncIterator[bytes], most: int
) -> tuple[list[ResultColumn], list[list[Cell]], bool]:
    """The columns and the first `most` rows of a JSON result, and whether there are more rows."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    text, rows, at = "", list[list[Cell]](), 0
    columns: list[ResultColumn] | None = None
    async for chunk in chunks:
        text += decoder.decode(chunk)
        if columns is None:
            end = text.find(_ROWS)
            if end < 0:
                continue
            head = text[: end + 1] + "}"
            columns = msgspec.json.decode(head, type=dict[str, list[ResultColumn]])["columns"]
            at = end + len(_ROWS)
        while len(rows) < most and (found := _row(text, at)) is not None:
            row, at = found
            rows.append(row)
        if (len(rows) == most and at < len(text)) or len(text) > MAX_CHARACTERS:
            return columns, rows, not text.startswith("]", at)
    return columns or [], rows, False


def _row(text: str, at: int) -> tuple[list[Cell], int] | None:
    """The row that begins at `at`, or after its comma, and where it ends; None if it is incomplete."""
    at += text.startswith(",", at)
    if not text.startswith("[", at):
        return None
    cells: list[Cell] = []
    while not text.startswith("]", at):
        begin = at + 1
        try:
            value, at = _DECODER.raw_decode(text, begin)
        except json.JSONDecodeError:
            return None
        if at == len(text):
            return None  # a number could go on in the next chunk
        is_plain = value is None or isinstance(value, str)
        cells.append(value if is_plain else text[begin:at])
    return cells, at + 1
