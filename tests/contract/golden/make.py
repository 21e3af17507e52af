"""Makes a golden journal, once: `python tests/contract/golden/make.py v1`. Never run over an old one.

All of them together have every event type, several per slot, keys and reasons, non-ASCII text, a
dropped and a restored dataset, a collected object: what a version of the format can say. The bytes
are kept for ever; what a later event type says gets a journal of its own.
"""

import hashlib
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec
from builders import (
    EMPTY,
    LAKE_BODY,
    blob,
    event,
    item,
    registered,
    schema,
    slot_body,
    source,
    stored,
)

from journal.access_events import (
    GrantDropped,
    GrantPut,
    PrincipalDropped,
    PrincipalLimits,
    PrincipalPut,
    TokenIssued,
    TokenRevoked,
)
from journal.block_hashes import BLOCK_BYTES
from journal.events import (
    Alias,
    ChangeSetCommitted,
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    DatasetUnpinned,
    Derivation,
    Erased,
    Event,
    FormatRaised,
    LakeAdopted,
    Lineage,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ProfileDropped,
    ProfilePut,
    Read,
    Renamed,
    Replacement,
    RowRange,
    RowsErased,
    RowStatement,
    SafeView,
    TypedChange,
    ViewDropped,
    ViewPut,
)
from journal.slot import decode_slot
from lakehouse.domain.dataset_rules import dataset_id
from projections.codec import state_root
from projections.fold import STATE_VERSION, fold

HERE = Path(__file__).parent
COLUMNS = schema(id="int64", zip="string", größe="double", at="timestamp[us, tz=UTC]")


def facts() -> list[list[Data]]:
    """What happens, slot by slot."""
    workers = registered(
        "Workers",
        item("p1"),
        fingerprint="9" * 64,
        schema=COLUMNS,
        source=source("s1", null="NA", delimiter=";"),
        renamed=(Renamed(2, "", "column2"),),
    )
    content = {name: getattr(workers, name) for name in DatasetAppended.__struct_fields__}
    appended = DatasetAppended(**(content | {"objects": (item("p2"),), "quarantine": (item("q"),)}))
    return [
        [stored("notes/å b.txt", "one"), stored("notes/å b.txt", "two"), stored("x")],
        [workers],
        [appended, registered("over_keys", item("x", None, own_key=False))],
        [DatasetDropped("Workers", dataset_id("Workers")), ObjectForgotten("x")],
        [DatasetRestored(4, **content)],
        [ObjectsMarked("run-1", 4, (blob("one"), blob("gone", 3)))],
        [ObjectsCollected("run-1", (blob("one"),))],
        [LakeAdopted(13, "a" * 64, "restored from a backup"), FormatRaised(1)],
        [DatasetPinned("Workers", 4, (blob("p1"),)), DatasetPinned("over_keys", 6, (blob("x"),))],
        [DatasetUnpinned("over_keys", 6)],
    ]


def change_sets() -> list[list[Data]]:
    """Renames, swaps and change sets, with what they do to pins and to histories."""
    a, b = registered("a", item("p1")), registered("b", item("p2"), row_count=None)
    appended = DatasetAppended(
        **{name: getattr(a, name) for name in DatasetAppended.__struct_fields__}
        | {"objects": (item("p3"),)}
    )
    blue_green = (
        DatasetDropped("b", dataset_id("b")),
        DatasetRenamed("C", "b", dataset_id("b")),
        registered("fresh", item("p4")),
        DatasetAppended(
            **{name: getattr(b, name) for name in DatasetAppended.__struct_fields__}
            | {"objects": (item("p5"),), "quarantine": (item("q"),)}
        ),
        DatasetsSwapped("fresh", "b"),
    )
    return [
        [a, b, appended],
        [DatasetPinned("a", 1, (blob("p1"),)), DatasetsSwapped("a", "b")],
        [DatasetRenamed("a", "C", dataset_id("C")), DatasetRenamed("C", "c", dataset_id("c"))],
        [ChangeSetCommitted(tuple(TypedChange(each.TYPE, each) for each in blue_green))],
        [DatasetRenamed("b", "a", dataset_id("a"))],
    ]


