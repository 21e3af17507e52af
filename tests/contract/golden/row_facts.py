"""What the golden journals say of changed rows: derived, rewritten, erased, compacted.

Must never change a journal that was written: another one says what is new.
"""

import msgspec
from builders import (
    blob,
    item,
    registered,
    source,
    stored,
)
from catalog_facts import COLUMNS

from journal.events import (
    ChangeSetCommitted,
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    Derivation,
    Erased,
    Lineage,
    ObjectsCollected,
    ObjectsMarked,
    Read,
    Renamed,
    Replacement,
    RowRange,
    RowsErased,
    RowStatement,
    TypedChange,
)
from lakehouse.domain.rules.datasets import dataset_id


def derivations() -> list[list[Data]]:
    """Results of statements: replaced, appended, restored, of the past, and in a change set."""
    reads = (
        Read("Größe", 1, dataset_id("Größe")),
        Read("adults", 2, None),
        Read("lake.events", 3, None, 3),
        Read("profile:books", 4, None),
    )
    whole = Derivation("SELECT '1' AS zip -- ж", '{"n": 170141183460469231731687303715884105727}', None,
                       reads, "books")  # fmt: skip
    past = Derivation("SELECT 2", None, 1, reads[:1])
    made = registered("made", item("p2"), derivation=whole)
    again = registered("made", item("p3"), derivation=past)
    content = {name: getattr(made, name) for name in DatasetAppended.__struct_fields__}
    added = DatasetAppended(**content | {"objects": (item("p4"),), "derivation": past})
    set_of = (registered("other", item("p5"), derivation=past), DatasetsSwapped("other", "made"))
    return [
        [registered("Größe", item("p1")), made],
        [again, DatasetRestored(2, **content)],
        [DatasetRenamed("made", "kept", dataset_id("kept")), added],
        [ChangeSetCommitted(tuple(TypedChange(each.TYPE, each) for each in set_of))],
    ]


def rewritten() -> list[list[Data]]:
    """Rows deleted, updated, merged and compacted; an object without a row left; together with others."""
    people = registered(
        "People", *map(item, ("p1", "p2", "p3")), schema=COLUMNS, source=source("s")
    )

    def of(kind: str, row_count: int, *replaced: Replacement, **more: object) -> DatasetRewritten:
        columns, print_ = people.schema, people.schema_fingerprint
        return DatasetRewritten(
            people.dataset_id, people.name, kind, print_, columns, replaced, row_count, **more
        )

    def became(was: str, now: str, added: int, removed: int, left: int) -> Replacement:
        return Replacement((blob(was),), (item(now, left),) if left else (), added, removed)

    deleted = of(
        "delete", 8, became("p1", "p4", 0, 2, 3), became("p2", "", 0, 5, 0),
        statement=RowStatement(where="größe > 1.5"),
    )  # fmt: skip
    updated = of(
        "update", 8, became("p3", "p5", 4, 4, 5),
        statement=RowStatement(
            "at < now()", (("zip", "'x'"), ("id", "id + 1")), now="2026-01-01T00:00:01.000000Z"
        ),
    )  # fmt: skip
    merged = of(
        "merge", 11, became("p4", "p6", 0, 1, 2), added=(item("p7", 4),), source=source("s2"),
        renamed=(Renamed(2, "", "column2"),), quarantine=(item("q1"),),
        statement=RowStatement(key=("id", "zip")),
    )  # fmt: skip
    overwritten = of("overwrite", 15, added=(item("p8", 4),), source=source("s3"))
    compacted = of("compact", 15, Replacement((blob("p6"), blob("p5")), (item("p9", 7),), 0, 0))
    both = (updated, DatasetRenamed("People", "crew", dataset_id("crew")))
    return [
        [people, deleted],
        [ChangeSetCommitted(tuple(TypedChange(each.TYPE, each) for each in both))],
        [DatasetRenamed("crew", "People", people.dataset_id), merged, overwritten],
        [compacted, DatasetDropped("People", people.dataset_id)],
    ]


