"""Why a column has its type, in words: for people who check a file before it is loaded.

Pure: it words what a reader has found, the first value that removed each type. It decides no type.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
import pyarrow as pa

from lakehouse.api.files.type_reasons import TypeReason
from lakehouse.formats.refusals import shown
from lakehouse.formats.types.fitting import first_misfit
from lakehouse.formats.types.inference import ALL, TypeCandidates
from lakehouse.formats.types.names import BOOL, DATE, DOUBLE, INT64, STRING, TIMESTAMP, ZONED
from lakehouse.formats.types.table import classify

DECLARED = "the request says so"
FROM_DATASET = "the dataset's type, which every value fits"
FROM_FILE = "the file says so"
ABSENT = "the file lacks this column: null in every row"
NO_VALUE = "no value, so text"
_EVERY = {
    BOOL: "every value is true or false",
    INT64: "every value is a whole number",
    DOUBLE: "every value is a number",
    DATE: "every value is a date (YYYY-MM-DD)",
    TIMESTAMP: "every value is a date with a time",
    ZONED: "every value is a date with a time and an offset",
}
_FAMILY = {
    BOOL: "true or false",
    INT64: "a number",
    DOUBLE: "a number",
    DATE: "a date (YYYY-MM-DD)",
    TIMESTAMP: "a date with a time",
    ZONED: "a date with a time and an offset",
}
_HINTS = (
    (r"[+-]?0[0-9]+(\.[0-9]+)?", "as a number it would lose its leading zero"),
    (r"-0", "as a whole number it would lose its sign"),
    (r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", "it has more digits than a double keeps"),
    (r"-?[0-9]{1,3}([.,' ][0-9]{3})*[.,][0-9]+", "a number has a decimal point and no separators"),
    (r"\s.*|.*\s", "it begins or ends with a space"),
    (r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}", "a date is written YYYY-MM-DD"),
)
"""What a text that looks like a number or a date lacks; the first that matches."""


class Misfit(msgspec.Struct, frozen=True):
    """The first value of a column that is not of a type, and its line."""

    line: int
    value: str


Misfits = Mapping[str, Misfit]
"""By type."""


class TypeEvidence:
    """By the index of a column, the first value that removed each of its types. One for each file."""

    def __init__(self) -> None:
        self._misfits: dict[int, dict[str, Misfit]] = {}

    def add(
        self,
        text: pa.RecordBatch,
        before: TypeCandidates,
        after: TypeCandidates,
        lines_of: Callable[[Sequence[int]], Sequence[int]],
    ) -> None:
        """Take the next batch of the file: the types of the batches before it, and those of its own."""
        rows: dict[tuple[int, str], int] = {}
        for index, column in enumerate(text.columns):
            left = after.types[index]
            removed = [type_ for type_ in before.types[index] if type_ not in left]
            for type_, row in first_rows(column, removed).items():
                rows[index, type_] = row
        if not rows:
            return
        numbers = sorted(set(rows.values()))
        lines = dict(zip(numbers, lines_of(numbers), strict=True))
        for (index, type_), row in rows.items():
            value = text.column(index)[row].as_py()
            self._misfits.setdefault(index, {})[type_] = Misfit(lines[row], value)

    def of(self, index: int) -> Misfits:
        """The first misfit of each removed type of a column."""
        return self._misfits.get(index, {})


def first_rows(column: pa.StringArray, removed: Sequence[str]) -> dict[str, int]:
    """Type to the row of the first value that is not of it; each type has one here."""
    if not removed:
        return {}
    first = column.is_valid().index(True).as_py()
    # Most text is refuted by its first value: only what that allows is searched for.
    allowed = classify(column.slice(first, 1), ALL).types
    return {type_: first_misfit(column, type_) if type_ in allowed else first for type_ in removed}


def inferred(name: str, type_: str, misfits: Misfits, *, seen: bool) -> TypeReason:
    """The reason for a type that the values decided; `seen`: whether there was any value."""
    if not seen:
        return TypeReason(name, NO_VALUE)
    if type_ == DOUBLE and INT64 in misfits:
        return _decided(name, misfits[INT64], "is not a whole number")
    if type_ != STRING or not misfits:
        return TypeReason(name, _EVERY.get(type_, "its values are text"))
    last = max(misfits.values(), key=lambda each: each.line)
    families = {_FAMILY[each] for each, misfit in misfits.items() if misfit.line == last.line}
    words = f"is not {families.pop()}" if len(families) == 1 else "is text"
    hint = next((hint for shape, hint in _HINTS if re.fullmatch(shape, last.value)), None)
    return _decided(name, last, f"{words}: {hint}" if hint else words)


def widened(name: str, promised: str, misfits: Misfits, line: int | None) -> TypeReason:
    """The reason for another type than the dataset's; `line`: of the first value that does not fit it."""
    misfit = misfits.get(promised)
    if misfit is not None:
        return _decided(name, misfit, f"is not {promised}, the dataset's type")
    return TypeReason(name, f"a value does not fit {promised}, the dataset's type", line)


def _decided(name: str, misfit: Misfit, words: str) -> TypeReason:
    return TypeReason(name, f"{shown(misfit.value)} {words}", misfit.line)
