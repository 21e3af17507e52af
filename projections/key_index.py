"""An index of the keys of one inventory: their order, and what each folder holds. Pure.

Owns nothing that a state does not say: it is made from a state and moved to a later one. Must never be part
of a state: replaying does not need it.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter

import msgspec

from projections import inventory
from projections.inventory import Inventory, Stored

_ONE_BY_ONE = 64
"""Up to so many changed keys are moved in the sorted list singly; for more it is sorted again."""
_AFTER_SLASH = chr(ord("/") + 1)


class Entry(msgspec.Struct, frozen=True):
    """A key, or all keys of a folder. `name` follows the prefix; `newest`: the last version among them."""

    name: str
    objects: int
    size_bytes: int
    newest: Stored


class _Totals:
    """What a folder holds: `objects` at any depth, `keys` and `folders` directly in it."""

    __slots__ = ("folders", "keys", "newest", "objects", "size_bytes")

    def __init__(self) -> None:
        self.objects = 0
        self.size_bytes = 0
        self.keys = 0
        self.folders = 0
        self.newest: Stored | None = None
        """None where it has to be found again: the newest version was removed."""

    def add(self, version: Stored) -> None:
        is_known = self.objects == 0 or self.newest is not None
        if is_known and (self.newest is None or version.seq >= self.newest.seq):
            self.newest = version
        self.objects += 1
        self.size_bytes += version.size_bytes

    def add_all(self, inner: "_Totals") -> None:
        """Add those of a folder in this one; both know their newest versions."""
        if inner.newest is not None and (
            self.newest is None or inner.newest.seq >= self.newest.seq
        ):
            self.newest = inner.newest
        self.objects += inner.objects
        self.size_bytes += inner.size_bytes

    def remove(self, version: Stored) -> None:
        self.objects -= 1
        self.size_bytes -= version.size_bytes
        if self.newest is not None and self.newest.blob == version.blob:
            self.newest = None


class KeyIndex:
    """The keys of an inventory that name a version, in byte order, and the totals of their folders."""

    def __init__(self, of: Inventory) -> None:
        self._inventory = of
        found = (of.blobs.get(blob) for blob in of.keys.values())
        # The order of code points is that of the bytes of UTF-8.
        versions = sorted((each for each in found if each is not None), key=attrgetter("key"))
        self._keys = [each.key for each in versions]
        self._folders = {"": _Totals()}
        for version in versions:
            totals = self._opened(version.key[: version.key.rfind("/") + 1])
            totals.keys += 1
            totals.add(version)
        # A folder's path is longer than that of the one it lies in.
        for path in sorted(self._folders, key=len, reverse=True):
            if path:
                self._folders[_above(path)].add_all(self._folders[path])

    def move(self, to: Inventory, touched: Iterable[str]) -> None:
        """Follow the inventory to a later one, of which `touched` has every key that has changed."""
        added, removed = list[str](), set[str]()
        for key in set(touched):
            before, after = inventory.current(self._inventory, key), inventory.current(to, key)
            if before == after:
                continue
            # The new version first: it is then the newest, and none has to be found again.
            if after is not None:
                self._add(after)
            if before is not None:
                self._remove(before)
            if before is None:
                added.append(key)
            elif after is None:
                removed.add(key)
        self._inventory = to
        self._reorder(added, removed)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """The keys with `prefix` that sort after `after`, in order. Costs what is taken of them."""
        at = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after) if after else 0)
        while at < len(self._keys) and self._keys[at].startswith(prefix):
            yield self._keys[at]
            at += 1

    def has(self, key: str) -> bool:
        """Whether the key names a version."""
        return inventory.current(self._inventory, key) is not None

    def folder(self, prefix: str, skip: int, limit: int) -> tuple[list[Entry], int]:
        """A part of what is directly below a prefix, and how many entries there are.

        The prefix is empty or ends with `/`; another one has none. Costs the entries up to the part;
        in a folder without folders, the part alone.
        """
        totals = self._folders.get(prefix)
        if totals is None:
            return [], 0
        first = bisect_left(self._keys, prefix)
        if totals.folders:
            names = [*islice(self.names(prefix), skip, skip + limit)]
        else:
            end = min(skip + limit, totals.keys)
            names = [key[len(prefix) :] for key in self._keys[first + skip : first + end]]
        entries = [self._entry(prefix, name) for name in names]
        return entries, totals.keys + totals.folders

    def names(self, prefix: str, beginning: str = "") -> Iterator[str]:
        """The names directly below a prefix that begin so, in order; a folder is passed in one step."""
        wanted = prefix + beginning
        at = bisect_left(self._keys, wanted)
        while at < len(self._keys) and self._keys[at].startswith(wanted):
            folder, slash, _ = self._keys[at][len(prefix) :].partition("/")
            at = bisect_left(self._keys, prefix + folder + _AFTER_SLASH, at) if slash else at + 1
            yield folder + slash

    def entries(self, prefix: str, beginning: str, *, exact: bool = False) -> list[Entry]:
        """What is directly below a prefix and begins so; `exact`: is named so. The folders with their `/`."""
        if not exact:
            return [self._entry(prefix, name) for name in self.names(prefix, beginning)]
        path = prefix + beginning
        known = path in self._folders if path.endswith("/") else self.has(path)
        return [self._entry(prefix, beginning)] if known else []

    def _entry(self, prefix: str, name: str) -> Entry:
        path = prefix + name
        if not name.endswith("/"):
            version = self._version(path)
            return Entry(name, 1, version.size_bytes, version)
        totals = self._folders[path]
        if totals.newest is None:
            totals.newest = max(map(self._version, self.keys(path)), key=lambda each: each.seq)
        return Entry(name, totals.objects, totals.size_bytes, totals.newest)

    def _version(self, key: str) -> Stored:
        return self._inventory.blobs[self._inventory.keys[key]]

    def _opened(self, path: str) -> _Totals:
        """The totals of a folder, which is added to those that it lies in if it is new."""
        totals = self._folders.get(path)
        if totals is None:
            totals = self._folders[path] = _Totals()
            self._opened(_above(path)).folders += 1
        return totals

    def _add(self, version: Stored) -> None:
        path = version.key[: version.key.rfind("/") + 1]
        self._opened(path).keys += 1
        for each in _folders_of(version.key):
            self._folders[each].add(version)

    def _remove(self, version: Stored) -> None:
        path = version.key[: version.key.rfind("/") + 1]
        self._folders[path].keys -= 1
        for each in _folders_of(version.key):
            totals = self._folders[each]
            totals.remove(version)
            if totals.objects == 0 and each:
                del self._folders[each]
                # That one has as few objects and is gone as well, unless it is the first that stays.
                if above := self._folders.get(_above(each)):
                    above.folders -= 1

    def _reorder(self, added: list[str], removed: set[str]) -> None:
        if len(added) + len(removed) > _ONE_BY_ONE:
            self._keys = [key for key in self._keys if key not in removed]
            self._keys.extend(added)
            self._keys.sort()
            return
        for key in removed:
            del self._keys[bisect_left(self._keys, key)]
        for key in added:
            insort(self._keys, key)


def _above(path: str) -> str:
    """The folder that a folder lies in."""
    return path[: path.rfind("/", 0, -1) + 1]


def _folders_of(key: str) -> list[str]:
    """The prefixes that end with `/` which a key lies below, the empty one first."""
    found, at = [""], key.find("/")
    while at >= 0:
        found.append(key[: at + 1])
        at = key.find("/", at + 1)
    return found
