"""Texts as values of any flat type: the seven of the table, and those that a Parquet file brought.

A dataset that a Parquet file began has types such as int32, decimal or timestamp[ms]; a text is
one of their values when nothing of it is lost. Pure. It decides no type.
"""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.types.exact_doubles import NEGATIVE_ZERO, NUMBER, exact
from lakehouse.formats.types.logical import arrow_type, text_type
from lakehouse.formats.types.names import DOUBLE, STRING
from lakehouse.formats.types.table import TYPES, cast, classify

ROUNDED_DOUBLE = "double, rounded"
"""The type of a column that was declared `double`: it takes any number that is finite as a double."""

_UNSIGNED = r"^(?:0|[1-9][0-9]{0,19})$"


def type_label(name: str) -> str:
    """A type's name as messages have it."""
    return DOUBLE if name == ROUNDED_DOUBLE else name


def declared_types(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The types that were declared, by column: a declared double may round."""
    return {name: ROUNDED_DOUBLE if type_ == DOUBLE else type_ for name, type_ in pairs}


def arrow_type_of(name: str) -> pa.DataType:
    """The Arrow type of a column that is written; `name` is of a flat type."""
    type_ = arrow_type(name)
    if type_ is None:
        raise ValueError(f"{name} is not a flat type")
    return type_


def convert(values: pa.Array, name: str) -> pa.Array:
    """Texts, or what they were read as, as the type `name`, of which they must be."""
    if name in TYPES:
        return cast(values, name)
    read = read_texts(values, name)
    if read is None:
        raise ValueError(f"a value is no {name}")
    return read


def read_texts(values: pa.StringArray, name: str) -> pa.Array | None:
    """Texts as values of the type `name`; None where one of them is not exactly such a value."""
    type_ = pa.float64() if name == ROUNDED_DOUBLE else arrow_type(name)
    if type_ is None:
        return None
    if values.null_count == len(values):
        return pa.nulls(len(values), type_)
    if name == ROUNDED_DOUBLE:
        return _nearest_doubles(values)
    if pa.types.is_floating(type_):
        return _floats(values, type_)
    if pa.types.is_decimal(type_) or pa.types.is_uint64(type_):
        pattern = _UNSIGNED if pa.types.is_uint64(type_) else f"^{NUMBER}$"
        return _cast_or_none(values, type_) if _all_match(values, pattern) else None
    return _through_the_table(values, type_)


def rounded_count(values: pa.StringArray) -> int:
    """How many of these numbers are changed when they become doubles."""
    numbers = pc.cast(values, pa.float64())
    count: int = exact(values, numbers).false_count
    return count


def _through_the_table(values: pa.StringArray, type_: pa.DataType) -> pa.Array | None:
    """As the row of the table that the type's texts belong to, and then as the type."""
    row = text_type(type_)
    if row is None:
        return None
    found = classify(values, (row, STRING) if row != STRING else (STRING,))
    return _cast_or_none(found.values, type_) if found.types[0] == row else None


def _nearest_doubles(values: pa.StringArray) -> pa.Array | None:
    if pc.match_substring_regex(values, f"^{NUMBER}$").false_count:
        return None
    numbers = pc.cast(values, pa.float64())
    return numbers if pc.all(pc.is_finite(numbers)).as_py() else None


def _floats(values: pa.StringArray, type_: pa.DataType) -> pa.Array | None:
    if not _all_match(values, f"^{NUMBER}$"):
        return None
    numbers = pc.cast(values, type_)
    return numbers if exact(values, numbers).false_count == 0 else None


def _all_match(values: pa.StringArray, pattern: str) -> bool:
    fits = pc.and_not(pc.match_substring_regex(values, pattern), pc.equal(values, NEGATIVE_ZERO))
    return bool(fits.false_count == 0)


def _cast_or_none(values: pa.Array, type_: pa.DataType) -> pa.Array | None:
    try:
        return pc.cast(values, type_)
    except pa.ArrowInvalid:
        return None
