"""Numbers, sizes and times as people read them, and text in which nothing is invisible. Pure."""

import re
from datetime import datetime

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEPS = ((60, "s"), (3_600, "min"), (86_400, "h"), (86_400 * 30, "d"))
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BIGNUM|FLOAT|DOUBLE|DECIMAL\(.*\)")
_HASHES = re.compile("[0-9a-f]{32,}")
_TYPE_WORDS = {
    "date32[day]": "date",
    "timestamp[us]": "timestamp",
    "timestamp[us, tz=UTC]": "timestamptz",
}
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
"""Control characters but tab and line feed, marks of direction, and what has no width."""


def count(number: int | None) -> str:
    """12,500; an em dash for a number that is not known."""
    return "—" if number is None else f"{number:,}"


def sentence(text: str) -> str:
    """A refusal as a sentence: with a capital letter, unless it begins with a name, and a full stop."""
    ends = text.rstrip()[-1:] in (".", "!", "?", "…", ":", "}", "]")
    first = text.partition(" ")[0]
    begin = text[:1] if first.endswith(":") else text[:1].upper()
    return f"{begin}{text[1:]}{'' if not text or ends else '.'}"


def short_key(key: str) -> str:
    """A key whose hashes show their first eight digits: it is read, not copied."""
    return _HASHES.sub(lambda found: f"{found[0][:8]}…", key)


def size(size_bytes: int | None) -> str:
    """1.5 MB: three digits at most, in powers of 1,000."""
    if size_bytes is None:
        return "—"
    amount, unit = float(size_bytes), 0
    while round(amount) >= 1_000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1_000, unit + 1
    digits = 1 if unit and amount < 99.95 else 0
    return f"{amount:.{digits}f} {_UNITS[unit]}"


def ago(at: str, now: datetime) -> str:
    """5 min ago, for an RFC 3339 time; its date when that is more than 30 days ago."""
    seconds = (now - datetime.fromisoformat(at)).total_seconds()
    if seconds < 1:
        return "now"
    previous = 1
    for limit, unit in _STEPS:
        if seconds < limit:
            return f"{int(seconds // previous)} {unit} ago"
        previous = limit
    return at[:10]


def moment(at: str) -> str:
    """2026-11-26 09:15:30 UTC, for an RFC 3339 time in UTC."""
    return f"{at[:10]} {at[11:19]} UTC"


def is_number(type_: str) -> bool:
    """Whether the values of a DuckDB type are numbers, which stand at the right."""
    return _NUMBERS.fullmatch(type_) is not None


def is_time(type_: str) -> bool:
    """Whether the values of a DuckDB type are dates or times, which must not be broken into lines."""
    return type_.startswith(("DATE", "TIME"))


def type_word(type_: str) -> str:
    """A column's type in the words of the option `types`; a type that this cannot name, as it is."""
    return _TYPE_WORDS.get(type_, type_)


def visible(text: str) -> str:
    """The text with each invisible character as its number in angle quotes: ‹U+202E›."""
    return _INVISIBLE.sub(lambda found: f"‹U+{ord(found[0]):04X}›", text)
