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


class RowReader:
    """Takes a document `{"columns":[…],"rows":[…],…}` piece by piece."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._names: list[str] | None = None
        self._rows: list[list[Json]] = []

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece; whether that is enough for the limit."""
        self._text += self._decode(chunk)
        if self._names is None:
            self._names, self._text = _columns(self._text)
        if self._names is not None:
            self._text = _take_rows(self._text, self._rows, self._limit)
        return self._limit is not None and len(self._rows) > self._limit

    def result(self) -> Rows:
        """The first `limit` rows, or all of them. Raises ValueError before the first row."""
        if self._names is None:
            raise ValueError("the result ended before its first row")
        more = self._limit is not None and len(self._rows) > self._limit
        return Rows(self._names, self._rows[: self._limit], more)


async def read_rows(chunks: AsyncIterator[bytes], limit: int | None) -> Rows:
    """The first `limit` rows of a document, or all of them."""
    reader = RowReader(limit)
    async for chunk in chunks:
        if reader.feed(chunk):
            break
    return reader.result()


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
