"""Text of the single values that Arrow cannot print: far dates, infinities, odd bytes. Pure.

Years outside 0001 to 9999 are ISO 8601's expanded form: a sign and at least four digits, counted
astronomically (0000 is 1 BC, -0043 is 44 BC), since DuckDB's `(BC)` is no ISO date.
"""

from typing import Any

_SECONDS_A_DAY = 86_400
_INFINITE_DAY = 2**31 - 1
_INFINITE_TICK = 2**63 - 1
_TIME_TZ_OFFSET_BITS = 24
_TIME_TZ_LARGEST_OFFSET_S = 16 * 3600 - 1
_SAFE = 2**53


def date_text(days: Any) -> str:
    """Return the date `days` after 1970-01-01; DuckDB's words for its infinities."""
    if abs(days) == _INFINITE_DAY:
        return "infinity" if days > 0 else "-infinity"
    year, month, day = _civil(days)
    if 0 <= year <= 9999:
        return f"{year:04}-{month:02}-{day:02}"
    return f"{year:+05}-{month:02}-{day:02}"


def timestamp_text(ticks: Any, per_second: int, zone: str) -> str:
    """Return the timestamp `ticks` after 1970, with `zone` appended unless it is infinite."""
    if abs(ticks) == _INFINITE_TICK:
        return "infinity" if ticks > 0 else "-infinity"
    days, rest = divmod(ticks, _SECONDS_A_DAY * per_second)
    return f"{date_text(days)}T{time_text(rest, per_second)}{zone}"


def time_text(ticks: Any, per_second: int) -> str:
    """Return HH:MM:SS[.f…] without trailing zeros; a whole day is 24:00:00, as in DuckDB."""
    seconds, fraction = divmod(ticks, per_second)
    digits = f".{fraction:0{len(str(per_second)) - 1}}".rstrip("0") if fraction else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{digits}"


def time_tz_text(value: Any) -> str:
    """Return DuckDB's dtime_tz_t: 40 bits of microseconds, 24 bits of (largest offset - offset)."""
    bits = int.from_bytes(value, "little")
    micros = bits >> _TIME_TZ_OFFSET_BITS
    offset_s = _TIME_TZ_LARGEST_OFFSET_S - (bits & (1 << _TIME_TZ_OFFSET_BITS) - 1)
    hours, rest = divmod(abs(offset_s), 3600)
    seconds = f":{rest % 60:02}" if rest % 60 else ""
    sign = "-" if offset_s < 0 else "+"
    return f"{time_text(micros, 1_000_000)}{sign}{hours:02}:{rest // 60:02}{seconds}"


def bit_text(value: Any) -> str:
    """Return DuckDB's BIT: the first byte counts the padding bits in front of the others."""
    return "".join(f"{byte:08b}" for byte in value[1:])[value[0] :]


def unsigned_json(value: Any) -> str | None:
    """Return a UHUGEINT as a JSON number, or as a string beyond 2^53."""
    return None if value is None else _integer_json(int.from_bytes(value, "little"))


def bignum_json(value: Any) -> str | None:
    """Return a BIGNUM as JSON: 3 bytes of header, then the magnitude, all inverted if negative."""
    if value is None:
        return None
    if value[0] & 0x80:
        return _integer_json(int.from_bytes(value[3:], "big"))
    return _integer_json(-int.from_bytes(bytes(0xFF - byte for byte in value[3:]), "big"))


def _integer_json(number: int) -> str:
    return str(number) if abs(number) <= _SAFE else f'"{number}"'


def _civil(days: int) -> tuple[int, int, int]:
    """Proleptic Gregorian, any year: howardhinnant.github.io/date_algorithms.html, civil_from_days."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day
