"""What if some events had never happened: the catalog without them, and what falls with them."""

import msgspec
from builders import (
    EMPTY,
    blob,
    change_set,
    event,
    given,
    item,
    registered,
    restored,
    schema,
    source,
    stored,
)

from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRenamed,
    DatasetsSwapped,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ProfileDropped,
    ProfilePut,
)
from lakehouse.admin.what_if import Left, WhatIf
from lakehouse.domain.diff import diff
from lakehouse.domain.rules.datasets import dataset_id
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


def ingested(name: str, *parts: str, fingerprint: str = "f1") -> Data:
    objects = tuple(item(part) for part in parts)
    about = {"schema": schema(n="int64"), "source": source(name + fingerprint)}
    return registered(name, *objects, fingerprint=fingerprint, **about)


def appended(name: str, part: str, fingerprint: str = "f1") -> Data:
    content = ingested(name, part, fingerprint=fingerprint)
    return DatasetAppended(
        **{each: getattr(content, each) for each in DatasetAppended.__struct_fields__}
    )


def test_without_nothing_all_is_as_it_was() -> None:
    facts = [ingested("w", "p"), stored("a"), DatasetDropped("w", "id")]
    sides = without(set(), *facts)
    assert sides.left == []
    assert diff(sides.was, sides.now) == []
    assert sides.now.catalog == given(*facts).catalog


def test_a_drop_that_never_was_leaves_the_dataset() -> None:
    sides = without({2}, ingested("w", "p"), DatasetDropped("w", "id"))
    assert (names(sides), codes(sides)) == (["w"], [])
    assert [row.change for row in diff(sides.was, sides.now)] == ["added"]


def test_what_took_it_away_would_have_been_refused() -> None:
    sides = without({1}, ingested("w", "p"), DatasetDropped("w", "id"))
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
        ingested("w", fingerprint="f0"),
        DatasetDropped("w", "id"),
        ingested("w"),
        appended("w", "p"),
    ]
    sides = without({2}, *facts)
    assert codes(sides) == [(3, "schema_conflict"), (4, "schema_conflict")]


def test_what_is_needed_is_not_taken_away() -> None:
    facts = [
        ingested("w", "p"),
        DatasetDropped("w", "id"),
        ObjectsMarked("r", 2, (blob("p"),)),
    ]
    assert codes(without({2}, *facts)) == [(3, "object_in_use")]
    held = [stored("a"), registered("w", item("a", own_key=False)), DatasetDropped("w", "id")]
    assert codes(without({3}, *held, ObjectForgotten("a"))) == [(4, "object_in_use")]


def test_an_append_alone_makes_the_dataset() -> None:
    sides = without({1}, ingested("w", "p"), appended("w", "q"))
    assert (names(sides), codes(sides)) == (["w"], [])


def test_an_append_after_a_drop_adds_to_what_the_drop_removed() -> None:
    facts = [ingested("w", "p"), DatasetDropped("w", "id"), appended("w", "q")]
    sides = without({2}, *facts)
    assert codes(sides) == []
    assert sides.was.catalog.datasets["w"].objects == (item("q"),)
    assert sides.now.catalog.datasets["w"].objects == (item("p"), item("q"))


def test_an_append_that_widened_what_a_drop_removed_is_judged_by_the_rules() -> None:
    facts = [ingested("w", "p", fingerprint="f0"), DatasetDropped("w", "id"), appended("w", "q")]
    (left,) = without({2}, *facts).left
    assert (left.seq, left.type, left.code) == (3, "dataset_appended", "schema_conflict")


def test_a_registered_dataset_holds_the_versions_that_its_keys_name_then() -> None:
    second = msgspec.structs.replace(item("2"), key="a")
    facts = [stored("a", "1"), stored("a", "2"), registered("w", second)]
    sides = without({2}, *facts)
    assert codes(sides) == []
    assert [each.blob for each in sides.now.catalog.datasets["w"].objects] == [blob("1")]


def test_what_never_was_is_neither_restored_nor_pinned() -> None:
    facts = [
        ingested("w", "p"),
        DatasetDropped("w", "id"),
        restored("w", item("p")),
        DatasetPinned("w", 1, (blob("p"),)),
        DatasetUnpinned("w", 1),
    ]
    assert codes(without({1}, *facts)) == [
        (2, "dataset_not_found"),
        (3, "object_missing"),
        (4, "object_missing"),
        (5, "pin_not_found"),
    ]


def test_what_gc_took_is_kept_once_a_drop_never_was() -> None:
    blobs = (blob("p"), blob("q"))
    facts = [
        ingested("w", "p"),
        ingested("v", "q"),
        DatasetDropped("w", "id"),
        DatasetDropped("v", "id"),
        ObjectsMarked("r", 4, blobs),
        ObjectsCollected("r", blobs),
    ]
    sides = without({3}, *facts)
    assert codes(sides) == [(5, "object_in_use"), (6, "object_in_use")]
    assert names(sides) == ["w"]


