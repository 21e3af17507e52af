"""A node's objects as verified bytes, and the refusals when their bytes are absent or damaged.

Joins the reader of objects to the state that names them. Must never answer with bytes that are not
those of the journal, nor with bytes that were collected.
"""

from collections.abc import AsyncIterator

from journal.bucket.errors import ObjectMissing
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.objects.damage import ObjectDamaged
from lakehouse.objects.extents import Extent
from lakehouse.objects.object_reader import ObjectReader
from lakehouse.service import snapshot
from projections import inventory
from projections.fold import State
from projections.inventory import Stored

HELD_BYTES = 8 * 1024 * 1024
"""What is no larger is verified whole before its first byte is handed out."""
NAMED_DATASETS = 100


class VerifiedObjects:
    """The objects that one node's journal names."""

    def __init__(self, node: Node, reader: ObjectReader) -> None:
        self.reader = reader
        self._node = node
        self._removals = node.state.inventory.removals

    async def pieces(
        self, version: Stored, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """A version's bytes, opened: what can be wrong with a small object is known on return.

        Raises RefusedError, also midway: 410 `objects_collected` naming the event, 500 `object_lost`
        and `object_damaged`; BucketError.
        """
        self.drop_collected()
        stream = self._translated(version, self.reader.stream(version, start, length))
        size_bytes = version.size_bytes - start if length is None else length
        held: list[bytes] = []
        async for piece in stream:
            held.append(piece)
            if size_bytes > HELD_BYTES:
                break
        return _joined(held, stream)

    async def file(self, version: Stored) -> Extent | None:
        """A local bucket's own file of a version, verified; see ObjectReader. Raises as `pieces` does."""
        self.drop_collected()
        try:
            return await self.reader.file(version)
        except (ObjectMissing, ObjectDamaged) as error:
            raise RefusedError(await self.refusal(version, error)) from error

    async def read(self, blob: str, start: int, length: int) -> bytes:
        """A part of a blob that the present state names. Raises as `pieces` does."""
        version = self._node.state.inventory.blobs.get(blob)
        if version is None:
            raise RefusedError(snapshot.gone(self._node.state, blob))
        return b"".join([piece async for piece in await self.pieces(version, start, length)])

    def drop_collected(self) -> None:
        """Remove from the caches what was collected since the last call, and what no dataset holds."""
        now = self._node.state.inventory
        self.reader.sweep(now.references)
        first = max(self._removals, now.forgotten)
        for number in range(first, now.removals):
            self.reader.drop(now.forgettable[number][1])
        self._removals = now.removals

    async def _translated(
        self, version: Stored, stream: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        try:
            async for piece in stream:
                yield piece
        except (ObjectMissing, ObjectDamaged) as error:
            raise RefusedError(await self.refusal(version, error)) from error

    async def refusal(
        self,
        version: Stored,
        error: ObjectMissing | ObjectDamaged,
        readers: frozenset[str] = frozenset(),
    ) -> Refused:
        """What to answer when a version is absent or damaged: it may have been collected.

        `readers` are datasets that a query reads it by, which need not live.
        """
        await self._node.refresh()
        state = self._node.state
        if inventory.lost_to(state.inventory, version.blob) is not None:
            return snapshot.gone(state, version.blob)
        if isinstance(error, ObjectDamaged):
            return unreadable(state, version, "object_damaged", error.reason, readers)
        return unreadable(state, version, "object_lost", "it is absent from the bucket", readers)


def unreadable(
    state: State, version: Stored, code: str, reason: str, readers: frozenset[str]
) -> Refused:
    """The refusal that names an object, and the datasets that hold it: live, or read."""
    holders = readers | {
        dataset.name
        for dataset in state.catalog.datasets.values()
        if any(item.blob == version.blob for item in dataset.objects + dataset.quarantine)
    }
    named = sorted(holders)[:NAMED_DATASETS]
    held = f"; held by {', '.join(named)}" if named else ""
    row: dict[str, Json] = {"key": version.key, "datasets": [*named]}
    return Refused(code, f"object {version.key}: {reason}{held}", (row,))


async def _joined(held: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for piece in held:
        yield piece
    async for piece in rest:
        yield piece
