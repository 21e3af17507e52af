"""Whether the beginning of a text is the beginning of JSON. Pure; it reads no value."""

import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null'
)
_CUT_OFF = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\.)*\\?|-?[0-9.eE+-]*'
    r"|t(?:r(?:ue?)?)?|f(?:a(?:l(?:se?)?)?)?|n(?:u(?:ll?)?)?"
)
_CLOSES = {"[": "]", "{": "}"}


class _Scanner:
    """Follows the grammar from one token to the next; what may come is a set of kinds of tokens."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._expected = frozenset("[{")
        self._last = ""

    def take(self, kind: str) -> bool:
        """Whether a token is allowed here: its character, `"` for a string, `1` for another scalar."""
        if kind not in self._expected:
            return False
        if kind in _CLOSES:
            self._open.append(kind)
            self._expected = frozenset('"}') if kind == "{" else frozenset('"1[{]')
        elif kind in ",:":
            self._expected = frozenset('"') if self._key_follows(kind) else frozenset('"1[{')
        elif self._is_key(kind):
            self._expected = frozenset(":")
        else:
            if kind in "]}":
                self._open.pop()
            self._expected = self._after_value()
        self._last = kind
        return True

    def is_finished(self) -> bool:
        """Whether every array and object is closed."""
        return not self._open

    def _key_follows(self, kind: str) -> bool:
        return kind == "," and self._open[-1] == "{"

    def _is_key(self, kind: str) -> bool:
        return kind == '"' and self._open[-1] == "{" and self._last in "{,"

    def _after_value(self) -> frozenset[str]:
        # Behind a whole document another may follow: then the text is NDJSON.
        return frozenset(f",{_CLOSES[self._open[-1]]}" if self._open else "[{")


def is_json(text: str, *, whole: bool) -> bool:
    """Whether `text` is JSON or NDJSON of arrays and objects, or the beginning of such a text.

    `whole` says that nothing follows: then only a text that begins as tables of JSON do may be
    unfinished. Without a second token nothing is known yet.
    """
    scanner, kinds = _Scanner(), ""
    for kind in _kinds(text, whole=whole):
        if not scanner.take(kind):
            return False
        kinds += kind if len(kinds) < 2 else ""
    finished = scanner.is_finished() or not whole or kinds in ("[{", "[[", '{"')
    return len(kinds) > 1 and finished


def _kinds(text: str, *, whole: bool) -> Iterator[str]:
    """The kind of each token; `?` for what is none. A last one that is cut off is left out."""
    position = 0
    while (position := _skip_spaces(text, position)) < len(text):
        character = text[position]
        scalar = _SCALAR.match(text, position)
        if not whole and _CUT_OFF.fullmatch(text, position):
            return
        if scalar is not None:
            position = scalar.end()
            yield '"' if character == '"' else "1"
        else:
            position += 1
            yield character if character in "[]{},:" else "?"


def _skip_spaces(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
