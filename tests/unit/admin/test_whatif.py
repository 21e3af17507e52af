"""What if some events had never happened: the catalog without them, and what falls with them."""

from builders import EMPTY, blob, event, given, item, registered, stored

from journal.events import Data, DatasetAppended, DatasetDropped, ObjectForgotten, ObjectsMarked
from lakehouse.admin.what_if import WhatIf
from lakehouse.domain.diff import diff
from projections.moment import Moment


def without(seqs: set[int], *facts: Data) -> WhatIf:
    sides = WhatIf(EMPTY, frozenset(seqs))
    for seq, fact in enumerate(facts, 1):
        sides.add(event(sides.was, fact), Moment(seq, seq, f"2026-01-01T00:00:{seq:02d}.000000Z"))
    return sides


def names(sides: WhatIf) -> list[str]:
    return sorted(sides.now.catalog.datasets)


def codes(sides: WhatIf) -> list[tuple[int, str]]:
    return [(each.seq, each.code) for each in sides.left]


def appended(name: str, part: str, fingerprint: str = "f1") -> Data:
    content = registered(name, item(part), fingerprint=fingerprint)
    return DatasetAppended(
        **{each: getattr(content, each) for each in DatasetAppended.__struct_fields__}
    )


def test_without_nothing_all_is_as_it_was() -> None:
    facts = [registered("w", item("p")), stored("a"), DatasetDropped("w", "id")]
    sides = without(set(), *facts)
    assert sides.left == []
    assert diff(sides.was, sides.now) == []
    assert sides.now.catalog == given(*facts).catalog


def test_a_drop_that_never_was_leaves_the_dataset() -> None:
    sides = without({2}, registered("w", item("p")), DatasetDropped("w", "id"))
    assert (names(sides), codes(sides)) == (["w"], [])
    assert [row["change"] for row in diff(sides.was, sides.now)] == ["added"]


def test_what_took_it_away_would_have_been_refused() -> None:
    sides = without({1}, registered("w", item("p")), DatasetDropped("w", "id"))
    assert codes(sides) == [(2, "dataset_not_found")]


def test_what_was_built_on_it_falls_with_it() -> None:
    sides = without({1}, stored("a"), registered("w", item("a", own_key=False)))
    assert codes(sides) == [(2, "object_missing")]
    assert names(sides) == []


def test_a_name_that_was_free_is_taken() -> None:
    facts = [registered("w"), DatasetDropped("w", "id"), registered("W")]
    assert codes(without({2}, *facts)) == [(3, "name_taken")]


def test_a_schema_that_was_gone_is_there() -> None:
    facts = [
        registered("w", fingerprint="f0"),
        DatasetDropped("w", "id"),
        registered("w"),
        appended("w", "p"),
    ]
    sides = without({2}, *facts)
    assert codes(sides) == [(3, "schema_conflict"), (4, "schema_conflict")]


def test_what_is_needed_is_not_taken_away() -> None:
    facts = [
        registered("w", item("p")),
        DatasetDropped("w", "id"),
        ObjectsMarked("r", 2, (blob("p"),)),
    ]
    assert codes(without({2}, *facts)) == [(3, "object_in_use")]
    held = [stored("a"), registered("w", item("a", own_key=False)), DatasetDropped("w", "id")]
    assert codes(without({3}, *held, ObjectForgotten("a"))) == [(4, "object_in_use")]


def test_an_append_alone_makes_the_dataset() -> None:
    sides = without({1}, registered("w", item("p")), appended("w", "q"))
    assert (names(sides), codes(sides)) == (["w"], [])
