"""Slow readings of the contract, written from its text alone: the table of types, the dialect.

They share nothing with the code under test, not even an idea of how to be fast.
"""

import datetime
import math
import re
from decimal import Decimal

Cells = list[str | None]

_DATE = r"(\d{4})-(\d{2})-(\d{2})"
_TIME = r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


def types_of_value(value: str) -> set[str]:
    """Every row of section 4's table that holds for one value."""
    rows = {
        "bool": value in ("true", "false", "TRUE", "FALSE", "True", "False"),
        "int64": _is_int(value),
        "double": _is_double(value),
        "date32[day]": _is_date(value),
        "timestamp[us]": _instant(value, zoned=False),
        "timestamp[us, tz=UTC]": _instant(value, zoned=True),
        "string": True,
    }
    return {name for name, holds in rows.items() if holds}


def type_of_column(values: list[str | None]) -> str:
    """The first row of the table that holds for every value; text where there is none."""
    present = [value for value in values if value is not None]
    order = ("bool", "int64", "double", "date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]")
    for name in order if present else ():
        if all(name in types_of_value(value) for value in present):
            return name
    return "string"


def _is_int(value: str) -> bool:
    if not re.fullmatch(r"0|-?[1-9][0-9]*", value, re.ASCII):
        return False
    return -(2**63) <= int(value) < 2**63


def _is_double(value: str) -> bool:
    if value == "-0" or not _NUMBER.fullmatch(value):
        return False
    mantissa, _, exponent = value.lower().partition("e")
    if not mantissa.strip("-.0"):
        return True
    if len(exponent) > 9:
        return False
    number = float(value)
    # Python prints the shortest decimal that reads back as the same double.
    return math.isfinite(number) and Decimal(repr(number)) == Decimal(value)


def _is_date(value: str) -> bool:
    match = re.fullmatch(_DATE, value, re.ASCII)
    return bool(match) and _exists(*map(int, match.groups()))


def _exists(*parts: int) -> bool:
    try:
        datetime.datetime(*parts, tzinfo=datetime.UTC)  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def _instant(value: str, *, zoned: bool) -> bool:
    zone = r"(Z|([+-])(\d{2}):?(\d{2}))" if zoned else ""
    match = re.fullmatch(f"{_DATE}[T ]{_TIME}{zone}", value, re.ASCII)
    if not match:
        return False
    year, month, day, hour, minute = map(int, match.group(1, 2, 3, 4, 5))
    if not _exists(year, month, day, hour, minute, int(match[6] or 0)):
        return False
    if not zoned or match[8] == "Z":
        return True
    if match[8] is None:
        return False
    return _zone_fits(match, datetime.datetime(year, month, day, hour, minute, tzinfo=datetime.UTC))


def _zone_fits(match: "re.Match[str]", local: datetime.datetime) -> bool:
    if match[8] == "Z":
        return True
    hours, minutes = int(match[10]), int(match[11])
    if hours > 23 or minutes > 59:
        return False
    offset = datetime.timedelta(hours=hours, minutes=minutes)
    try:
        local - offset if match[9] == "+" else local + offset
    except OverflowError:
        return False
    return True


def read_slowly(text: str, delimiter: str = ",") -> list[Cells] | int:
    """All records of `text`, an unquoted empty cell being None; or the line of the first fault.

    Faults are a quote that is never closed (line of its opening), text after a closing quote
    (line of that text), and a record whose length is not the first record's (line of its start).
    """
    rows: list[Cells] = []
    position, line = 0, 1
    while position < len(text):
        if text[position] in "\r\n":
            line += not (text[position] == "\r" and text[position + 1 : position + 2] == "\n")
            position += 1
            continue
        started, row = line, []
        while True:
            cell, position, line, fault = _cell(text, position, line, delimiter)
            if fault:
                return line
            row.append(cell)
            if text[position : position + 1] != delimiter:
                break
            position += 1
        if rows and len(row) != len(rows[0]):
            return started
        rows.append(row)
    return rows


def _cell(text: str, position: int, line: int, mark: str) -> tuple[str | None, int, int, bool]:
    start = position
    if text[position : position + 1] != '"':
        while position < len(text) and text[position] not in (mark, "\r", "\n"):
            position += 1
        return text[start:position] or None, position, line, False
    opened, cell, position = line, "", position + 1
    while True:
        if position >= len(text):
            return None, position, opened, True
        if text.startswith('""', position):
            cell, position = cell + '"', position + 2
        elif text[position] == '"':
            position += 1
            fault = position < len(text) and text[position] not in (mark, "\r", "\n")
            return cell, position, line, fault
        else:
            line += text[position] == "\n" or (
                text[position] == "\r" and text[position + 1 : position + 2] != "\n"
            )
            cell, position = cell + text[position], position + 1
