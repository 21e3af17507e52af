"""Caches results of SQL. Pure: it runs nothing and reads no clock.

Objects never change and a dataset's last event identifies its version, so a cached result is known to
be current: its key has the statement, its parameters, its format, and the versions of all that it
read. Results that use random numbers or the clock are never cached.
"""

import hashlib
import re
import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping

import msgspec

from lakehouse.domain.errors import Json
from lakehouse.query.wire.messages import Reads

_DIGITS = re.compile(r"[0-9]+")
_LONGEST_TEXT = 64 * 1024
_TEXTS_BYTES = 8 * 1024 * 1024
"""What the remembered texts take in memory, of statements and of their shapes each."""
_LARGEST_SHARE = 8
"""The largest part of the cache that one result may take."""
ENTRY_BYTES = 600
"""What the cache needs for an entry beside its body or text: most results are smaller than that."""

Versions = Mapping[str, int | tuple[int, int]]
"""Relation → the number of the event that last changed it, and that of its last erasure if any."""


class CachedResult(msgspec.Struct, frozen=True, gc=False):
    """A whole result. `question`: what was asked, if on the present state; "" otherwise."""

    body: bytes
    row_count: int | None
    question: str = ""

    @property
    def size_bytes(self) -> int:
        """What it takes of the cache."""
        return len(self.body) + ENTRY_BYTES


class ResultCache:
    """Whole results, the least recently used first, and the relations that each statement reads.

    The result of a question on the present state replaces the one before it: what that read has
    changed, so it is never requested again, and under changes such results would fill the cache.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[str, CachedResult] = OrderedDict()
        self._answers: dict[str, str] = {}
        """The identity of the cached result of each question."""
        self._statements = _Remembered()
        self._shapes = _Remembered()

    @property
    def largest_bytes(self) -> int:
        """The size of the largest result that is cached."""
        return self._max_bytes // _LARGEST_SHARE

    def reads(self, sql: str) -> Reads | None:
        """The relations that a statement read before; None when it is not known."""
        return self._statements.get(sql)

    def likely(self, sql: str) -> Reads | None:
        """What statements with other numbers read: only a guess."""
        return self._shapes.get(_shape(sql)) if len(sql) <= _LONGEST_TEXT else None

    def learn(self, sql: str, reads: Reads) -> None:
        """Remember what a statement reads: it depends on its text alone."""
        if len(sql) > _LONGEST_TEXT:
            return
        self._statements.put(sql, reads)
        self._shapes.put(_shape(sql), reads)

    def get(self, identity: str) -> CachedResult | None:
        """The cached result of that identity, or None."""
        kept = self._kept.get(identity)
        if kept is not None:
            self._kept.move_to_end(identity)
        return kept

    def clear(self) -> None:
        """Forget every result; what statements read stays known."""
        self._kept.clear()
        self._answers.clear()
        self._size_bytes = 0

    def put(self, identity: str, kept: CachedResult) -> None:
        """Cache a result, and evict others for it."""
        if len(kept.body) > self.largest_bytes or not self._max_bytes:
            return
        for outdated in (identity, self._answers.get(kept.question, "")):
            if outdated in self._kept:
                self._drop(outdated)
        self._kept[identity] = kept
        self._size_bytes += kept.size_bytes
        if kept.question:
            self._answers[kept.question] = identity
        while self._size_bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, identity: str) -> None:
        dropped = self._kept.pop(identity)
        self._size_bytes -= dropped.size_bytes
        if self._answers.get(dropped.question) == identity:
            del self._answers[dropped.question]


class _Remembered:
    """What texts read, at most `_TEXTS_BYTES` of texts; the first to be put is forgotten first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[Reads, int]] = OrderedDict()
        self._size_bytes = 0

    def get(self, text: str) -> Reads | None:
        entry = self._entries.get(text)
        return entry[0] if entry is not None else None

    def put(self, text: str, reads: Reads) -> None:
        _, size_bytes = self._entries.pop(text, (None, 0))
        added_bytes = sys.getsizeof(text) + ENTRY_BYTES
        self._entries[text] = (reads, added_bytes)
        self._size_bytes += added_bytes - size_bytes
        while self._size_bytes > _TEXTS_BYTES:
            _, (_, size_bytes) = self._entries.popitem(last=False)
            self._size_bytes -= size_bytes


def _shape(sql: str) -> str:
    return _DIGITS.sub("0", sql)


def identity_of(
    asked: Iterable[Json],
    params: list[Json | float] | dict[str, Json | float] | None,
    versions: Versions | None,
) -> str:
    """Hex SHA-256 of all that a result depends on. The same for equal queries on any node.

    Without `versions`: of what is asked, whatever is there.
    """
    detail = msgspec.json.encode([*asked, params, versions], order="deterministic")
    return hashlib.sha256(detail).hexdigest()
