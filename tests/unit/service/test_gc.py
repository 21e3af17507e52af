"""A collector's steps, with a manual clock and a store that does half of what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from builders import FakeClock, blob, chance, context
from immutables import Map
from scripted_bucket import ScriptedBucket

from journal.bucket.keys import ICEBERG, Tag, object_blob
from lakehouse.commit.batch import Recorded
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, ForgetObject, StoreObject
from lakehouse.domain.errors import RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256
from lakehouse.service.gc import listing
from lakehouse.service.gc.collector import GarbageCollector, GcWaits
from lakehouse.service.gc.listing import GcCandidate
from lakehouse.service.gc.summary import GcProgress
from lakehouse.service.sql.queries import Queries
from projections.erasure.replacements import Erasure
from projections.inventory import Inventory, Stored

CALLER = Caller("collector", 0.0)
SINCE_EVER = timedelta(0)


class Shared(ScriptedBucket):
    """A store that others use too, and that deletes only the given number of the requested objects."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock.now
        self.deletes = 1_000
        self.asked: list[tuple[float, list[str]]] = []
        self._fake = clock

    async def is_shared(self) -> bool:
        return True

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        if keys:
            self.asked.append((self._fake.elapsed_s, list(keys)))
        return await super().delete_blobs(list(keys)[: self.deletes])


@asynccontextmanager
async def node_on(bucket: Shared, clock: FakeClock) -> AsyncIterator[Node]:
    node = await Node.open(bucket, clock, chance())
    # The tasks' sleeps would move the clock, so the writer alone runs.

    task = asyncio.create_task(node.writer.run())
    yield node
    task.cancel()


async def garbage(node: Node, *names: str) -> None:
    """Objects that were stored and forgotten."""
    for name in names:
        await node.bucket.create(blob(name), b"0123456789")
        store = StoreObject(name, 10, "0" * 64, "text/plain", blob(name))
        for command in (store, ForgetObject(name)):
            assert isinstance(await node.writer.submit(command, context()), Recorded)
            node.clock.pass_time(1)  # type: ignore[attr-defined]


async def run(node: Node, older_than: timedelta = SINCE_EVER) -> GcProgress:
    collection = GarbageCollector(node, Queries(node), GcWaits(lag_s=2, query_s=60))
    return await collection.collect(await collection.plan(older_than), CALLER)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_between_mark_and_deletion_lies_the_longest_query_and_the_lag(
    clock: FakeClock,
) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a")
        began_s = clock.elapsed_s
        assert (await run(node)).deleted == 1
    (asked,) = bucket.asked
    assert asked[0] - began_s >= 62
    assert asked[1] == [blob("a")]


async def test_what_the_store_does_not_delete_stays_marked_for_the_next_run(
    clock: FakeClock,
) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a", "b", "c")
        bucket.deletes = 1
        done = await run(node)
        assert (done.marked, done.deleted, done.left) == (3, 1, 2)
        assert len(node.state.inventory.marked) == 2
    bucket.deletes = 1_000
    async with node_on(bucket, clock) as other:
        done = await run(other)
        assert (done.marked, done.deleted, done.left) == (0, 2, 0)
        assert not other.state.inventory.marked
        assert set(other.state.inventory.gone) == {blob("a"), blob("b"), blob("c")}


