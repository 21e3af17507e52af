"""Points in time and ages as they are written: `as_of` and `older_than`. Pure.

Must never compare them with a journal or a clock: that is the service's part.
"""

import re
from datetime import UTC, datetime, timedelta

from lakehouse.domain.errors import Refused, RefusedError

_SEQ = re.compile(r"[0-9]+")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_SPACE_FOR_PLUS = re.compile(r" (?=[0-9]{2}:[0-9]{2}\Z)")
"""An unescaped + in a query string arrives as a space."""
_LEAP = re.compile(r"(?<=[Tt][0-9]{2}:[0-9]{2}:)60")
"""A second that RFC 3339 allows at the end of a day in UTC alone."""
LATEST_SEQ = 2**53 - 1
_AGE = re.compile(r"([0-9]{1,9})(s|m|h|d|w)?")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


def point_in_time(as_of: str | int) -> int | datetime:
    """An `as_of` as an event's number or a time. Raises RefusedError `invalid_request`."""
    if isinstance(as_of, str) and not _SEQ.fullmatch(as_of):
        return _time(as_of)
    return _seq(as_of)


def age(text: str | int) -> timedelta:
    """A span such as 7d, 12h, 30m, 45s or 2w; a bare number is seconds. Raises `invalid_request`."""
    match = _AGE.fullmatch(str(text))
    seconds = int(match[1]) * _UNITS[match[2] or "s"] if match else -1
    if not 0 <= seconds <= 36_525 * 86_400:
        detail = f"older_than is a span such as 7d, 12h or 0s, not {str(text)[:64]!r}"
        raise RefusedError(Refused("invalid_request", detail))
    return timedelta(seconds=seconds)


def _seq(number: str | int) -> int:
    """An event's number; one above LATEST_SEQ, of however many digits, is LATEST_SEQ."""
    if isinstance(number, str):
        digits = number.lstrip("0") or "0"
        return min(int(digits[:17]), LATEST_SEQ)
    if number < 0:
        raise RefusedError(_no_point_in_time(str(number)))
    return min(number, LATEST_SEQ)


def _time(text: str) -> datetime:
    written = _SPACE_FOR_PLUS.sub("+", text)
    if not _RFC3339.fullmatch(written):
        raise RefusedError(_no_point_in_time(text))
    in_minute, leaps = _LEAP.subn("59", written)
    try:
        # A leap second is the second after it, as clocks show it.
        at = datetime.fromisoformat(in_minute.upper()).astimezone(UTC) + timedelta(seconds=leaps)
    except OverflowError:
        # In UTC it is before year 1 or after 9999.
        if written.startswith("0001"):
            return datetime.min.replace(tzinfo=UTC)
        return datetime.max.replace(tzinfo=UTC)
    except ValueError as error:
        raise RefusedError(_no_point_in_time(text)) from error
    if leaps and (at.hour, at.minute, at.second) != (0, 0, 0):
        raise RefusedError(_no_point_in_time(text))
    return at


def _no_point_in_time(text: str) -> Refused:
    detail = "expected the number of an event, or an RFC 3339 time with Z or an offset"
    return Refused("invalid_request", f"{detail}; {text[:64]!r} is neither")
