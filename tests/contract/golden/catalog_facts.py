"""What the golden journals say of names, objects, definitions and access: slots of events.

Must never change a journal that was written: another one says what is new.
"""

import hashlib
from base64 import b64encode

import msgspec
from builders import (
    blob,
    item,
    registered,
    schema,
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
    DatasetsSwapped,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ProfileDropped,
    ProfilePut,
    Renamed,
    SafeView,
    TypedChange,
    ViewDropped,
    ViewPut,
)
from journal.store_events import (
    CopiesCollected,
    CopiesReleased,
    CopyKey,
    ObjectsCopied,
    StoreDropped,
    StorePut,
)
from lakehouse.domain.rules.datasets import dataset_id

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


def stores() -> list[list[Data]]:
    """Stores, copies in them, a move out of the main store, a stray copy, and a removal of all copies."""
    cold = StorePut("cold", "s3://cold/größe", "cold", "s3|https://s3.example|cold/größe/")
    near = StorePut("near", "file:///near", None, "file|/near/")
    copied = ObjectsCopied(
        "cold", "r1", (CopyKey(blob("p1"), blob("c1", 3)), CopyKey(blob("p2"), blob("c2", 3)))
    )
    return [
        [cold, near, registered("a", item("p1"), item("p2"))],
        [copied, CopiesReleased("main", "r1", (blob("p1"),))],
        [
            CopiesCollected("main", "r1", (blob("p1"),)),
            CopiesReleased("cold", "r2", (blob("s", 4),)),
        ],
        [CopiesCollected("cold", "r2", (blob("s", 4),)), StoreDropped("near")],
        [ObjectsCopied("main", "r3", (CopyKey(blob("p1"), blob("c3", 8)),))],
        [
            CopiesReleased("cold", "r4", (blob("c1", 3),)),
            CopiesCollected("cold", "r4", (blob("c1", 3),)),
        ],
        [DatasetDropped("a", dataset_id("a")), ObjectsMarked("r5", 11, (blob("p2"),))],
        [ObjectsCollected("r5", (blob("p2"),)), msgspec.structs.replace(cold, credentials=None)],
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
