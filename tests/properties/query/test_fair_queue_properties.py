"""Whatever arrives, ends and gives up: the queue starves nobody, and lets no place stay empty."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.query.waiting.fair_queue import FairQueue, QueueFull, Started

NAMES = "abcde"
STEPS = st.lists(
    st.tuples(st.sampled_from(["arrive", "arrive", "finish", "leave"]), st.sampled_from(NAMES)),
    max_size=120,
)


class Watched:
    """A queue beside plain books of who runs, who waits, and who was overtaken how often."""

    def __init__(self, size: int, most_waiting: int) -> None:
        self.queue = FairQueue(size, most_waiting)
        self.owner: dict[int, str] = {}
        self.running: list[int] = []
        self.waiting: list[int] = []
        self.overtaken: dict[int, Counter[str]] = {}
        """Of each ticket that waits first of its principal: who got how many places meanwhile."""

    def held(self, name: str) -> int:
        return sum(self.owner[ticket] == name for ticket in self.running)

    def first(self, name: str) -> int | None:
        return next((ticket for ticket in self.waiting if self.owner[ticket] == name), None)

    def arrive(self, name: str) -> None:
        ticket = len(self.owner)
        self.owner[ticket] = name
        full = len(self.waiting) == self.queue.most_waiting
        found = self.queue.arrive(name, ticket)
        if isinstance(found, Started):
            self.started(ticket)
            return
        lengths = Counter(self.owner[each] for each in self.waiting)
        if isinstance(found, QueueFull):
            assert full and lengths[name] + 1 >= max(lengths.values())
            return
        self.waiting.append(ticket)
        assert (found.evicted is not None) == full
        if found.evicted is not None:
            victim = self.owner[found.evicted]
            assert lengths[victim] == max(lengths.values()) > lengths[name] + 1
            newest = [each for each in self.waiting if self.owner[each] == victim][-1]
            assert found.evicted == newest
            self.waiting.remove(found.evicted)

    def started(self, ticket: int) -> None:
        name = self.owner[ticket]
        if ticket in self.waiting:
            assert ticket == self.first(name), "first come, first served within a principal"
            self.waiting.remove(ticket)
        firsts = {other: self.first(other) for other in NAMES if other != name}
        for other, first in firsts.items():
            if first is None:
                continue
            assert self.held(other) >= self.held(name), "the one with the fewest is next"
            passed = self.overtaken.setdefault(first, Counter())
            if self.held(other) == self.held(name):
                passed[name] += 1
                assert passed[name] <= self.queue.size + 1, f"{other} is starved by {name}"
        self.running.append(ticket)

    def finish(self, name: str) -> None:
        mine = [ticket for ticket in self.running if self.owner[ticket] == name]
        if mine:
            self.running.remove(mine[0])
            for ticket in self.queue.finish(name):
                self.started(ticket)

    def leave(self, name: str) -> None:
        mine = [ticket for ticket in self.waiting if self.owner[ticket] == name]
        if mine:
            self.waiting.remove(mine[-1])
            self.queue.leave(name, mine[-1])

    def check(self) -> None:
        size, queue = self.queue.size, self.queue
        assert (queue.running, queue.waiting) == (len(self.running), len(self.waiting))
        assert len(self.running) <= size + 1 and len(self.waiting) <= queue.most_waiting
        assert len(self.running) >= size or not self.waiting, "a place is empty"
        assert all(self.held(name) <= size for name in NAMES), "one holds all"
        if len(self.running) == size:
            assert all(self.held(self.owner[ticket]) for ticket in self.waiting), (
                "the place beyond the others is empty, and one who has none waits"
            )
        assert set(queue.shares) == {self.owner[each] for each in [*self.running, *self.waiting]}


@given(st.integers(1, 4), st.integers(1, 8), STEPS)
def test_nobody_is_starved_and_no_place_stays_empty(
    size: int, most_waiting: int, steps: list[tuple[str, str]]
) -> None:
    watched = Watched(size, most_waiting)
    for step, name in steps:
        getattr(watched, step)(name)
        watched.check()


@given(st.integers(1, 4), st.integers(2, 40), st.integers(0, 60))
def test_one_query_beside_a_crowd_never_waits(size: int, most_waiting: int, crowd: int) -> None:
    """Whatever one principal alone has in flight, another's query has its place at once."""
    queue = FairQueue(size, most_waiting)
    for ticket in range(crowd):
        queue.arrive("crowd", ticket)
    for ticket in range(crowd, crowd + 10):
        assert queue.arrive("ana", ticket) == Started()
        queue.finish("ana")
