"""The statements that were judged before, so that the same text is not parsed and judged again.

Owns when two texts have one verdict: the same text has, and so have texts that differ only in the digits
of numbers, since no rule depends on the value of a number except moments and bounds on events. Must
never answer for a text whose words, quoted parts or signs differ, nor remember a refusal.
"""

import re
from collections import OrderedDict

import duckdb
import msgspec

from lakehouse.domain.errors import Refused
from lakehouse.query.policy.statement import Statement, read_statement

_REMEMBERED = 1_024
_LONGEST_TEXT = 8 * 1024
# Without comments, backslashes and dollars, each quote begins or ends a quoted part, whatever its prefix.
_SIMPLE = re.compile(r"(?:[\w\s,.;()*+/<>=!%^&|~:?\[\]{}-]++|'[^'\\]*+'|\"[^\"\\]*+\")*+", re.ASCII)
_PARTS = re.compile(r"(?<![\w.])[0-9]{1,9}(?:\.[0-9]{1,9})?(?![\w.])|'[^']*'|\"[^\"]*\"", re.ASCII)
_DIGIT = re.compile(r"[0-9]")


class KnownStatements:
    """The verdicts of one worker, the least recently used first out."""

    def __init__(self) -> None:
        self._by_text: OrderedDict[str, Statement] = OrderedDict()
        self._by_shape: OrderedDict[str, Statement] = OrderedDict()

    def read(self, connection: duckdb.DuckDBPyConnection, text: str) -> Statement | Refused:
        """What `read_statement` returns."""
        known = self._by_text.get(text)
        if known is not None:
            self._by_text.move_to_end(text)
            return known
        shape = shape_of(text)
        alike = self._by_shape.get(shape) if shape is not None else None
        if shape is not None and alike is not None:
            self._by_shape.move_to_end(shape)
            return msgspec.structs.replace(alike, sql=text, body=text)
        statement = read_statement(connection, text)
        if isinstance(statement, Statement) and len(text) <= _LONGEST_TEXT:
            self._remember(text, shape, statement)
        return statement

    def _remember(self, text: str, shape: str | None, statement: Statement) -> None:
        if shape is not None and _ignores_numbers(statement, text):
            kept, key = self._by_shape, shape
        else:
            kept, key = self._by_text, text
        kept[key] = statement
        if len(kept) > _REMEMBERED:
            kept.popitem(last=False)


def shape_of(text: str) -> str | None:
    """The text with each digit of a number as 0; None for one in which numbers are not found for sure.

    As long as the text: a position in one is the same place in the other.
    """
    if len(text) > _LONGEST_TEXT or not text.isascii() or "--" in text or "/*" in text:
        return None
    return _PARTS.sub(_without_digits, text) if _SIMPLE.fullmatch(text) else None


def _without_digits(part: re.Match[str]) -> str:
    found = part[0]
    return found if found[0] in "'\"" else _DIGIT.sub("0", found)


def _ignores_numbers(statement: Statement, text: str) -> bool:
    """Whether the verdict is that of every text of its shape.

    Moments and bounds on the rows of lake.events are read from numbers.
    """
    as_written = statement.sql == text and statement.body == text
    return as_written and not statement.rewritten and not statement.allowed.system
