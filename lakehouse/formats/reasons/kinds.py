"""Why a column of JSON values has its type: by the kinds of its values, and of numbers by their digits.

Pure; it decides no type.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.api.files.type_reasons import TypeReason
from lakehouse.formats.ndjson.columns import Kind
from lakehouse.formats.ndjson.lines import Line
from lakehouse.formats.reasons.values import NO_VALUE, Misfit, Misfits, first_rows
from lakehouse.formats.reasons.values import inferred as inferred_of_text
from lakehouse.formats.types.names import DATE, DOUBLE, INT64, TIMESTAMP, ZONED

_ONE: dict[Kind, str] = {
    "bool": "true or false",
    "number": "a number",
    "string": "a string",
    "nested": "an array or object",
}
_NUMBERS = (INT64, DOUBLE)
_OF_STRINGS = {
    DATE: ("date", "dates"),
    TIMESTAMP: ("timestamp", "times"),
    ZONED: ("timestamptz", "times"),
}
"""What strings can be declared to be: as the parameter `types` has it, and the noun."""


class KindEvidence:
    """By the key of a column, the line of its first value of each kind, and its numbers' misfits."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[Kind, int]] = {}
        self._misfits: dict[str, dict[str, Misfit]] = {}

    def add(
        self,
        key: str,
        rows: Sequence[Line],
        texts: pa.StringArray,
        kinds: pa.StringArray,
        before: Sequence[str],
        after: Sequence[str],
    ) -> None:
        """Take the next block of the file: the column's values, and its types before and after them."""
        known = self._kinds.setdefault(key, {})
        for kind in pc.unique(kinds).to_pylist():
            if kind is not None and kind not in known:
                known[kind] = rows[pc.index(kinds, kind).as_py()].line
        if known.keys() != {"number"}:
            return
        removed = [type_ for type_ in before if type_ in _NUMBERS and type_ not in after]
        for type_, row in first_rows(texts, removed).items():
            misfit = Misfit(rows[row].line, texts[row].as_py())
            self._misfits.setdefault(key, {})[type_] = misfit

    def misfits(self, key: str) -> Misfits:
        """The first misfit of each type that numbers have removed."""
        return self._misfits.get(key, {})

    def inferred(self, key: str, name: str, type_: str, possible: Sequence[str]) -> TypeReason:
        """The reason for a type that the values decided; `possible`: what else they could be read as."""
        known = self._kinds.get(key, {})
        match tuple(known):
            case ():
                return TypeReason(name, NO_VALUE)
            case ("bool",) | ("number",):
                return inferred_of_text(name, type_, self.misfits(key), seen=True)
            case ("string",):
                declared, noun = _OF_STRINGS.get(possible[0], ("", ""))
                hint = f"; with types={name}:{declared} they become {noun}" if declared else ""
                return TypeReason(name, f"its values are strings{hint}")
            case ("nested",):
                return TypeReason(name, "its values are arrays or objects, kept as JSON text")
        first, second = sorted(known, key=lambda kind: known[kind])[:2]
        words = f"{_ONE[second]}; a value before is {_ONE[first]}"
        return TypeReason(name, words, known[second])
