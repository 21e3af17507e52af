"""The SQL of a column's new value: cast to the column's type, and whether the value fits it. Pure.

A value fits when nothing of it is lost: cast back it is the same. A date or time is of the years 0001 to
9999, as in a file that is ingested: most readers cannot show others. Must never round or cut a value.
"""

_FLOATING = ("FLOAT", "DOUBLE")
_TEXT = "VARCHAR"
_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_FRACTION_DIGITS = {
    "TIME": 6, "TIMESTAMP": 6, "TIMESTAMP WITH TIME ZONE": 6,
    "TIMESTAMP_S": 0, "TIMESTAMP_MS": 3, "TIMESTAMP_NS": 9,
}  # fmt: skip
"""How many digits of a second's fraction a type holds."""
_WHOLE = (*_SIGNED, *(f"U{name}" for name in _SIGNED))


def cast_sql(type_: str, column_type: str) -> tuple[str, str]:
    """What stands before and after a value of the type `type_`, to make it one of the column's type.

    Null where it is none.
    """
    return ("", "") if type_ == column_type else ("TRY_CAST(", f" AS {column_type})")


def misfit_sql(value: str, type_: str, column_type: str) -> str:
    """Whether something of a value is lost in the column's type; `value` is a column's name."""
    if type_ == column_type:
        return _far(value, column_type)
    cast = f"TRY_CAST({value} AS {column_type})"
    lost = (
        f"{cast} IS NULL OR {_lost(value, cast, type_, column_type)} OR {_far(cast, column_type)}"
    )
    return f"({value} IS NOT NULL AND ({lost}))"


def _far(value: str, type_: str) -> str:
    """Whether a date or time is infinite, or of a year that has no four digits."""
    if type_ == "DATE":
        return f"COALESCE({value} NOT BETWEEN DATE '0001-01-01' AND DATE '9999-12-31', false)"
    if type_ == "TIMESTAMP_NS":
        return f"COALESCE(NOT isfinite({value}), false)"
    if not type_.startswith("TIMESTAMP"):
        return "false"
    zoned, zone = ("TIMESTAMPTZ", "+00") if type_.endswith("ZONE") else ("TIMESTAMP", "")
    first, end = f"{zoned} '0001-01-01 00:00:00{zone}'", f"{zoned} '10000-01-01 00:00:00{zone}'"
    return f"COALESCE(NOT isfinite({value}) OR {value} < {first} OR {value} >= {end}, false)"


def _lost(value: str, cast: str, type_: str, column_type: str) -> str:
    if type_ in _FLOATING and column_type in _FLOATING:
        return f"(isinf({cast}) AND NOT isinf({value}))"
    if type_ == _TEXT:
        return _lost_of_text(value, cast, column_type)
    return f"TRY_CAST({cast} AS {type_}) IS DISTINCT FROM {value}"


def _lost_of_text(value: str, cast: str, column_type: str) -> str:
    """What a text says can be written in several ways: DuckDB rounds numbers and cuts times."""
    if column_type in _WHOLE or column_type.startswith("DECIMAL"):
        wide = "DECIMAL(38, 12)"
        return f"TRY_CAST({cast} AS {wide}) IS DISTINCT FROM TRY_CAST({value} AS {wide})"
    if column_type == "DATE":
        return f"CAST({cast} AS TIMESTAMP) IS DISTINCT FROM TRY_CAST({value} AS TIMESTAMP)"
    if (digits := _FRACTION_DIGITS.get(column_type)) is not None:
        return f"regexp_matches({value}, '[.][0-9]{{{digits}}}[0-9]*[1-9]')"
    return "false"
