"""Loads a state from the newest checkpoint that can be verified, and stores a state as a checkpoint.

A checkpoint is never trusted: its bytes must have the root in its name, and the slot that it says it
follows must be in the journal with that hash (a copy of a bucket may hold a checkpoint beyond its
slots). Which states are kept is the same on every node, so that nodes make the same objects.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from journal import checkpoints, packs
from journal.bucket.errors import ObjectExists, ObjectMissing
from journal.bucket.keys import slot_key
from journal.checkpoints import Checkpoint
from journal.log import WINDOW, Journal
from journal.slot import Head
from journal.threads import in_thread
from projections.codec import StateDamaged, decode_state, encode_state
from projections.fold import STATE_VERSION, State

EVERY_SLOTS = 1_024
EVERY_EVENTS = 20_000
TRIED = 16
"""How many unusable checkpoints are skipped before the slots are read instead."""


def is_due(before: Head, after: Head) -> bool:
    """Whether the state at `after` is stored as a checkpoint; the same on every node."""
    events = after.seq // EVERY_EVENTS > before.seq // EVERY_EVENTS
    return events or after.position % EVERY_SLOTS == 0


async def newest_state(
    journal: Journal, as_of: int | None = None, later_than: int = 0
) -> State | None:
    """The state of the newest checkpoint, not after event `as_of`, that can be verified.

    Usually one LIST of one key and two GETs. None where no checkpoint after event `later_than` is of use.
    """
    than: Checkpoint | int | None = as_of
    for _ in range(TRIED):
        checkpoint = await checkpoints.next_older(journal.bucket, STATE_VERSION, than)
        if checkpoint is None or checkpoint.seq <= later_than:
            return None
        state = await _state_of(journal, checkpoint)
        if state is not None and await _is_in(journal, state.head):
            return state
        than = checkpoint
    return None


async def store_state(journal: Journal, state: State, directory: Path | None) -> str:
    """Store the state as a checkpoint, once; return its key. `directory` is for a temporary file."""
    async with _on_its_way(directory) as (file, path):
        root = await in_thread(None, lambda: checkpoints.write(encode_state(state), file))
        key = checkpoints.checkpoint_of(STATE_VERSION, state.head, root).key
        await _store(journal, key, file, path)
    return key


async def store_pack(journal: Journal, first: int, directory: Path | None) -> str:
    """Store the pack that begins with slot `first`, once; return its key. All its slots must exist."""
    key = packs.pack_key(first)
    async with _on_its_way(directory) as (file, path):
        with packs.writing(file) as write:
            for start in range(first, first + packs.SLOTS_A_PACK, WINDOW):
                window = [slot_key(position) for position in range(start, start + WINDOW)]
                bodies = await asyncio.gather(*map(journal.bucket.read, window))
                await in_thread(None, partial(write, b"".join(bodies)))
        await _store(journal, key, file, path)
    return key


async def has_pack(journal: Journal, first: int) -> bool:
    """Whether this pack exists."""
    try:
        await journal.bucket.stat(packs.pack_key(first))
    except ObjectMissing:
        return False
    return True


async def _state_of(journal: Journal, checkpoint: Checkpoint) -> State | None:
    body = await checkpoints.load(journal.bucket, checkpoint)
    if body is None:
        return None
    try:
        state = await asyncio.to_thread(decode_state, body)
    except StateDamaged:
        # An unreadable cache is skipped: an older one, or the slots, contain everything.
        return None
    named = (checkpoint.seq, checkpoint.position)
    return state if (state.head.seq, state.head.position) == named else None


async def _is_in(journal: Journal, head: Head) -> bool:
    try:
        return await journal.hash_at(head.position) == head.sha256
    except ObjectMissing:
        return False


@asynccontextmanager
async def _on_its_way(directory: Path | None) -> AsyncIterator[tuple[BinaryIO, Path]]:
    """A temporary file, removed afterwards."""
    descriptor, name = tempfile.mkstemp(prefix="keep-", dir=directory)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, path
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _store(journal: Journal, key: str, file: BinaryIO, path: Path) -> None:
    await in_thread(None, file.flush)
    # Another process may have stored it first, perhaps with another version of the compressor.
    with suppress(ObjectExists):
        await journal.bucket.upload(key, path)
