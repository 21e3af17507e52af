"""Rows traced through compactions: pure."""

import random

from builders import item

from journal.events import Replacement, RowRange
from lakehouse.service.compaction.lineage import cut, traced, whole


def test_rows_of_a_merged_object_are_those_of_the_objects_before() -> None:
    made = Replacement(("a", "b", "c"), (item("w", 9), item("x", 6)), 0, 0, (5, 5, 5))
    w, x = (item(name, 1).blob for name in "wx")
    assert traced((RowRange(w, 0, 9),), made) == (RowRange("a", 0, 5), RowRange("b", 0, 4))
    assert traced((RowRange(x, 0, 6),), made) == (RowRange("b", 4, 5), RowRange("c", 0, 5))
    assert traced((RowRange(w, 4, 6),), made) == (RowRange("a", 4, 5), RowRange("b", 0, 1))


def test_other_objects_are_where_they_are() -> None:
    made = Replacement(("a",), (item("w", 5),), 0, 0, (5,))
    assert traced((RowRange("z", 1, 2),), made) == (RowRange("z", 1, 2),)


def test_only_objects_with_a_known_number_of_rows_are_traced() -> None:
    known, unknown = item("a", 3), item("b", None)
    assert whole((known, unknown)) == {known.blob: (RowRange(known.blob, 0, 3),)}


def test_a_cut_counts_through_all_ranges() -> None:
    rows = (RowRange("a", 10, 15), RowRange("b", 0, 5))
    assert cut(rows, 3, 7) == (RowRange("a", 13, 15), RowRange("b", 0, 2))
    assert cut(rows, 0, 10) == rows
    assert cut(rows, 5, 5) == ()


def test_through_many_compactions_every_row_leads_to_where_it_was_first() -> None:
    chance = random.Random(3)
    for _ in range(50):
        rows = {f"o{n}": chance.randint(0, 6) for n in range(12)}
        first = [(name, place) for name, count in rows.items() for place in range(count)]
        held, history = [item(name, count) for name, count in rows.items()], list[Replacement]()
        first = [(item(name).blob, place) for name, place in first]
        for number in range(4):
            start = chance.randrange(len(held))
            group = held[start : start + chance.randint(1, 5)]
            total = sum(each.row_count or 0 for each in group)
            split = chance.randint(0, total)
            by = (item(f"w{number}a", split), item(f"w{number}b", total - split))
            counts = tuple(each.row_count or 0 for each in group)
            history.append(Replacement(tuple(each.blob for each in group), by, 0, 0, counts))
            held[start : start + len(group)] = by
        found = []
        for ranges in whole(held).values():
            for made in reversed(history):
                ranges = traced(ranges, made)
            found += [(each.blob, n) for each in ranges for n in range(each.start, each.stop)]
        assert found == first
