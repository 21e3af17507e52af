"""Which objects are merged: pure, without a journal or an object."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from lakehouse.service.compaction.planner import (
    GROUP_OBJECTS,
    GROUP_ROWS,
    SETTLED_OBJECTS,
    Candidate,
    small_objects,
    tiered_groups,
    whole_groups,
)

MIB = 1 << 20
TARGET = 128 * MIB


def of_rows(*rows: int) -> list[Candidate]:
    return [Candidate(700 + 8 * each, each) for each in rows]


def of_sizes(*sizes_mib: int) -> list[Candidate]:
    return [Candidate(each * MIB, 1) for each in sizes_mib]


def merged(objects: list[Candidate], groups: Sequence[range]) -> tuple[list[Candidate], int, int]:
    """The objects after compaction, and the rows and bytes that it wrote: none are saved."""
    after, place, rows, size_bytes = list[Candidate](), 0, 0, 0
    for group in groups:
        taken = [objects[each] for each in group]
        one = Candidate(sum(t.size_bytes for t in taken), sum(t.row_count or 0 for t in taken))
        after += [*objects[place : group.start], one]
        place, rows, size_bytes = (
            group.stop,
            rows + (one.row_count or 0),
            size_bytes + one.size_bytes,
        )
    return after + objects[place:], rows, size_bytes


def test_adjacent_small_objects_become_one() -> None:
    assert whole_groups(of_rows(*[1] * 1_000), TARGET) == (range(0, 1_000),)


def test_a_large_object_separates_its_neighbours() -> None:
    objects = of_sizes(1, 1, 100, 1, 1, 1, 100, 1)
    assert whole_groups(objects, TARGET) == (range(0, 2), range(3, 6))


def test_a_fixed_object_separates_its_neighbours() -> None:
    objects = of_sizes(1, 1, 1, 1, 1)
    for size_mib in (1, 200):
        objects[2] = Candidate(size_mib * MIB, 1, is_fixed=True, is_stale=True)
        assert whole_groups(objects, TARGET) == (range(0, 2), range(3, 5))


def test_a_group_has_at_most_the_target_size() -> None:
    assert whole_groups(of_sizes(*[60] * 5), TARGET) == (range(0, 2), range(2, 4))
    assert whole_groups(of_sizes(64, 64, 1), TARGET) == (range(0, 2),)


def test_an_object_of_many_rows_is_not_small_whatever_its_size() -> None:
    half = GROUP_ROWS // 2
    objects = [Candidate(1, 1), Candidate(1, half + 1), Candidate(1, half), Candidate(1, 1)]
    assert whole_groups(objects, TARGET) == (range(2, 4),)
    assert small_objects(objects, TARGET) == 2


def test_a_group_has_at_most_so_many_objects_and_rows() -> None:
    groups = whole_groups(of_rows(*[1] * (GROUP_OBJECTS + 2)), TARGET)
    assert groups == (range(0, GROUP_OBJECTS), range(GROUP_OBJECTS, GROUP_OBJECTS + 2))
    third = GROUP_ROWS // 3
    objects = [Candidate(1, third)] * 4
    assert whole_groups(objects, TARGET) == (range(0, 3),)


def test_a_stale_object_is_rewritten_alone_or_with_its_neighbours() -> None:
    objects = of_sizes(100, 200, 100, 1, 1)
    objects[1] = Candidate(200 * MIB, 1, is_stale=True)
    objects[3] = Candidate(1 * MIB, 1, is_stale=True)
    assert whole_groups(objects, TARGET) == (range(1, 2), range(3, 5))
    assert whole_groups([Candidate(1, 1, is_stale=True)], TARGET) == (range(0, 1),)


@pytest.mark.parametrize("objects", [[], of_sizes(1), of_sizes(100, 100), of_sizes(1, 100, 1)])
def test_what_is_compact_is_left_alone(objects: list[Candidate]) -> None:
    assert whole_groups(objects, TARGET) == ()
    assert tiered_groups(objects, TARGET, 64, 48) == ()
    assert small_objects(objects, TARGET) == 0


def test_only_small_objects_with_a_small_neighbour_count() -> None:
    assert small_objects(of_sizes(1, 100, 1, 1, 100, 1, 1, 1), TARGET) == 5


def test_ten_thousand_appends_of_one_row_end_in_few_objects_and_few_rewrites() -> None:
    """Rows and bytes written, the appends' own included, over rows and bytes appended."""
    objects, rows, size_bytes = list[Candidate](), 0, 0
    for _ in range(10_000):
        objects += of_rows(1)
        if small_objects(objects, TARGET) > 64:
            objects, more, bytes_ = merged(objects, tiered_groups(objects, TARGET, 64, 48))
            rows, size_bytes = rows + more, size_bytes + bytes_
            assert len(objects) <= 48
    groups = tiered_groups(objects, TARGET, 64, SETTLED_OBJECTS)
    objects, more, bytes_ = merged(objects, groups)
    rows, size_bytes = rows + more, size_bytes + bytes_
    assert len(objects) <= 16
    assert sum(each.row_count or 0 for each in objects) == 10_000
    assert (10_000 + rows) / 10_000 < 3
    assert 1 + size_bytes / sum(each.size_bytes for each in of_rows(*[1] * 10_000)) < 3


@pytest.mark.parametrize("allowed", [1, 2, 8, 64, 256])
def test_more_objects_than_may_be_left_become_fewer_until_they_are_not(allowed: int) -> None:
    chance = random.Random(allowed)
    for _ in range(200):
        objects = of_sizes(*(chance.choice([1, 1, 1, 3, 30, 60, 100]) for _ in range(200)))
        left = chance.randint(1, allowed)
        while small_objects(objects, TARGET) > left:
            count = len(objects)
            groups = tiered_groups(objects, TARGET, allowed, left)
            stops = [place for group in groups for place in (group.start, group.stop)]
            assert stops == sorted(stops)
            objects, _, _ = merged(objects, groups)
            assert len(objects) < count
            assert all(each.size_bytes <= TARGET for each in objects)


def test_compaction_of_whole_runs_comes_to_an_end() -> None:
    chance = random.Random(7)
    for _ in range(100):
        objects = of_sizes(*(chance.choice([1, 2, 30, 60, 100]) for _ in range(200)))
        while groups := whole_groups(objects, TARGET):
            count = len(objects)
            objects, _, _ = merged(objects, groups)
            assert len(objects) < count
        assert not any(
            first.size_bytes + second.size_bytes <= TARGET
            for first, second in pairwise(objects)
            if max(first.size_bytes, second.size_bytes) <= TARGET // 2
        )
