"""The uploads behind rows of a dataset, through the statements that datasets were derived by.

Owns the walk from version to version. Must never decide which rows fulfil a condition.
"""

from collections.abc import Mapping

import msgspec

from journal.events import Derivation, Object
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.provenance.origins import Origin, Part, parts_of
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State

MAX_VERSIONS = 1_000
"""How many versions of datasets are followed: each costs its own history."""

Range = tuple[int, int]
"""Rows of an object: from the first, counted from 0, to the last, exclusive."""
Rows = Mapping[str, tuple[Range, ...]]
"""Rows by the blobs of their objects."""


class Upload(msgspec.Struct, frozen=True):
    """A change that brought rows into the lake, and which rows of which objects, by their keys."""

    origin: Origin
    objects: dict[str, tuple[Range, ...]]


class Lineage:
    """Collects the uploads behind rows."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._uploads: dict[tuple[int, str], Upload] = {}
        self._seen: set[tuple[str, int]] = set()

    async def add(self, state: State, dataset: Dataset, rows: Rows) -> None:
        """Add what is behind these rows of a dataset, which is as it is in `state`.

        Raises RefusedError `too_large` where that leads through too many versions.
        """
        waiting = await self._own(state, dataset, rows)
        while waiting:
            name, seq = waiting.pop()
            if (name, seq) in self._seen:
                continue
            self._seen.add((name, seq))
            if len(self._seen) > MAX_VERSIONS:
                detail = f"the rows come through more than {MAX_VERSIONS:,} versions of datasets"
                raise RefusedError(Refused("too_large", detail))
            then = await self._node.past.state_at(seq)
            read = catalog.find(then.catalog, name)
            if read is not None:
                waiting += await self._own(then, read, all_rows(read))

    def uploads(self) -> list[Upload]:
        """The uploads, in the order of their events."""
        return [self._uploads[place] for place in sorted(self._uploads)]

    async def _own(self, state: State, dataset: Dataset, rows: Rows) -> list[tuple[str, int]]:
        """Add the uploads among a dataset's own changes; what its statements read is left to do."""
        found = await parts_of(self._node, state, dataset)
        derivations: dict[int, Derivation] = {}
        for item in dataset.objects:
            ranges = rows.get(item.blob)
            for part in found.get(item.blob, ()) if ranges is not None else ():
                own = _within(part, ranges or ())
                if ranges and not own:
                    continue
                if part.origin.derivation is None:
                    self._add(part.origin, item, own)
                else:
                    derivations[id(part.origin.derivation)] = part.origin.derivation
        return [
            (read.name.lower(), read.seq)
            for each in derivations.values()
            for read in each.reads
            if read.dataset_id is not None
        ]

    def _add(self, origin: Origin, item: Object, ranges: tuple[Range, ...]) -> None:
        # A change set can bring several files.
        place = (origin.event.seq, origin.source.sha256 if origin.source else "")
        upload = self._uploads.setdefault(place, Upload(origin, {}))
        upload.objects[item.key] = merged(upload.objects.get(item.key, ()) + ranges)


def all_rows(dataset: Dataset) -> Rows:
    """Every row of a dataset; none of an object whose number of rows is not known."""
    return {item.blob: ((0, item.row_count),) if item.row_count else () for item in dataset.objects}


def _within(part: Part, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """The rows that belong to the part."""
    cut = ((max(start, part.start), min(stop, part.stop)) for start, stop in ranges)
    return tuple((start, stop) for start, stop in cut if start < stop)


def merged(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """The same rows as ranges in order that neither overlap nor touch."""
    found: list[Range] = []
    for start, stop in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return tuple(found)
