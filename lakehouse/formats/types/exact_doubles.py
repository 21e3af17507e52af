"""Exact doubles: which written numbers a double keeps. Pure.

A double keeps a number when the shortest decimal that reads back as the same double has the
number's value. A number of at most 15 significant digits always is such a decimal, away from the
ends of the range of doubles; of others the shortest decimal is asked for.
"""

import pyarrow as pa
import pyarrow.compute as pc

NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
"""How a number is written that a double may keep; `-0`, which has this shape, is not such a one."""
NEGATIVE_ZERO = "-0"

SURE_INTEGER = 10**15
"""A double keeps every integer that is closer to 0."""

_SURE_LENGTH = 15
_SURE_MIN, _SURE_END = 1e-307, 1e307
_FEW = 64
"""For fewer values Arrow's calls take longer than their work."""
_ZERO = r"^-?[0.]+(?:[eE].*)?$"
_BESIDE_DIGITS = r"^-?[0.]*|[eE].*$|\."


def all_exact(texts: pa.StringArray, numbers: pa.FloatingPointArray) -> bool:
    """Whether each number, which is the nearest to its text, has the text's value.

    The texts have the shape `NUMBER`; nulls are in the same places, and there is a value.
    """
    if len(texts) <= _FEW and all(map(_is_sure, texts.to_pylist(), numbers.to_pylist())):
        return True
    doubtful = _doubtful(texts, numbers)
    if doubtful is None:
        return True
    return bool(exact(texts.filter(doubtful), numbers.filter(doubtful)).false_count == 0)


def exact(texts: pa.StringArray, numbers: pa.FloatingPointArray) -> pa.BooleanArray:
    """As `all_exact`, for each value; null for null."""
    shortest = pc.cast(numbers, pa.string())
    same = pc.equal(texts, shortest)
    if same.false_count:
        # Two numbers of the same digits that lie so close have the same exponent too.
        same = pc.or_(same, pc.equal(_digits(texts), _digits(shortest)))
    return pc.and_(same, pc.is_finite(numbers))


def _is_sure(text: str | None, number: float | None) -> bool:
    if text is None or number is None:
        return text is None and number is None
    if number == 0:
        return not text.strip("-.0")
    return len(text) <= _SURE_LENGTH and _SURE_MIN <= abs(number) < _SURE_END


def _doubtful(texts: pa.StringArray, numbers: pa.FloatingPointArray) -> pa.BooleanArray | None:
    """Which values have a second check to pass; None where none has."""
    sizes = pc.abs(numbers)
    found = pc.min_max(sizes).as_py()
    masks = []
    if pc.max(pc.binary_length(texts)).as_py() > _SURE_LENGTH:
        masks.append(pc.greater(pc.binary_length(texts), _SURE_LENGTH))
    if found["max"] >= _SURE_END:
        masks.append(pc.greater_equal(sizes, _SURE_END))
    if found["min"] < _SURE_MIN:
        is_zero = pc.match_substring_regex(texts, _ZERO)
        masks.append(pc.and_not(pc.less(sizes, _SURE_MIN), is_zero))
    if not masks:
        return None
    doubtful = masks[0]
    for mask in masks[1:]:
        doubtful = pc.or_(doubtful, mask)
    return doubtful


def _digits(texts: pa.StringArray) -> pa.StringArray:
    """The significant digits: without sign, point, exponent and zeros at the ends."""
    return pc.utf8_rtrim(pc.replace_substring_regex(texts, _BESIDE_DIGITS, ""), "0")