def definitions() -> list[list[Data]]:
    """Views and profiles: put, replaced, dropped, and together with other changes."""
    masks = (("email", "hash"), ("name", "constant:ж"))
    safe = SafeView("people", masks, "country = 'DE'", ("id",))
    columns = schema(id="int64", email="string")
    people = registered("people", item("p1"), schema=columns)
    adults = ViewPut("Adults", "SELECT id FROM people", None, "über 18", columns[:1], ("people",))
    switched = (
        ViewPut("open_people", None, safe, None, columns, ("people",)),
        ProfilePut("Blue", (Alias("people", "open_people", None),), "hidden"),
        ProfileDropped("books"),
    )
    return [
        [people, adults],
        [ViewPut("Adults", "SELECT 1 AS id", None, None, columns[:1], ())],
        [ProfilePut("books", (Alias("people", "people", "1"),), "visible")],
        [ChangeSetCommitted(tuple(TypedChange(each.TYPE, each) for each in switched))],
        [ViewDropped("Adults"), registered("adults", item("p2"))],
        [ProfileDropped("blue")],
    ]


def access() -> list[list[Data]]:
    """Principals, tokens and grants: put, replaced, ended, and on behalf of others."""
    limits = PrincipalLimits(queries=2, bytes_per_day=10**9)
    ana = PrincipalPut("ana@example.org", "user", True, None, False, PrincipalLimits())
    load = PrincipalPut("Load", "service", False, "Blue", False, limits)
    first = TokenIssued("k3f9", ana.name, "a" * 64, None, None)
    nightly = TokenIssued("m2", "Load", "b" * 64, "2027-01-01T00:00:00.000000Z", "für nachts")
    return [
        [ChangeSetCommitted((TypedChange(ana.TYPE, ana), TypedChange(first.TYPE, first)))],
        [load, nightly, GrantPut("Load", "sales_*", ("read", "write"))],
        [GrantPut("Load", "storage:raw/*", ("read",)), registered("sales_a", item("p1"))],
        [GrantPut("Load", "sales_*", ("manage",)), GrantDropped("Load", "storage:raw/*")],
        [TokenRevoked("m2", "Load"), msgspec.structs.replace(load, disabled=True)],
        [TokenIssued("q7", "Load", "c" * 64, None, None), PrincipalDropped("Load")],
    ]


def block_hashes() -> list[list[Data]]:
    """Objects of two and of three blocks, stored, ingested and in quarantine, beside one of one."""

    def blocks(count: int) -> dict[str, object]:
        digests = [hashlib.sha256(b"%d" % number).digest() for number in range(count)]
        recorded = b64encode(b"".join(digests)).decode()
        return {"size_bytes": (count - 1) * BLOCK_BYTES + 1, "block_hashes": recorded}

    kept = msgspec.structs.replace(stored("größe/k"), **blocks(2))
    rows, aside = (msgspec.structs.replace(item(name), **blocks(3)) for name in ("p1", "q1"))
    held = registered("a", rows, item("p2"), quarantine=(aside,))
    set_of = (kept, ObjectForgotten("größe/k"))
    return [
        [kept, held],
        [ObjectForgotten("größe/k")],
        [ChangeSetCommitted(tuple(TypedChange(each.TYPE, each) for each in set_of))],
    ]


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


FACTS: dict[str, Callable[[], list[list[Data]]]] = {
    "v1": facts,
    "v1-access": access,
    "v1-change-sets": change_sets,
    "v1-definitions": definitions,
    "v1-rewritten": rewritten,
    "v2-block-hashes": block_hashes,
    "v2-derivations": derivations,
    "v2-compactions": compactions,
    "v2-merged-derivations": merged_derivations,
    "v1-erasures": erasures,
}


def keyed(fact: Event) -> Event:
    """Every third event has a key, a reason, and another actor; a grant is made for another."""
    if isinstance(fact.data, GrantPut):
        fact = msgspec.structs.replace(fact, on_behalf_of="zoë")
    if fact.seq % 3:
        return fact
    return msgspec.structs.replace(
        fact, key=f"key-{fact.seq}", request="c" * 64, actor="jörg@host", reason='weil\'s "so" ist'
    )


def main(version: str) -> None:
    """Write the slots, the lake and what they fold to."""
    target = HERE / version
    target.mkdir()
    (target / "lake.json").write_bytes(LAKE_BODY)
    state = EMPTY
    for position, group in enumerate(FACTS[version](), 1):
        running, events = state, []
        for fact in group:
            made = keyed(event(running, fact))
            events.append(made)
            running = fold(state, decode_slot(slot_body(state, *events), position))
        body = slot_body(state, *events, commit=f"0193aaaa-0000-7000-8000-{position:012d}")
        (target / f"{position:020d}.ndjson").write_bytes(body)
        state = fold(state, decode_slot(body, position))
    expected = {
        "seq": state.head.seq,
        "sha256": state.head.sha256,
        "state_root": state_root(state),
        "state_version": STATE_VERSION,
    }
    (target / "expected.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(expected)) + b"\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