def erasures() -> list[list[Data]]:
    """Objects replaced at every moment, twice, in several datasets; nothing left; a staged file."""
    three = registered(
        "Größe", item("p1"), item("p2"), item("p3"), row_count=15, quarantine=(item("q"),)
    )
    other = registered("other", item("p1"))
    first = (
        Erased(blob("p1"), item("r1", 4), 1),
        Erased(blob("p2"), None, 5),
        Erased(blob("q"), item("r2", 3), 2),
        Erased(blob("staged"), None, 0),
    )
    again = (Erased(blob("r1"), item("r3", 3), 1),)
    raw = (Erased(blob("raw"), item("raw", 1, own_key=False), 1),)
    raw = (msgspec.structs.replace(raw[0], by=msgspec.structs.replace(raw[0].by, blob=blob("r4"))),)
    return [
        [stored("raw"), three, other],
        [
            registered("over_keys", item("raw", own_key=False)),
            DatasetPinned("other", 3, (blob("p1"),)),
        ],
        [RowsErased(("Größe", "other"), first, "a" * 64, 2, 8)],
        [RowsErased(("Größe", "other"), again, "b" * 64, 3, 1)],
        [ObjectsCollected("run", (blob("p1"), blob("r1"))), DatasetDropped("Größe", "id")],
        [RowsErased(("over_keys",), raw, "c" * 64, 1, 1)],
    ]


def compactions() -> list[list[Data]]:
    """Objects merged with the rows of each; and rebuilt, in part, after gc has removed the first ones."""
    first, second, third = (item(name, 5) for name in ("c1", "c2", "c3"))
    first_two = registered("Crew", first, second, schema=COLUMNS, source=source("s"), row_count=10)
    fields = {name: getattr(first_two, name) for name in first_two.__struct_fields__}
    more = DatasetAppended(**fields | {"objects": (third,), "row_count": 5, "source": source("t")})
    blobs = tuple(each.blob for each in (first, second, third))
    made = Replacement(blobs, (item("c4", 12), item("c5", 3)), 0, 0, (5, 5, 5))
    compacted = DatasetRewritten(
        first_two.dataset_id, "Crew", "compact", first_two.schema_fingerprint, COLUMNS, (made,), 15
    )
    rows = (RowRange(first.blob, 0, 5), RowRange(second.blob, 0, 5))
    back = DatasetRestored(
        1, **fields | {"objects": (item("c6", 10),), "lineage": (Lineage(blob("c6"), rows),)}
    )
    return [
        [first_two, more],
        [compacted],
        [ObjectsMarked("run", 3, blobs), ObjectsCollected("run", blobs)],
        [back],
    ]


def merged_derivations() -> list[list[Data]]:
    """A statement's result merged by key: its rows take the place of others, and follow the rest."""
    people = registered("People", item("p1"), schema=COLUMNS, source=source("s"))
    reads = (Read("Größe", 1, dataset_id("Größe")),)
    merged = DatasetRewritten(
        *(people.dataset_id, people.name, "merge", people.schema_fingerprint, people.schema),
        (Replacement((blob("p1"),), (item("p2", 4),), 0, 1),),
        6,
        added=(item("p3", 2),),
        statement=RowStatement(key=("id",)),
        derivation=Derivation("SELECT 1 AS id", None, None, reads),
    )
    return [[registered("Größe", item("g1")), people], [merged]]


def streams() -> list[list[Data]]:
    """Groups of a stream: two in one slot, another request between them and the last."""

    def group(part: str, lines: str) -> Data:
        added = registered(
            "Clicks",
            item(part, 2),
            schema=COLUMNS,
            source=source(part, format="ndjson", lines=lines),
        )
        content = {name: getattr(added, name) for name in DatasetAppended.__struct_fields__}
        return DatasetAppended(**content)

    return [
        [group("s1", "1-3"), group("s2", "3-5")],
        [stored("between"), stored("them")],
        [group("s3", "5-6")],
    ]
