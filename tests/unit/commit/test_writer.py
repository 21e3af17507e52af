"""The writer against a store that answers by script: what each sender gets, and when."""

import asyncio

import pytest
from builders import context
from writer_rig import refusal, register, rig

from journal.bucket import keys
from journal.slot import decode_slot
from lakehouse.commit import writer as writers
from lakehouse.commit.batch import Answered, Recorded
from lakehouse.commit.limits import CommitLimits
from lakehouse.domain.commands import DropDataset
from lakehouse.domain.decision import Replayed, Unchanged
from projections.codec import state_root


async def test_an_acknowledged_change_is_in_the_journal() -> None:
    async with rig() as it:
        outcome = await it.submit(register("a"))
        assert isinstance(outcome, Recorded)
        assert outcome.event.seq == 1
        assert await it.journal() == ["dataset_registered a"]
        assert it.follower.state.head.seq == 1


async def test_many_at_once_share_slots_first_come_first_served() -> None:
    async with rig() as it:
        outcomes = await asyncio.gather(*(it.submit(register(f"d{n}")) for n in range(50)))
        assert [each.event.seq for each in outcomes if isinstance(each, Recorded)] == [
            *range(1, 51)
        ]
        assert len(it.bucket.creates) < 5


async def test_a_lost_answer_is_settled_by_looking() -> None:
    async with rig("lost") as it:
        assert isinstance(await it.submit(register("a")), Recorded)
        assert await it.journal() == ["dataset_registered a"]


async def test_after_a_lost_race_everything_is_decided_again() -> None:
    async with rig() as it:
        await it.another_commits(register("a"), register("b"))
        mine = await asyncio.gather(it.submit(register("a")), it.submit(DropDataset("b")))
        assert isinstance(mine[0], Answered)
        assert mine[0].decision == Unchanged(1)
        assert isinstance(mine[1], Recorded)
        assert await it.journal() == [
            "dataset_registered a", "dataset_registered b", "dataset_dropped b",
        ]  # fmt: skip
        assert state_root(it.follower.state) == state_root(await it.other.catch_up())


async def test_an_answer_without_an_event_is_proven_by_a_look_at_the_next_slot() -> None:
    """The lagging node: another's drop was acknowledged; `unchanged` here would lose the write."""
    async with rig() as it:
        await it.submit(register("a"))
        await it.another_commits(DropDataset("a"))
        outcome = await it.submit(register("a"))
        assert isinstance(outcome, Recorded)
        assert (await it.journal())[-1] == "dataset_registered a"


async def test_a_refusal_because_of_state_is_proven_too() -> None:
    async with rig() as it:
        await it.another_commits(register("a"))
        assert isinstance(await it.submit(DropDataset("a")), Recorded)


async def test_the_proof_is_a_read_that_begins_after_the_request() -> None:
    async with rig() as it:
        await it.submit(register("a"))
        reads = len(it.bucket.reads)
        outcome = await it.submit(register("a"))
        assert isinstance(outcome, Answered)
        assert it.bucket.reads[reads:] == [keys.slot_key(2)]


async def test_beside_an_event_the_commit_is_the_proof() -> None:
    async with rig() as it:
        await it.submit(register("a"))
        reads = len(it.bucket.reads)
        await asyncio.gather(it.submit(register("a")), it.submit(register("b")))
        assert it.bucket.reads[reads:] == []


async def test_without_proof_there_is_no_answer() -> None:
    async with rig() as it:
        await it.submit(register("a"))
        it.bucket.reads_fail = 1
        assert await refusal(it.submit(register("a"))) == "not_committed"


async def test_a_key_holds_after_a_lost_race_and_on_another_node() -> None:
    async with rig() as it:
        await it.submit(register("a"), context("k", "r"))
        await it.another_commits(DropDataset("a"))
        outcome = await it.submit(register("a"), context("k", "r"))
        assert isinstance(outcome, Answered)
        assert outcome.decision == Replayed(1, 1)


async def test_a_store_that_refuses_fails_the_batch_and_the_next_one_may_pass() -> None:
    async with rig("refused") as it:
        assert await refusal(it.submit(register("a"))) == "not_committed"
        assert isinstance(await it.submit(register("a")), Recorded)


async def test_lost_races_alone_refuse_nothing() -> None:
    async with rig() as it:

        async def faster() -> None:
            await it.another_commits(register(f"other{len(it.bucket.creates)}"))

        it.bucket.before_create.extend([faster] * 50)
        assert isinstance(await it.submit(register("a")), Recorded)
        assert len(it.bucket.creates) == 51
        assert it.writer.counts.races_lost == 50
        assert (await it.journal())[-1] == "dataset_registered a"


async def test_a_lost_race_is_decided_again_on_the_journal_s_end() -> None:
    """The pause, if any, comes before the reading: a slot that lands in it is seen."""
    async with rig() as it:
        await it.submit(register("mine"))
        await it.another_commits(register("other"))

        async def faster() -> None:
            await it.another_commits(register("faster"))
            await it.another_commits(register("fastest"))

        it.bucket.before_create.append(faster)
        assert isinstance(await it.submit(register("a")), Recorded)
        assert [keys.slot_position(key) for key, _ in it.bucket.creates] == [1, 2, 5]


async def test_what_comes_while_a_writer_waits_for_its_turn_shares_its_slot() -> None:
    async with rig() as it:

        async def slow() -> None:
            it.clock.pass_time(0.01)

        it.bucket.before_create.extend([slow] * 2)
        await it.another_commits(register("other"))
        await it.submit(register("a"))
        slept = it.clock.sleep
        joined: list[asyncio.Task[Recorded | Answered]] = []

        async def sleep(delay_s: float) -> None:
            if not joined:
                joined.append(asyncio.create_task(it.submit(register("c"))))
                await asyncio.sleep(0)
            await slept(delay_s)

        it.clock.sleep = sleep  # type: ignore[method-assign]
        first = await it.submit(register("b"))
        second = await joined[0]
        assert isinstance(first, Recorded)
        assert isinstance(second, Recorded)
        assert first.moment.position == second.moment.position


