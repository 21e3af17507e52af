"""Tasks: one of a kind at a time; what came of each is kept, however it ended."""

import asyncio

import msgspec
import pytest
from manual_clock import ManualClock

from journal.bucket.errors import BucketUnavailable
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback
from lakehouse.service.caller import Caller
from lakehouse.service.upkeep.tasks import Task, Tasks, Work

ANA = Caller(actor="ana", accepted_s=0.0)


class Found(msgspec.Struct, frozen=True):
    count: int


def working(tasks: Tasks, work: Work) -> None:
    tasks.begin("verify", ANA, work, total=10)


def ending(error: BaseException | None = None) -> Work:
    async def work(reached: ProgressCallback) -> Found:
        reached(7)
        if error is not None:
            raise error
        return Found(7)

    return work


async def ended(work: Work) -> Task:
    tasks = Tasks(ManualClock())
    working(tasks, work)
    await tasks.wait("verify", 60)
    return tasks.latest()["verify"]


async def forever(reached: ProgressCallback) -> Found:
    reached(3)
    await asyncio.Event().wait()
    return Found(0)


async def test_a_task_is_done_with_its_result() -> None:
    task = await ended(ending())
    assert (task.state, task.result, task.done, task.total) == ("done", Found(7), 7, 10)
    assert task.actor == "ana" and task.ended_at is not None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError(Refused("busy", "later")), "busy"),
        (BucketUnavailable("no answer"), "bucket_unavailable"),
        (ValueError("a bug"), "internal_error"),
    ],
)
async def test_a_task_that_fails_says_why(error: Exception, code: str) -> None:
    task = await ended(ending(error))
    assert task.state == "failed" and task.refused is not None
    assert task.refused.code == code
    assert "a bug" not in task.refused.detail.replace("this is a bug", "")


async def test_one_of_a_kind_runs_at_a_time() -> None:
    tasks = Tasks(ManualClock())
    working(tasks, forever)
    with pytest.raises(RefusedError) as refused:
        working(tasks, forever)
    assert refused.value.refused.code == "busy"
    tasks.begin("doctor", ANA, ending())
    await tasks.wait("doctor", 60)
    assert {each.kind: each.state for each in tasks.latest().values()} == {
        "verify": "running",
        "doctor": "done",
    }
    await tasks.close()


async def test_a_cancelled_task_keeps_how_far_it_came_and_makes_room() -> None:
    tasks = Tasks(ManualClock())
    working(tasks, forever)
    await tasks.wait("verify", 0.01)
    assert tasks.latest()["verify"].state == "running"
    await tasks.cancel("verify")
    cancelled = tasks.latest()["verify"]
    assert (cancelled.state, cancelled.done) == ("cancelled", 3)
    working(tasks, ending())
    await tasks.wait("verify", 60)
    assert tasks.latest()["verify"].state == "done"


async def test_a_task_that_is_cancelled_before_it_has_begun_has_ended() -> None:
    tasks = Tasks(ManualClock())
    working(tasks, forever)
    await tasks.close()
    assert tasks.latest()["verify"].state == "cancelled"
