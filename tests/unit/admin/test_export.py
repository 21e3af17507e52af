"""Export: a copy is the lake, whatever happened on the way; and nothing is written over."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest
from builders import chance, context
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.bucket.memory import MemoryBucket
from journal.clock import SystemClock
from journal.log import Journal, find_journal
from lakehouse.admin.export import Progress, export
from lakehouse.commit.node import Node
from lakehouse.domain.commands import RegisterDataset, StoreObject
from lakehouse.domain.errors import RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, mint, settle
from projections.codec import state_root
from projections.states.follower import Follower


async def lake(tmp_path: Path, objects: int = 20) -> ScriptedBucket:
    """A bucket with a lake: real objects, two versions of one, a dataset over them."""
    bucket = ScriptedBucket()
    node = await Node.open(bucket, SystemClock(), chance())
    node.start(60, lambda: None)
    for number in range(objects):
        body = f"bytes {number}".encode()
        await put(node, tmp_path, f"k{number % (objects - 1)}", body)
    await node.writer.submit(RegisterDataset("d", "f", ("k0", "k1"), None), context())
    await node.stop(1)
    return bucket


async def put(node: Node, tmp_path: Path, key: str, body: bytes) -> None:

    path = tmp_path / "body"
    path.write_bytes(body)
    digest = sha256(body).hexdigest()
    blob = keys.object_blob(digest, mint(node))
    await node.bucket.upload(blob, path)
    command = StoreObject(key, len(body), digest, "text/plain", blob)
    caller = Caller("tester", node.clock.monotonic())
    await settle(node, command, caller, NOTHING_SHA256)


async def journal_of(bucket: MemoryBucket) -> Journal:
    journal = await find_journal(bucket, SystemClock(), chance())
    assert journal is not None
    return journal


async def exported(source: MemoryBucket, target: MemoryBucket) -> Progress:
    steps = [step async for step in export(await journal_of(source), target)]
    return steps[-1]


async def everything(bucket: MemoryBucket) -> dict[str, bytes]:
    return {stat.key: await bucket.read(stat.key) for stat in await bucket.list_objects("")}


async def test_a_copy_is_the_lake_byte_for_byte(tmp_path: Path) -> None:
    source, target = await lake(tmp_path), MemoryBucket()
    progress = await exported(source, target)
    assert (progress.objects, progress.slots) == (20, 21)
    assert await everything(target) == await everything(source)
    roots = [state_root(await Follower(await journal_of(each)).open()) for each in (source, target)]
    assert roots[0] == roots[1]


async def test_a_copy_that_was_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    source, target = await lake(tmp_path), MemoryBucket()
    steps = export(await journal_of(source), target)
    first = await anext(steps)
    await steps.aclose()  # type: ignore[attr-defined]
    assert await target.list_objects(keys.JOURNAL) == [], "data first, then the facts"
    progress = await exported(source, target)
    assert progress.copied == 20 + 21 - first.copied
    assert (await exported(source, target)).copied == 0


async def test_a_target_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    source, target = await lake(tmp_path), await lake(tmp_path, 3)
    before = await everything(target)
    with pytest.raises(RefusedError, match="something else"):
        await exported(source, target)
    after = await everything(target)
    assert {key: after[key] for key in before} == before


async def test_a_damaged_object_is_not_copied(tmp_path: Path) -> None:
    source = await lake(tmp_path)
    damaged = (await source.list_objects("objects/"))[3].key
    source.overwrite(damaged, b"x" * (await source.stat(damaged)).size_bytes)
    target = MemoryBucket()
    with pytest.raises(RefusedError, match="SHA-256"):
        await exported(source, target)
    await asyncio.sleep(0)
    assert damaged not in await everything(target)
    assert await target.list_objects(keys.JOURNAL) == []