async def test_a_run_that_ends_after_its_marks_is_gone_on_with(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a")

        async def dies(keys: Sequence[str]) -> list[str]:
            raise RuntimeError("the process ends here")

        bucket.delete_blobs, works = dies, bucket.delete_blobs
        with pytest.raises(RuntimeError):
            await run(node)
        bucket.delete_blobs = works
        assert set(node.state.inventory.marked) == {blob("a")}
    async with node_on(bucket, clock) as other:
        assert (await run(other)).deleted == 1


async def test_a_clock_that_is_fast_destroys_nothing(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a")
        clock.pass_time(30 * 86_400)
        assert (await run(node, timedelta(days=7))).marked == 0
        await garbage(node, "b")
        assert (await run(node, timedelta(days=7))).marked == 1


async def test_one_run_at_a_time_and_thousands_in_their_own_events(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        lake = node.follower.journal.lake.lake[:8]
        for number in range(2_345):
            await bucket.create(object_blob("0" * 64, Tag(lake, 0, f"{number}")), b"")
        clock.pass_time(90_000)
        bucket.lists.clear()
        collection = GarbageCollector(node, Queries(node), GcWaits())
        plan = await collection.plan(timedelta(days=7))
        with collection._gate.slot(), pytest.raises(RefusedError) as caught:
            await collection.collect(plan, CALLER)
        assert caught.value.refused.code == "busy"
        done = await collection.collect(plan, CALLER)
        assert (done.marked, done.deleted) == (2_345, 2_345)
        assert [len(keys) for _, keys in bucket.asked] == [1_000, 1_000, 345]
        assert bucket.lists.count("objects/") == 3
        assert node.state.head.seq == 6


KEYED = Caller("collector", 0.0, idempotency_key="k-1", route="POST /v1/gc")


async def keyed(node: Node, caller: Caller = KEYED) -> tuple[GcProgress, list[GcCandidate]]:
    collection, reported = GarbageCollector(node, Queries(node), GcWaits()), list[GcCandidate]()
    plan = await collection.plan(SINCE_EVER)
    done = await collection.collect(plan, caller, reported.append)
    return done, [finding for finding in reported if finding.verdict != "foreign"]


async def test_a_run_with_a_key_is_told_again_and_not_done_again(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "left")
        bucket.deletes = 0
        await run(node)
        bucket.deletes = 1_000
        await garbage(node, "a", "b")
        first, findings = await keyed(node)
        assert (first.marked, first.deleted, first.marked_bytes, first.left) == (2, 3, 20, 0)
        await garbage(node, "c")
    async with node_on(bucket, clock) as other:
        head = other.state.head
        assert await keyed(other) == (first, findings)
        assert other.state.head == head
        with pytest.raises(RefusedError) as caught:
            await keyed(other, msgspec.structs.replace(KEYED, query=(("older", "1"),)))
        assert caught.value.refused.code == "idempotency_key_reused"
        assert (await keyed(other, msgspec.structs.replace(KEYED, idempotency_key="k-2")))[
            0
        ].deleted == 1


async def test_what_was_never_registered_is_told_again_by_its_name(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        lake = node.follower.journal.lake.lake[:8]
        orphan = object_blob("0" * 64, Tag(lake, 0, "r"))
        await bucket.create(orphan, b"")
        clock.pass_time(90_000)
        first, _ = await keyed(node)
        again, (finding,) = await keyed(node)
        assert again == first
        assert (finding.blob, finding.verdict) == (orphan, "never_registered")


async def test_a_run_with_a_key_that_was_cut_off_is_gone_on_with(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a")

        async def dies(keys: Sequence[str]) -> list[str]:
            raise RuntimeError("the process ends here")

        bucket.delete_blobs, works = dies, bucket.delete_blobs
        with pytest.raises(RuntimeError):
            await keyed(node)
        bucket.delete_blobs = works
        done, _ = await keyed(node)
        assert (done.marked, done.deleted) == (0, 1)
        again, (finding,) = await keyed(node)
        assert (again.run, again.deleted, finding.verdict) == (done.run, 1, "marked")


async def test_two_nodes_with_the_same_key_record_what_each_has_deleted(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a")

        async def another_ends_first(keys: Sequence[str]) -> list[str]:
            bucket.delete_blobs = works
            request = KEYED.request_hash(NOTHING_SHA256)
            keyed_elsewhere = Context(KEYED.actor, "c", key=KEYED.idempotency_key, request=request)
            await node.writer.submit(ForgetObject("b"), keyed_elsewhere)
            return await works(keys)

        await node.bucket.create(blob("b"), b"")
        await node.writer.submit(StoreObject("b", 0, "0" * 64, "text/plain", blob("b")), context())
        bucket.delete_blobs, works = another_ends_first, bucket.delete_blobs
        done, _ = await keyed(node)
        assert (done.deleted, list(node.state.inventory.gone)) == (1, [blob("a")])


METADATA = f"{ICEBERG}1/00000000-0000-5000-8000-000000000000/1-{'0' * 32}.metadata.json"


async def test_once_the_iceberg_catalog_was_used_marks_become_an_hour_old(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a")
        await bucket.create(METADATA, b"{}")
        done = await run(node)
        assert (done.marked, done.deleted, done.left) == (1, 0, 1)
        clock.pass_time(3_000)
        assert (await run(node)).left == 1
    async with node_on(bucket, clock) as another:
        clock.pass_time(600)
        done = await run(another)
        assert (done.marked, done.deleted, done.left) == (0, 1, 0)


async def test_a_wait_of_0_is_none(clock: FakeClock) -> None:
    bucket = Shared(clock)
    async with node_on(bucket, clock) as node:
        await garbage(node, "a")
        await bucket.create(METADATA, b"{}")
        collection = GarbageCollector(node, Queries(node), GcWaits(engines_s=0))
        done = await collection.collect(await collection.plan(SINCE_EVER), CALLER)
        assert done.deleted == 1


def test_which_marks_are_due() -> None:
    version = Stored("k", "old", 1, "0" * 64, 1, None, "", 1)
    blobs = Map({name: version for name in ("old", "young", "erased")})
    marked = Map({"old": 5, "young": 6, "erased": 7, "unknown": 8})
    now = Inventory(blobs=blobs, marked=marked, erased=Map({"erased": Erasure(None, 1, 7)}))
    assert listing.due(now, marked, 5) == ["erased", "old", "unknown"]
    assert listing.due(now, marked, 0) == ["erased", "unknown"]
    assert listing.due(now, marked, None) == ["erased", "old", "unknown", "young"]
