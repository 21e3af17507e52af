"""The staged files of a dataset that hold rows of a condition: these are discarded, not written anew.

Must never discard a file that was committed: `decide` compares again.
"""

from collections.abc import AsyncIterator

import msgspec

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import OBJECTS, blob_tag
from journal.bucket.port import Stat
from journal.events import Object
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Table
from lakehouse.service.erasure.search import RowSearcher
from lakehouse.service.erasure.versions import Candidate
from lakehouse.service.staging import MAX_BYTES, StagedFile, opened
from projections.fold import State
from projections.inventory import Stored

PAGE = 1_000


class StagedFiles:
    """The staged files of one dataset."""

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self._name = name

    async def holding(self, state: State, searcher: RowSearcher) -> tuple[str, ...]:
        """The blobs of staged files with such rows: descriptors, data, quarantine."""
        found: list[str] = []
        async for descriptor, staged in self._all(state):
            table = staged.ingest.table
            if table is not None and await _holds(state, table, staged, searcher):
                found += [descriptor, *(item.blob for item in table.objects + table.quarantine)]
        return tuple(dict.fromkeys(found))

    async def _all(self, state: State) -> AsyncIterator[tuple[str, StagedFile]]:
        """Each staged file of the dataset that was not committed, with its descriptor's blob."""
        async for stat in self._unregistered(state):
            try:
                staged = opened(await self._node.bucket.read(stat.key))
            except ObjectMissing:
                continue
            table = staged.ingest.table if staged else None
            if staged is None or table is None or staged.ingest.name.lower() != self._name.lower():
                continue
            blobs = {item.blob for item in table.objects + table.quarantine}
            if not any(_is_known(state, blob) for blob in blobs):
                yield stat.key, staged

    async def _unregistered(self, state: State) -> AsyncIterator[Stat]:
        """What lies among stored objects, and no event names. One LIST for each 1,000 objects."""
        lake = self._node.follower.journal.lake.lake[:8]
        page = await self._node.bucket.list_objects(OBJECTS, limit=PAGE)
        while page:
            for stat in page:
                tag = blob_tag(stat.key)
                own = tag is not None and tag.lake == lake and stat.size_bytes <= MAX_BYTES
                if own and not _is_known(state, stat.key):
                    yield stat
            page = await self._node.bucket.list_objects(OBJECTS, page[-1].key, limit=PAGE)


async def _holds(state: State, table: Table, staged: StagedFile, searcher: RowSearcher) -> bool:
    """Whether a staged file has such rows. The state is read as if its objects were known."""
    items = table.objects + table.quarantine
    blobs = state.inventory.blobs.update({item.blob: _stored(item) for item in items})
    known = msgspec.structs.replace(
        state, inventory=msgspec.structs.replace(state.inventory, blobs=blobs)
    )
    source = staged.ingest.source
    options = source.options if source is not None else ()
    candidates = [Candidate(item.blob, table.schema, False, ()) for item in table.objects]
    candidates += [Candidate(item.blob, table.schema, True, options) for item in table.quarantine]
    async for _, rows in searcher.rows(known, candidates):
        if rows is not None:
            return True
    return False


def _stored(item: Object) -> Stored:
    return Stored(
        *(item.key, item.blob, item.size_bytes, item.sha256, item.row_count, None),
        *("", 0, item.block_hashes),
    )


def _is_known(state: State, blob: str) -> bool:
    now = state.inventory
    return blob in now.blobs or blob in now.marked or blob in now.gone
