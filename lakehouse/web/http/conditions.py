"""Conditional and partial requests (RFC 9110, sections 13 and 14): ETags and one byte range. Pure."""

import re
from collections.abc import Sequence

from lakehouse.domain.errors import Refused

_RANGE = re.compile(r"bytes=([0-9]{0,100})-([0-9]{0,100})", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def matches(if_none_match: Sequence[str], tag: str) -> bool:
    """Whether the client has the entity `tag` already. Weak comparison, as If-None-Match requires.

    A list may be sent as several lines of the header: each is a part of it.
    """
    return any(part.strip() == "*" or tag in _TAG.findall(part) for part in if_none_match)


def byte_range(header: str | None, size_bytes: int) -> tuple[int, int] | Refused | None:
    """(start, length) of the one requested range; None for the whole.

    Several ranges, and a range that cannot be parsed, are ignored, as the RFC allows. Refused
    `range_not_satisfiable` when nothing of it is inside of the object.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, end = max(0, size_bytes - int(match[2])), size_bytes - 1
    else:
        start = int(match[1])
        end = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
        if match[2] and int(match[2]) < start:
            return None
    if start > end:
        return Refused("range_not_satisfiable", f"the object has {size_bytes:,} bytes")
    return start, end - start + 1
