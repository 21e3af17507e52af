"""Objects that hold rows of a condition and that no event names: staged files, and what was left behind.

An ingest or a rewrite that was interrupted, or lost a race, leaves what it uploaded. These objects are
discarded, not rewritten: an ingest that still wants to commit one uploads it again. Must never discard
an object that was committed: `decide` compares again.
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import DATASETS, OBJECTS, blob_tag
from journal.bucket.port import Stat
from journal.events import Erased, Object
from lakehouse.commit.node import Node
from lakehouse.service.catalog.staging import MAX_BYTES, StagedFile, opened
from lakehouse.service.erasure.search import RowSearcher
from lakehouse.service.erasure.versions import Candidate
from projections.fold import State
from projections.inventory import Stored

PAGE = 1_000


class Unregistered:
    """The objects of one dataset that no event names. Costs one LIST for each 1,000 objects."""

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self._name = name

    async def holding(
        self, state: State, names: frozenset[str], searcher: RowSearcher
    ) -> tuple[Erased, ...]:
        """The blobs with such rows, and their number; of a staged file all. `names`: every name it had."""
        found: dict[str, int] = {}
        seen: set[str] = set()
        async for descriptor, staged in self._staged(state):
            candidates = _staged_candidates(staged)
            seen |= candidates.keys()
            if rows := await _rows_in(state, candidates, searcher):
                found |= dict.fromkeys((descriptor, *candidates), 0) | rows
        async for stat in self._listed(state, DATASETS):
            if _dataset_of(stat.key) in names and stat.key not in seen:
                item = Object(stat.key, stat.key, stat.size_bytes, _sha256_in(stat.key), None)
                candidate = Candidate(stat.key, None, False, ())
                found |= await _rows_in(state, {stat.key: (item, candidate)}, searcher)
        return tuple(Erased(blob, None, rows) for blob, rows in found.items())

    async def _staged(self, state: State) -> AsyncIterator[tuple[str, StagedFile]]:
        """Each staged file of the dataset that was not committed, with its descriptor's blob."""
        async for stat in self._listed(state, OBJECTS):
            if stat.size_bytes > MAX_BYTES:
                continue
            try:
                staged = opened(await self._node.bucket.read(stat.key))
            except ObjectMissing:
                continue
            if staged is None or staged.ingest.name.lower() != self._name.lower():
                continue
            if not any(_is_known(state, blob) for blob in _staged_candidates(staged)):
                yield stat.key, staged

    async def _listed(self, state: State, prefix: str) -> AsyncIterator[Stat]:
        """This lake's objects below a prefix that no event names."""
        lake = self._node.follower.journal.lake.lake[:8]
        page = await self._node.bucket.list_objects(prefix, limit=PAGE)
        while page:
            for stat in page:
                tag = blob_tag(stat.key)
                if tag is not None and tag.lake == lake and not _is_known(state, stat.key):
                    yield stat
            page = await self._node.bucket.list_objects(prefix, page[-1].key, limit=PAGE)


def _staged_candidates(staged: StagedFile) -> dict[str, tuple[Object, Candidate]]:
    table, source = staged.ingest.table, staged.ingest.source
    if table is None:
        return {}
    options = source.options if source is not None else ()
    found = {
        item.blob: (item, Candidate(item.blob, table.schema, False, ())) for item in table.objects
    }
    return found | {
        item.blob: (item, Candidate(item.blob, table.schema, True, options))
        for item in table.quarantine
    }


async def _rows_in(
    state: State, candidates: dict[str, tuple[Object, Candidate]], searcher: RowSearcher
) -> dict[str, int]:
    """Each object with such rows → how many. The state is read as if it named the objects."""
    blobs = state.inventory.blobs.update(
        {blob: _stored(item) for blob, (item, _) in candidates.items()}
    )
    known = msgspec.structs.replace(
        state, inventory=msgspec.structs.replace(state.inventory, blobs=blobs)
    )
    wanted: Sequence[Candidate] = [candidate for _, candidate in candidates.values()]
    found = searcher.rows(known, wanted)
    return {candidate.blob: len(rows) async for candidate, rows in found if rows is not None}


def _stored(item: Object) -> Stored:
    return Stored(
        *(item.key, item.blob, item.size_bytes, item.sha256, item.row_count, None),
        *("", 0, item.block_hashes),
    )


def _dataset_of(blob: str) -> str:
    return blob.split("/")[1].lower()


def _sha256_in(blob: str) -> str:
    return blob.rpartition("/")[2].partition("-")[0]


def _is_known(state: State, blob: str) -> bool:
    now = state.inventory
    is_copy = blob in state.stores.blobs
    return is_copy or blob in now.blobs or blob in now.marked or blob in now.gone
