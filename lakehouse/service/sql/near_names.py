"""Names that a user may have meant, in the refusal of a statement. Pure.

Owns the comparison of names. Must never decide whether a statement may run.
"""

import difflib
import re
from collections.abc import Iterable

import msgspec

from lakehouse.domain.errors import Refused

_MISSING = re.compile(r"Catalog Error: Table with name (\S{1,128}) does not exist!(?=\n|\Z)")
_WORD = re.compile(
    r'Parser Error: syntax error at or near "([A-Za-z_][A-Za-z0-9_]{0,127})"(?=\n|\Z)'
)
_LENGTHS_APART = 3
_MOST_COMPARED = 2_000
"""Names: comparing one costs about 2 µs, and other requests wait for it."""
_CUTOFF = 0.7


def suggested(refused: Refused, names: Iterable[str]) -> Refused:
    """`refused` with the most similar of `names`, where it says that a relation does not exist.

    Where it names a word of SQL that is one of `names` too: with how to write that name.
    """
    missing, word = _MISSING.match(refused.detail), _WORD.match(refused.detail)
    if missing is not None and (near := nearest(missing[1], names)) is not None:
        return _with_hint(refused, missing.end(), f'Did you mean "{near}"?')
    if word is not None and any(each.lower() == word[1].lower() for each in names):
        hint = f'If you meant the dataset, write "{word[1]}" in double quotes.'
        return _with_hint(refused, word.end(), hint)
    return refused


def _with_hint(refused: Refused, at: int, hint: str) -> Refused:
    detail = f"{refused.detail[:at]}\n{hint}{refused.detail[at:]}"
    return msgspec.structs.replace(refused, detail=detail)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name most similar to `name`, ignoring case; None if none is similar."""
    wanted = name.lower()
    by_folded = {
        each.lower(): each for each in names if abs(len(each) - len(name)) <= _LENGTHS_APART
    }
    by_folded.pop(wanted, None)  # an alias whose target is absent at its moment
    compared = list(by_folded)[:_MOST_COMPARED]
    found = difflib.get_close_matches(wanted, compared, n=1, cutoff=_CUTOFF)
    return by_folded[found[0]] if found else None
