"""An overlay: the changes to a persistent map while events are folded into it. Pure."""

from collections.abc import Iterable
from typing import Generic, TypeVar, cast

from immutables import Map

K = TypeVar("K")
V = TypeVar("V")

_GONE = object()
_UNTOUCHED = object()


class Overlay(Generic[K, V]):
    """Changes of a map: collected in a dict, applied to the map once, at the end.

    A change of a persistent map copies its path in the tree; a key that a thousand events move
    costs that once here. The map below is never touched.
    """

    __slots__ = ("_below", "_changes")

    def __init__(self, below: Map[K, V]) -> None:
        self._below = below
        self._changes: dict[K, object] = {}

    def find(self, key: K) -> V | None:
        """The key's value now, None where it has none."""
        value = self._changes.get(key, _UNTOUCHED)
        if value is _UNTOUCHED:
            return self._below.get(key)
        return None if value is _GONE else cast("V", value)

    def put(self, key: K, value: V) -> None:
        """Give the key this value."""
        self._changes[key] = value

    def put_all(self, keys: Iterable[K], value: V) -> None:
        """Give each key this value."""
        self._changes.update(dict.fromkeys(keys, value))

    def drop(self, key: K) -> None:
        """Remove the key, if it exists."""
        if self._below:
            self._changes[key] = _GONE
        else:
            self._changes.pop(key, None)

    def drop_all(self, keys: Iterable[K]) -> None:
        """Remove each of the keys that exists."""
        for key in keys:
            self.drop(key)

    def is_empty(self) -> bool:
        """Whether the map has no key now."""
        if any(value is not _GONE for value in self._changes.values()):
            return False
        return all(key in self._changes for key in self._below)

    def items(self) -> list[tuple[K, V]]:
        """All pairs as they are now, in no order."""
        below = [(key, value) for key, value in self._below.items() if key not in self._changes]
        changed = [(key, cast("V", v)) for key, v in self._changes.items() if v is not _GONE]
        return below + changed

    def finish(self) -> Map[K, V]:
        """The map with all changes; the overlay must not be used again."""
        if not self._changes:
            return self._below
        map_ = self._below.mutate()
        for key, value in self._changes.items():
            if value is _GONE:
                map_.pop(key, None)
            else:
                map_[key] = cast("V", value)
        return map_.finish()
