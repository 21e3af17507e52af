"""The literals of a condition in SQL: what may hold personal data, and so must not be kept anywhere. Pure.

Owns their recognition, and their search in other texts. Errs towards finding too many: must never let
a text pass that holds a literal in other case or within a longer word.
"""

import re
from collections.abc import Iterable

_LITERAL = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|[eE]'(?P<escaped>(?:[^'\\]|\\.|'')*)'"
    r"|[xX]'(?P<hex>[0-9A-Fa-f]*)'"
    r"|\$(?P<tag>[A-Za-z_]*)\$(?P<dollar>.*?)(?:\$(?P=tag)\$|\Z)"
    r"|'(?P<text>(?:[^']|'')*)'"
    r'|"(?:[^"]|"")*"'
    r"|[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*"
    r"|(?P<number>[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)",
    re.DOTALL,
)
"""What begins first is what it is: a quote in a comment, or a digit in a name, begins no literal. What has no
end goes on to the end: to search for it again from each of many beginnings would take quadratic time."""
_ESCAPE = re.compile(
    r"\\(?:x(?P<hex>[0-9A-Fa-f]{1,2})|(?P<octal>[0-7]{1,3})|(?P<other>.))", re.DOTALL
)
"""An escape of a text such as E'a\\x62c', and of a blob written as text."""
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_JOIN = re.compile(r"[\s|()]*")
"""What stands between texts that are one: `'a' || 'b'`, and texts on several lines."""
_LIKE = re.compile(r"[%_]+")
_SHORT = 3
"""A literal of fewer characters counts only as a whole word: within others it would be everywhere."""
MASK = "…"


def literals(condition: str) -> frozenset[str]:
    """The texts and numbers in a condition, in lower case. Of a LIKE pattern also its parts.

    Escapes are resolved; texts that the condition puts together are also there as one.
    """
    found: set[str] = set()
    run: list[str] = []
    end = -1
    for match in _LITERAL.finditer(condition):
        if match["number"] is not None:
            found.add(match["number"].replace("_", ""))
        text = _text(match)
        if text is None:
            continue
        if end >= 0 and _JOIN.fullmatch(condition, end, match.start()) is None:
            found |= _with_parts("".join(run))
            run = []
        run.append(text)
        end = match.end()
        found |= _with_parts(text) | _with_parts(_unescaped(text))
    found |= _with_parts("".join(run))
    return frozenset(text.strip().casefold() for text in found if text.strip())


def _with_parts(text: str) -> set[str]:
    """A text, and what it consists of if it is a pattern of LIKE."""
    return {text, *_LIKE.split(text)}


def _text(match: re.Match[str]) -> str | None:
    """The text that a literal stands for; None for what is no text."""
    if match["text"] is not None:
        return match["text"].replace("''", "'")
    if match["escaped"] is not None:
        return _unescaped(match["escaped"].replace("''", "'"))
    if match["hex"] is not None:
        return bytes.fromhex(match["hex"][: len(match["hex"]) & ~1]).decode(errors="replace")
    return match["dollar"]


def _unescaped(text: str) -> str:
    data, end = bytearray(), 0
    for found in _ESCAPE.finditer(text):
        data += text[end : found.start()].encode() + _character(found)
        end = found.end()
    return (data + text[end:].encode()).decode(errors="replace")


def _character(escape: re.Match[str]) -> bytes:
    """What an escape stands for: a byte, or a character."""
    if escape["hex"] is not None:
        return bytes([int(escape["hex"], 16)])
    if escape["octal"] is not None:
        return bytes([int(escape["octal"], 8) & 0xFF])
    return _CONTROLS.get(escape["other"], escape["other"]).encode()


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