async def test_unknown_at_the_deadline_is_said_so_and_goes_on_in_the_background() -> None:
    async with rig("never", limits=CommitLimits(deadline_s=0.05)) as it:
        held = asyncio.Event()
        it.bucket.before_create.append(held.wait)
        assert await refusal(it.submit(register("a"))) == "outcome_unknown"
        held.set()
        assert isinstance(await it.submit(register("b")), Recorded)
        assert await it.journal() == ["dataset_registered a", "dataset_registered b"]


async def test_still_waiting_at_the_deadline_is_certainly_not_done() -> None:
    async with rig(limits=CommitLimits(deadline_s=0.05)) as it:
        held = asyncio.Event()
        it.bucket.before_create.append(held.wait)
        first = asyncio.create_task(it.submit(register("a")))
        await asyncio.sleep(0)
        while not it.bucket.creates:
            await asyncio.sleep(0)
        assert await refusal(it.submit(register("b"))) == "not_committed"
        assert await refusal(first) == "outcome_unknown"
        held.set()
        assert isinstance(await it.submit(register("c")), Recorded)
        assert await it.journal() == ["dataset_registered a", "dataset_registered c"]


async def test_a_sender_that_goes_away_before_the_put_leaves_no_event() -> None:
    async with rig() as it:
        held = asyncio.Event()
        it.bucket.before_create.append(held.wait)
        first = asyncio.create_task(it.submit(register("a")))
        while not it.bucket.creates:
            await asyncio.sleep(0)
        gone = asyncio.create_task(it.submit(register("b")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        held.set()
        await first
        await it.submit(register("c"))
        assert await it.journal() == ["dataset_registered a", "dataset_registered c"]


async def test_the_queue_is_bounded() -> None:
    async with rig(limits=CommitLimits(queue=1)) as it:
        first = asyncio.create_task(it.submit(register("a")))
        await asyncio.sleep(0)
        assert await refusal(it.submit(register("b"))) == "busy"
        await first


async def test_a_broken_store_is_written_to_no_more() -> None:
    async with rig("exists") as it:
        assert await refusal(it.submit(register("a"))) == "bucket_broken"
        assert await refusal(it.submit(register("b"))) == "bucket_broken"
        assert len(it.bucket.creates) == 1


async def test_a_clock_far_from_the_store_s_writes_nothing() -> None:
    async with rig() as it:
        it.bucket.skew_s = 61
        assert await refusal(it.submit(register("a"))) == "clock_skew"
        assert it.bucket.creates == []
        it.bucket.skew_s = 0
        assert isinstance(await it.submit(register("a")), Recorded)


async def test_after_idling_the_head_is_read_again_before_a_write() -> None:
    async with rig() as it:
        await it.submit(register("a"))
        await it.submit(register("b"))
        it.bucket.remove(keys.slot_key(2))
        it.bucket.remove(keys.slot_key(1))
        it.clock.pass_time(31)
        assert await refusal(it.submit(register("c"))) == "journal_corrupt"


async def test_a_head_that_reads_differently_stops_the_writer() -> None:
    async with rig() as it:
        await it.submit(register("a"))
        it.bucket.overwrite(keys.slot_key(1), b"rolled back\n")
        it.clock.pass_time(31)
        assert await refusal(it.submit(register("b"))) == "journal_corrupt"
        assert len(it.bucket.creates) == 1


async def test_a_slot_of_a_newer_version_stops_the_writer() -> None:
    async with rig() as it:
        await it.another_commits(register("a"))
        newer = (await it.bucket.read(keys.slot_key(1))).replace(b'"v":1', b'"v":2')
        it.bucket.overwrite(keys.slot_key(1), newer)
        assert await refusal(it.submit(register("b"))) == "upgrade_required"
        assert await refusal(it.submit(register("b"))) == "upgrade_required"


async def test_a_batch_that_slept_before_its_put_is_stamped_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rig() as it:
        built = writers.batches.build
        slept: list[float] = []

        def sleepy(*arguments: object) -> object:
            batch = built(*arguments)  # type: ignore[arg-type]
            if not slept:
                slept.append(61)
                it.clock.elapsed_s += 61
            return batch

        monkeypatch.setattr(writers.batches, "build", sleepy)
        outcome = await it.submit(register("a"))
        assert isinstance(outcome, Recorded)
        assert len(it.bucket.creates) == 1


async def test_a_change_that_was_accepted_an_hour_ago_is_refused() -> None:
    async with rig() as it:
        it.clock.elapsed_s += 4_000
        assert await refusal(it.writer.submit(register("a"), context(), 0.0)) == "not_committed"
        assert it.bucket.creates == []


async def test_draining_answers_what_was_taken_and_takes_no_more() -> None:
    async with rig() as it:
        first = asyncio.create_task(it.submit(register("a")))
        await asyncio.sleep(0)
        await it.writer.drain()
        assert isinstance(await first, Recorded)
        assert await refusal(it.submit(register("b"))) == "shutting_down"


async def test_time_in_the_journal_goes_on_when_the_clock_does_not() -> None:
    async with rig() as it:
        await it.submit(register("a"))
        it.clock.pass_time(-30)
        it.clock.elapsed_s += 60
        it.bucket.skew_s = -30
        await it.submit(register("b"))
        bodies = [body for _, body in it.bucket.creates]
        first, second = (decode_slot(body, n) for n, body in enumerate(bodies, 1))
        assert second.header.at > first.header.at
