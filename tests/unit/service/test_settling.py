"""Carrying a change through: data is brought as often as it helps, and no more often."""

import asyncio

import msgspec
import pytest
from builders import chance

from journal.bucket.keys import object_blob
from journal.bucket.memory import MemoryBucket
from journal.clock import SystemClock
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, Context, MarkObjects, StoreObject
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, mint, settle


@pytest.mark.parametrize(("marked", "uploads"), [(0, 1), (3, 4), (99, 4)])
async def test_what_a_collection_marks_is_uploaded_again_three_times_at_most(
    marked: int, uploads: int
) -> None:
    node = await Node.open(MemoryBucket(), SystemClock(), chance())
    writing = asyncio.create_task(node.writer.run())
    blobs: list[str] = []

    async def upload(command: Command, step: DataStep) -> Command:
        blobs.append(object_blob("0" * 64, mint(node)))
        await node.bucket.create(blobs[-1], b"")
        if len(blobs) <= marked:
            mark = MarkObjects("run", node.state.head.seq, (blobs[-1],))
            await node.writer.submit(mark, Context("collector", "c"))
        return msgspec.structs.replace(command, blob=blobs[-1])

    store = StoreObject("key", 0, "0" * 64, "text/plain", None)
    change = settle(node, store, Caller("a", node.clock.monotonic()), NOTHING_SHA256, upload)
    if marked < uploads:
        assert (await change).seq == node.state.head.seq
    else:
        with pytest.raises(RefusedError) as caught:
            await change
        assert caught.value.refused.code == "not_committed"
    assert len(blobs) == uploads
    writing.cancel()
