"""Reads the rows of a JSON result while it arrives, so that a long result can be left early."""

import codecs
import json
from collections.abc import AsyncIterator

import msgspec

from lakehouse.domain.errors import Json

_BEFORE_COLUMNS, _BEFORE_ROWS = '{"columns":', ',"rows":['


class Rows(msgspec.Struct, frozen=True):
    """Column names, rows, and whether there are more rows."""

    names: list[str]
    rows: list[list[Json]]
    more: bool


async def read_rows(chunks: AsyncIterator[bytes], limit: int | None) -> Rows:
    """The first `limit` rows of a document `{"columns":[…],"rows":[…],…}`, or all of them."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    text, names, rows = "", None, list[list[Json]]()
    async for chunk in chunks:
        text += decode(chunk)
        if names is None:
            names, text = _columns(text)
        if names is not None:
            text = _take_rows(text, rows, limit)
            if limit is not None and len(rows) > limit:
                return Rows(names, rows[:limit], more=True)
    if names is None:
        raise ValueError("the result ended before its first row")
    return Rows(names, rows, more=False)


def _columns(text: str) -> tuple[list[str] | None, str]:
    """The names of the columns and the text of the rows; None while they have not arrived."""
    try:
        columns, end = json.JSONDecoder().raw_decode(text, len(_BEFORE_COLUMNS))
    except ValueError:
        return None, text
    start = end + len(_BEFORE_ROWS)
    if len(text) < start:
        return None, text
    return [column["name"] for column in columns], text[start:]


def _take_rows(text: str, rows: list[list[Json]], limit: int | None) -> str:
    """Append the complete rows of `text`, up to one more than `limit`; the rest of the text."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(text) and text[position] != "]" and (limit is None or len(rows) <= limit):
        try:
            row, position = decoder.raw_decode(text, position + (text[position] == ","))
        except ValueError:
            break
        rows.append(row)
    return text[position:]
