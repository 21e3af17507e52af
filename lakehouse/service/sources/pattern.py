"""Which keys below a source's directory or prefix a pattern matches. Pure.

A pattern is matched part by part between slashes, so that no pattern takes long for any key.
"""

import fnmatch
import re

from lakehouse.domain.errors import Refused, RefusedError

ANY_DEPTH = "**"
MAX_CHARACTERS = 512
MAX_PARTS = 32


class Pattern:
    """`*`, `?` and `[…]` match within a part, `**` any number of whole parts.

    None of them matches a part that begins with a dot, unless the pattern's part does too: such names
    are those of files that are still written, and of directories of tools.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = tuple(_part(each) for each in text.split("/"))

    def matches(self, key: str) -> bool:
        """Whether the pattern matches the whole key."""
        return len(self._parts) in self._reached(key.split("/"))

    def may_match_below(self, directory: str) -> bool:
        """Whether a key below this directory can match; "" is the directory of the source."""
        reached = self._reached(directory.split("/")) if directory else self._skipped({0})
        return any(at < len(self._parts) for at in reached)

    def _reached(self, names: list[str]) -> set[int]:
        """How many parts of the pattern can have been matched by all of these names."""
        reached = self._skipped({0})
        for name in names:
            reached = self._skipped(self._step(reached, name))
            if not reached:
                break
        return reached

    def _step(self, reached: set[int], name: str) -> set[int]:
        found: set[int] = set()
        for at in reached:
            if at == len(self._parts):
                continue
            part = self._parts[at]
            if part is None:
                found |= {at} if not name.startswith(".") else set()
            elif part.match(name):
                found.add(at + 1)
        return found

    def _skipped(self, reached: set[int]) -> set[int]:
        """With what is reached when each `**` matches nothing more."""
        found = set(reached)
        for at in range(len(self._parts)):
            if at in found and self._parts[at] is None:
                found.add(at + 1)
        return found


def checked_pattern(text: str) -> Pattern:
    """The pattern. Raises RefusedError `invalid_request` for what can match no key."""
    parts = text.split("/")
    if not text or len(text) > MAX_CHARACTERS or len(parts) > MAX_PARTS:
        detail = f"a pattern has 1 to {MAX_CHARACTERS} characters and up to {MAX_PARTS} parts"
        raise RefusedError(Refused("invalid_request", detail))
    if any(part in ("", ".", "..") for part in parts) or not text.isprintable():
        detail = (
            f"pattern {text[:128]!r} is not relative to the source: it has parts like **, *.csv"
        )
        raise RefusedError(Refused("invalid_request", detail))
    if any(ANY_DEPTH in part and part != ANY_DEPTH for part in parts):
        detail = f"pattern {text[:128]!r}: ** is a part of its own, as in **/*.csv"
        raise RefusedError(Refused("invalid_request", detail))
    if parts[-1] == ANY_DEPTH:
        detail = f"pattern {text[:128]!r}: name files after the **, as in **/*"
        raise RefusedError(Refused("invalid_request", detail))
    return Pattern(text)


def _part(text: str) -> re.Pattern[str] | None:
    """One part; None for `**`."""
    if text == ANY_DEPTH:
        return None
    hidden = "" if text.startswith(".") else r"(?!\.)"
    return re.compile(hidden + fnmatch.translate(text))
