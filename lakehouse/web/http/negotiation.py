"""Chooses among the available formats and codings by what a client accepts (RFC 9110, section 12.5).

Pure.
"""

import functools
from collections.abc import Sequence

WILDCARD = "*/*"


@functools.lru_cache(maxsize=128)
def choose(accept: str | None, offered: tuple[str, ...]) -> str | None:
    """The media type of `offered` that `accept` prefers, the earlier of equals; None for none.

    A range's weight is that of the most specific one that matches; parameters but q are ignored.
    """
    ranges = _ranges(accept if accept and accept.strip() else WILDCARD)
    weighed = [(_weight(media_type, ranges), media_type) for media_type in offered]
    best = max(weight for weight, _ in weighed)
    if best <= 0:
        return None
    return next(media_type for weight, media_type in weighed if weight == best)


@functools.lru_cache(maxsize=128)
def choose_coding(accept_encoding: str | None, offered: tuple[str, ...]) -> str | None:
    """The content coding of `offered` that a client prefers, the earlier of equals; None for none.

    Unlike a media type it must be requested: a client that sends no header may support none.
    """
    ranges = _ranges(accept_encoding or "")
    weighed = [(ranges.get(each, ranges.get("*", 0.0)), each) for each in offered]
    best = max(weight for weight, _ in weighed)
    if best <= 0 or ranges.get("identity", 0.0) > best:
        return None
    return next(coding for weight, coding in weighed if weight == best)


def _ranges(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in accept.split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        found[media_range] = max(found.get(media_range, 0.0), _quality(parameters))
    return found


def _quality(parameters: Sequence[str]) -> float:
    """The weight; one that cannot be parsed counts as absent, so that the range is not refused."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 1.0
    return 1.0


def _weight(media_type: str, ranges: dict[str, float]) -> float:
    family = media_type.partition("/")[0]
    for media_range in (media_type, f"{family}/*", WILDCARD):
        if media_range in ranges:
            return ranges[media_range]
    return 0.0
