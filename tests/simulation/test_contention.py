"""Writers that contend for slots: none starves, and none is refused for lost races."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from lakehouse.commit.batch import Batch, Closed
from lakehouse.commit.pending import Pending
from lakehouse.commit.writer import Writer
from tests.simulation.contention import LOCAL, S3, Distance, contend, far

_commit = Writer._commit


@pytest.mark.parametrize(
    ("ways", "clients", "seconds"),
    [
        ([LOCAL] * 3, 8, 1.5),
        ([LOCAL] * 8, 4, 2.0),
        ([LOCAL] * 16, 2, 3.0),
        ([S3] * 8, 2, 10.0),
        ([S3] * 16, 2, 20.0),
    ],
    ids=["3 local", "8 local", "16 local", "8 s3", "16 s3"],
)
def test_writers_at_the_same_distance_take_turns(
    ways: list[Distance], clients: int, seconds: float
) -> None:
    outcome = contend(ways, clients, seconds)
    assert outcome.refused == 0
    assert outcome.smallest_share > 0.6
    assert outcome.p99_s <= 5 * outcome.p50_s


def test_a_writer_five_times_as_far_from_the_store_does_not_starve() -> None:
    outcome = contend([far(times) for times in (1, 1, 1, 2, 2, 3, 4, 5)], 2, 40.0)
    assert outcome.refused == 0
    assert outcome.smallest_share > 0.2
    assert outcome.p99_s <= 5 * outcome.p50_s


def test_eight_writers_fill_as_many_slots_as_one() -> None:
    alone, many = contend([LOCAL], 4, 2.0), contend([LOCAL] * 8, 4, 2.0)
    assert many.slots >= alone.slots


@pytest.mark.parametrize(
    ("way", "seconds", "share"), [(LOCAL, 2.0, 0.6), (S3, 8.0, 0.7)], ids=["local", "s3"]
)
def test_on_one_machine_eight_writers_commit_most_of_what_one_does(
    way: Distance, seconds: float, share: float
) -> None:
    """A message between processes takes an eighth of a local commit, twice: more than in reality."""
    alone = contend([way], 32, seconds)
    many = contend([way] * 8, 4, seconds, machines=1)
    assert many.refused == 0
    assert many.changes >= share * alone.changes
    assert many.smallest_share > 0.6
    assert many.p99_s <= 5 * many.p50_s


@pytest.mark.parametrize(("way", "seconds"), [(LOCAL, 2.0), (S3, 8.0)], ids=["local", "s3"])
def test_machines_take_turns(way: Distance, seconds: float) -> None:
    turns = contend([way] * 8, 4, seconds)
    machines = contend([way] * 8, 4, seconds, machines=2)
    assert machines.refused == 0
    assert machines.changes >= 2 * turns.changes
    assert machines.smallest_share > 0.6
    assert machines.p99_s <= 5 * machines.p50_s


def test_on_one_machine_sixteen_writers_share_every_slot() -> None:
    outcome = contend([S3] * 16, 2, 8.0, machines=1)
    assert outcome.refused == 0
    assert outcome.smallest_share > 0.8
    assert outcome.changes / outcome.slots > 20


def test_a_writer_alone_waits_for_nobody() -> None:
    outcome = contend([LOCAL], 4, 1.0)
    assert outcome.p99_s < 2 * LOCAL.put_s


def test_now_and_then_another_s_change_costs_a_busy_writer_little() -> None:
    busy, beside = contend([LOCAL], 4, 2.0), contend([LOCAL, far(1)], 4, 2.0)
    assert beside.refused == 0
    assert len(beside.latencies[0]) > len(busy.latencies[0]) / 4


@pytest.mark.parametrize("ways", [[LOCAL] * 8, [S3] * 8], ids=["local", "s3"])
def test_without_turns_some_starve(ways: list[Distance]) -> None:
    """What the rule is for: catch up, then sleep a moment, then decide on a state that is old by then."""
    with _without_turns():
        outcome = contend(ways, 4, 4.0)
    assert outcome.smallest_share < 0.3
    assert outcome.p99_s > 5 * outcome.p50_s


@contextmanager
def _without_turns() -> Iterator[None]:
    async def no_wait(self: Writer) -> None:
        return None

    async def commit(
        self: Writer, batch: Batch, closed: Closed, decided: list[Pending]
    ) -> list[Pending]:
        left = await _commit(self, batch, closed, decided)
        if left:
            await self._follower.catch_up()
            await self._clock.sleep(self._chance.uniform(0, 0.05))
        return left

    with (
        mock.patch.object(Writer, "_wait_for_turn", no_wait),
        mock.patch.object(Writer, "_commit", commit),
    ):
        yield
