"""How many rows came and went between two versions of a dataset. Pure.

An object that was rewritten from another differs from it by the rows that the rewrite counted, not
by all of its rows. Must never open an object.
"""

import heapq
from collections.abc import Mapping

import msgspec

from projections.inventory import Inventory
from projections.rewrites import Rewrite

Rows = Mapping[str, int | None]
"""Blob → its number of rows, None where that is unknown."""
NEW, OLD = 1, 0


class RowChanges(msgspec.Struct, frozen=True):
    """Rows that only the later version has, and those that only the earlier one has."""

    added: int
    removed: int


class _Trail(msgspec.Struct, frozen=True):
    """How a blob is related to a version's own objects: `origins`, written from it by `rewrites`."""

    origins: frozenset[str]
    rewrites: frozenset[Rewrite] = frozenset()


def row_changes(old: Rows, new: Rows, inventory: Inventory) -> RowChanges | None:
    """The rows that came and went; None where a number that matters is unknown.

    Both versions are followed back, the last rewrite first, to the blobs that they have in common.
    Rows of objects without a common ancestor came or went as a whole. `inventory` is of a state
    not before either.
    """
    return _Comparison(old, new, inventory).result()


class _Comparison:
    def __init__(self, old: Rows, new: Rows, inventory: Inventory) -> None:
        self._rows = (old, new)
        self._inventory = inventory
        self._trails: tuple[dict[str, _Trail], dict[str, _Trail]] = tuple(
            {blob: _Trail(frozenset({blob})) for blob in side} for side in (old, new)
        )  # type: ignore[assignment]
        self._counted: tuple[set[Rewrite], set[Rewrite]] = (set(), set())
        self._written: tuple[dict[Rewrite, set[str]], dict[Rewrite, set[str]]] = ({}, {})
        """On each side, the blobs that a rewrite wrote, until they are followed back together."""
        self._later: list[tuple[int, int, tuple[str, ...], Rewrite]] = []

    def result(self) -> RowChanges | None:
        for side in (OLD, NEW):
            for blob in list(self._trails[side]):
                self._found(side, blob)
        while self._later:
            _, side, _, rewrite = heapq.heappop(self._later)
            self._follow(side, rewrite)
        return self._sum()

    def _found(self, side: int, blob: str) -> None:
        """A blob is on a side: it meets itself on the other one, or will be followed back."""
        other = self._trails[1 - side]
        if blob in other:
            self._counted[side].update(self._trails[side].pop(blob).rewrites)
            self._counted[1 - side].update(other.pop(blob).rewrites)
        elif (rewrite := self._inventory.rewrites.get(blob)) is not None:
            if rewrite not in self._written[side]:
                heapq.heappush(self._later, (-rewrite.seq, side, rewrite.of, rewrite))
            self._written[side].setdefault(rewrite, set()).add(blob)

    def _follow(self, side: int, rewrite: Rewrite) -> None:
        trails = self._trails[side]
        left = [trails.pop(blob) for blob in self._written[side].pop(rewrite) if blob in trails]
        if not left:
            return  # they have met the other side
        for before in rewrite.of:
            # It may be there itself too, beside what was written from it.
            known = [*left, trails[before]] if before in trails else left
            trails[before] = _Trail(
                frozenset().union(*(each.origins for each in known)),
                frozenset({rewrite}).union(*(each.rewrites for each in known)),
            )
            self._found(side, before)

    def _sum(self) -> RowChanges | None:
        sums = [self._whole(side) for side in (OLD, NEW)]
        removed, added = sums
        if removed is None or added is None:
            return None
        forth, back = self._counted[NEW], self._counted[OLD]
        added += sum(each.rows_added for each in forth) + sum(each.rows_removed for each in back)
        removed += sum(each.rows_removed for each in forth) + sum(each.rows_added for each in back)
        return RowChanges(added, removed)

    def _whole(self, side: int) -> int | None:
        """The rows of a side that have nothing in common with the other one."""
        counted, rows = self._counted[side], self._rows[side]
        origins: set[str] = set()
        counts: list[int | None] = []
        apart: set[Rewrite] = set()
        for blob, trail in self._trails[side].items():
            if trail.rewrites.isdisjoint(counted):
                origins |= trail.origins
            else:  # it was put together with rows that are in common
                counts.append(self._count(blob))
                apart |= trail.rewrites - counted
        counts += [rows[blob] for blob in origins]
        if None in counts:
            return None
        change = sum(each.rows_added - each.rows_removed for each in apart)
        return sum(each for each in counts if each is not None) + change

    def _count(self, blob: str) -> int | None:
        stored = self._inventory.blobs.get(blob)
        return stored.row_count if stored is not None else None
