"""The literals of a condition in SQL: what may hold personal data, and so must not be kept anywhere. Pure.

Owns their recognition, and their search in other texts. Errs towards finding too many: must never let
a text pass that holds a literal in other case or within a longer word.
"""

import re
from collections.abc import Iterable

_LITERAL = re.compile(
    r"--[^\n]*|/\*.*?\*/"
    r"|\$(?P<tag>[A-Za-z_]*)\$(?P<dollar>.*?)\$(?P=tag)\$"
    r"|'(?P<text>(?:[^']|'')*)'"
    r'|"(?:[^"]|"")*"'
    r"|[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*"
    r"|(?P<number>[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)",
    re.DOTALL,
)
"""What begins first is what it is: a quote in a comment, or a digit in a name, begins no literal."""
_LIKE = re.compile(r"[%_]+")
_SHORT = 3
"""A literal of fewer characters counts only as a whole word: within others it would be everywhere."""
MASK = "…"


def literals(condition: str) -> frozenset[str]:
    """The texts and numbers in a condition, in lower case. Of a LIKE pattern also its parts."""
    found: set[str] = set()
    for match in _LITERAL.finditer(condition):
        if match["text"] is not None:
            text = match["text"].replace("''", "'")
            found |= {text, *_LIKE.split(text)}
        elif match["dollar"] is not None:
            found.add(match["dollar"])
        elif match["number"] is not None:
            found.add(match["number"].replace("_", ""))
    return frozenset(text.strip().casefold() for text in found if text.strip())


def holds_one(text: str, among: Iterable[str]) -> bool:
    """Whether a text holds one of these literals, in any case."""
    folded = text.casefold()
    return any(each in folded and _counts(folded, each) for each in among)


def masked(text: str, among: Iterable[str]) -> str:
    """The text with each of these literals masked."""
    for each in sorted(among, key=len, reverse=True):
        text = re.sub(re.escape(each), MASK, text, flags=re.IGNORECASE)
    return text


def _counts(text: str, literal: str) -> bool:
    """Whether it is there as a word, where it is too short or too common within others."""
    if len(literal) >= _SHORT and not literal.replace(".", "").isdigit():
        return True
    return re.search(rf"(?<!\w){re.escape(literal)}(?!\w)", text) is not None
