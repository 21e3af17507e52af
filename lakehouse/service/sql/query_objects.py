"""The objects that one query may read: those of the datasets that it names.

Answers a worker's requests while the query runs, and records why a read failed, since a worker has no
keys, datasets or events. Must never read a blob that no dataset of the query holds.
"""

from collections.abc import Iterable

from journal.bucket.errors import ObjectMissing
from journal.events import Object
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.domain.errors import Refused
from lakehouse.objects.damage import ObjectDamaged
from lakehouse.objects.extents import BlocksReady, BlocksWanted, BytesReady, ReadFailed, object_url
from lakehouse.service.objects import VerifiedObjects
from projections.catalog import Dataset
from projections.fold import State
from projections.inventory import Stored

PREFETCHED = 256
"""The footers of so many objects of a dataset are fetched before DuckDB reads them."""


class QueryObjects:
    """The objects of one query. Use `urls` for each relation that it reads."""

    def __init__(self, objects: VerifiedObjects) -> None:
        self.failure: Refused | None = None
        """Why the first failed read failed."""
        objects.drop_collected()
        self._objects = objects
        self._held: list[tuple[State, Dataset, tuple[Object, ...]]] = []
        self._versions: dict[str, Stored] = {}
        """The versions of the held objects, by their blobs; made when the first is read."""
        self._indexed = 0
        """Of so many entries of `_held`."""

    def urls(self, state: State, dataset: Dataset, items: Iterable[Object]) -> tuple[str, ...]:
        """What DuckDB opens for these objects of a dataset, as it is in `state`."""
        items = tuple(items)
        self._held.append((state, dataset, items))
        versions = (state.inventory.blobs.get(item.blob) for item in items[:PREFETCHED])
        self._objects.reader.prefetch(version for version in versions if version is not None)
        return tuple(object_url(item.blob, item.size_bytes) for item in items)

    async def blocks(self, wanted: BlocksWanted) -> BlocksReady | BytesReady | ReadFailed:
        """Where these blocks are stored, once they are verified."""
        version = self._version(wanted.blob)
        if version is None:
            return self._failed(wanted, Refused("object_lost", "the query names no such object"))
        try:
            return await self._objects.reader.answer(version, wanted)
        except (ObjectMissing, ObjectDamaged) as error:
            readers = self._readers(wanted.blob)
            refused = await self._objects.refusal(version, error, readers)
            return self._failed(wanted, refused)
        except KNOWN as error:
            return self._failed(wanted, refusal(error))

    def used(self, blobs: tuple[str, ...]) -> None:
        """The query has opened these blobs."""
        self._objects.reader.use(blobs)

    def _version(self, blob: str) -> Stored | None:
        for state, _, items in self._held[self._indexed :]:
            found = (state.inventory.blobs.get(item.blob) for item in items)
            self._versions |= {version.blob: version for version in found if version is not None}
        self._indexed = len(self._held)
        return self._versions.get(blob)

    def _readers(self, blob: str) -> frozenset[str]:
        return frozenset(
            dataset.name
            for _, dataset, _ in self._held
            if any(item.blob == blob for item in dataset.objects + dataset.quarantine)
        )

    def _failed(self, wanted: BlocksWanted, refused: Refused) -> ReadFailed:
        self.failure = self.failure or refused
        return ReadFailed(wanted.number, refused.code, refused.detail)
