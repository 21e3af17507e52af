"""Compaction in the simulation: planned on the state of a node, uploaded and committed some time later."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable

import msgspec

from journal.events import Object
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rows.commands import CompactDataset
from projections import catalog
from projections.fold import State
from tests.simulation.record import Compacting

Upload = Callable[[str], Awaitable[str]]
"""Uploads bytes with a SHA-256 under a fresh key, which is returned."""
NOTHING_TO_DO = Refused(
    "not_committed", "there is nothing to compact, or another change was faster"
)
ROWS = 5
"""Of an object that was registered without a number."""


async def planned(
    state: State, wanted: Compacting, chance: random.Random, upload: Upload
) -> CompactDataset:
    """The command with its object in the bucket. Raises RefusedError where there is nothing to merge."""
    live = catalog.find(state.catalog, wanted.name)
    if live is None or len(live.objects) < 2:
        raise RefusedError(NOTHING_TO_DO)
    start = wanted.draw % (len(live.objects) - 1)
    items = live.objects[start : start + 2 + wanted.draw % 3]
    rows = tuple(ROWS if item.row_count is None else item.row_count for item in items)
    blobs = tuple(item.blob for item in items)
    command = CompactDataset(live.name, live.schema_fingerprint, blobs, rows, ())
    command = await _uploaded(command, upload)
    if chance.random() < 0.5:
        await asyncio.sleep(chance.choice([5, 60, 300]) * chance.random())
    return command


async def advanced(command: CompactDataset, step: DataStep, upload: Upload) -> CompactDataset:
    """As the service does it: uploaded again, or given up. Raises RefusedError."""
    if step is DataStep.UPLOAD_AGAIN:
        return await _uploaded(command, upload)
    raise RefusedError(NOTHING_TO_DO)


async def _uploaded(command: CompactDataset, upload: Upload) -> CompactDataset:
    sha256 = hashlib.sha256(" ".join(command.blobs).encode()).hexdigest()
    blob = await upload(sha256)
    return msgspec.structs.replace(command, by=(Object(blob, blob, 10, sha256, sum(command.rows)),))
