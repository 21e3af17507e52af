"""Caches results of SQL. Pure: it runs nothing and reads no clock.

Objects never change and a dataset's last event identifies its version, so a cached result is known to
be current: its key has the statement, its parameters, its format, and the versions of all that it
read. Results that use random numbers or the clock are never cached.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from lakehouse.domain.errors import Json
from lakehouse.query.messages import Reads

T = TypeVar("T")
_DIGITS = re.compile(r"[0-9]+")
_PLANS = 4_096
_LONGEST_TEXT = 64 * 1024
_LARGEST_SHARE = 8
"""The largest part of the cache that one result may take."""
ENTRY_BYTES = 600
"""What the cache needs for a result beside its body: most results are smaller than that."""

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
    changed, so nobody asks for it again, and under changes such results would fill the cache.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[str, CachedResult] = OrderedDict()
        self._answers: dict[str, str] = {}
        """The identity of the cached result of each question."""
        self._plans: OrderedDict[str, Reads] = OrderedDict()
        self._shapes: OrderedDict[str, Reads] = OrderedDict()

    @property
    def largest_bytes(self) -> int:
        """The size of the largest result that is cached."""
        return self._max_bytes // _LARGEST_SHARE

    def reads(self, sql: str) -> Reads | None:
        """The relations that a statement read before; None when it is not known."""
        return self._plans.get(sql)

    def likely(self, sql: str) -> Reads | None:
        """What statements with other numbers read: only a guess."""
        return self._shapes.get(_shape(sql))

    def learn(self, sql: str, reads: Reads) -> None:
        """Remember what a statement reads: it depends on its text alone."""
        if len(sql) > _LONGEST_TEXT:
            return
        _remember(self._plans, sql, reads)
        _remember(self._shapes, _shape(sql), reads)

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


def _shape(sql: str) -> str:
    return _DIGITS.sub("0", sql)


def _remember(among: OrderedDict[str, T], key: str, value: T) -> None:
    among[key] = value
    while len(among) > _PLANS:
        among.popitem(last=False)


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