def test_a_delete_of_what_was_never_stored_changes_nothing() -> None:
    facts = [
        stored("a", "1"),
        ObjectForgotten("a"),
        stored("a", "1"),
    ]
    sides = without({1}, *facts)
    assert codes(sides) == []
    assert set(sides.now.inventory.keys) == {"a"}


def test_a_rename_moves_what_is_there_without_them() -> None:
    renamed = DatasetRenamed("w", "v", dataset_id("v"))
    sides = without({2}, ingested("w", "p"), appended("w", "q"), renamed)
    assert names(sides) == ["v"]
    assert sides.now.catalog.datasets["v"].objects == (item("p"),)


def test_a_change_set_stands_or_falls_as_a_whole() -> None:
    both = change_set(DatasetsSwapped("w", "v"), DatasetDropped("w", dataset_id("w")))
    sides = without({2}, ingested("w", "p"), appended("w", "q"), ingested("v", "r"), both)
    assert sides.now.catalog.datasets["v"].objects == (item("p"),)
    assert names(sides) == ["v"]
    sides = without({2}, ingested("w", "p"), ingested("v", "r"), both)
    assert codes(sides) == [(3, "dataset_not_found")]
    assert names(sides) == ["w"]


def test_notes_of_operators_stand_by_themselves() -> None:
    facts = [FormatRaised(1), LakeAdopted(9, "a" * 64, "note"), stored("a")]
    assert codes(without({3}, *facts)) == []


def same(*facts: Data) -> None:
    """Without nothing each event becomes itself again, in every part of the state."""
    sides = without(set(), *facts)
    assert sides.left == []
    assert sides.now == sides.was


def test_every_event_becomes_itself_again() -> None:
    quarantined = msgspec.structs.replace(ingested("w", "p"), quarantine=(item("q"),), row_count=3)
    again = msgspec.structs.replace(
        appended("w", "r"), source=source("again", retries=item("q").key), row_count=4
    )
    hashed = msgspec.structs.replace(stored("h"), block_hashes="h" * 44)
    named = registered("v", item("a", None, own_key=False), row_count=9)
    restored_ = msgspec.structs.replace(
        restored("w", item("p")), schema=schema(n="int64"), source=source("wf1"), row_count=3
    )
    same(quarantined, again, DatasetDropped("w", dataset_id("w")), restored_)
    same(stored("a"), hashed, named, stored("a", "2"), ObjectForgotten("a"))
    same(ingested("w", "p"), DatasetPinned("w", 1, (blob("p"),)), DatasetUnpinned("w", 1))
    same(FormatRaised(1), LakeAdopted(9, "a" * 64, "note"))
    blobs = (blob("p"),)
    drop = DatasetDropped("w", dataset_id("w"))
    same(ingested("w", "p"), drop, ObjectsMarked("r", 2, blobs), ObjectsCollected("r", blobs))


def test_an_event_that_changed_a_schema_may_do_so_again() -> None:
    old = registered("w", item("p"), fingerprint="f0", schema=schema(n="bool"), source=source("1"))
    wide = msgspec.structs.replace(appended("w", "q"), schema=schema(n="string", m="bool"))
    same(old, wide)
    same(old, registered("w", item("q"), schema=schema(m="string"), source=source("2")))


def test_what_is_left_out_says_why() -> None:
    blobs = (blob("p"), blob("q"))
    facts = [
        ingested("w", "p"),
        ingested("v", "q"),
        DatasetDropped("w", "id"),
        DatasetDropped("v", "id"),
        ObjectsMarked("r", 4, blobs),
        DatasetPinned("w", 1, (blob("p"),)),
    ]
    (some,) = without({3}, *facts[:5]).left
    assert some == Left(5, "objects_marked", "object_in_use", "some objects are in use")
    (all_,) = without({3, 4}, *facts[:5]).left
    assert all_ == Left(5, "objects_marked", "object_in_use", "all of its objects are in use")
    gone = without({1}, *facts[:1], *facts[5:]).left
    assert gone == [
        Left(
            2,
            "dataset_pinned",
            "object_missing",
            "without those events w lacks 1 object",
        )
    ]


def test_what_gc_marks_once_a_pin_never_was_is_not_ingested_again() -> None:
    facts = [
        stored("a", "1"),
        stored("a", "2"),
        ObjectsMarked("r", 2, (blob("1"),)),
        stored("b", "1"),
    ]
    (left,) = without({4}, *facts, stored("a", "1")).left
    detail = f"event 3 marked {blob('1')} for removal"
    assert left == Left(5, "object_stored", "objects_collected", detail)


def test_a_pin_keeps_its_name_and_seq() -> None:
    facts = [stored("x"), ingested("w", "p"), DatasetPinned("w", 2, (blob("p"),))]
    sides = without({1}, *facts)
    assert sides.now.inventory.pins == sides.was.inventory.pins


def test_definitions_become_themselves_again() -> None:
    put, hidden = ProfilePut("p", (), "visible"), ProfilePut("q", (), "hidden")
    same(put, hidden, ProfileDropped("p"))
    assert codes(without({1}, put, hidden, ProfileDropped("p"))) == [(3, "profile_not_found")]
