"""Stores and copies: which may be put, what may be recorded, and what may never be released."""

import pytest
from builders import blob, given, item, registered
from deciding import code, when

from journal.bucket.keys import Tag, object_blob
from journal.events import Data, DatasetDropped, ObjectsCollected, ObjectsMarked
from journal.store_events import (
    MAIN,
    CopiesCollected,
    CopiesReleased,
    CopyKey,
    ObjectsCopied,
    StoreDropped,
    StorePut,
)
from lakehouse.domain.commands import MarkObjects, RecordCollected
from lakehouse.domain.decision import Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.undo import inverse
from lakehouse.domain.stores.commands import (
    DropStore,
    PutStore,
    RecordCopies,
    RecordCopiesCollected,
    ReleaseCopies,
)
from projections import stores
from projections.stores import Copy

COLD = StorePut("cold", "s3://cold", None, "s3||cold/")
P, Q = blob("p"), blob("q")


def key(name: str, mint_seq: int = 2) -> str:
    """The key of a copy."""
    return object_blob(blob(name)[8:72], Tag("0193aaaa", mint_seq, f"copy{name}"))


FACTS: tuple[Data, ...] = (COLD, registered("a", item("p"), item("q")))
COPIED = ObjectsCopied("cold", "r", (CopyKey(P, key("p")),))
MOVED = (*FACTS, COPIED, CopiesReleased(MAIN, "r", (P,)))


def put(id_: str, place: str, credentials: str | None = None) -> PutStore:
    return PutStore(id_, "s3://cold", credentials, place, "file|/lake/")


def copy(*names: str, store: str = "cold") -> RecordCopies:
    return RecordCopies(store, "r", tuple(CopyKey(blob(name), key(name)) for name in names))


class TestStores:
    def test_a_store_is_put_once_and_again_with_other_credentials(self) -> None:
        assert when(put("cold", "s3||cold/")) == COLD
        assert when(put("cold", "s3||cold/"), COLD) == Unchanged(1)
        other = when(put("cold", "s3||cold/", "keys"), *FACTS, COPIED)
        assert other == StorePut("cold", "s3://cold", "keys", "s3||cold/")

    @pytest.mark.parametrize(
        "place", ["s3||cold/", "s3||cold/in/it/", "s3||", "file|/lake/sub/", "file|/"]
    )
    def test_one_place_has_one_id(self, place: str) -> None:
        assert code(when(put("other", place), COLD)) == "store_taken"

    def test_a_place_whose_name_begins_alike_is_another(self) -> None:
        assert isinstance(when(put("other", "s3||colder/"), COLD), StorePut)

    def test_main_is_taken(self) -> None:
        assert code(when(put(MAIN, "s3||x/"))) == "store_taken"

    def test_a_store_with_copies_neither_moves_nor_goes(self) -> None:
        assert code(when(put("cold", "s3||new/"), *FACTS, COPIED)) == "store_in_use"
        assert code(when(DropStore("cold"), *FACTS, COPIED)) == "store_in_use"
        stray = CopiesReleased("cold", "r", (key("s"),))
        assert code(when(DropStore("cold"), COLD, stray)) == "store_in_use"
        assert when(DropStore("cold"), *FACTS) == StoreDropped("cold")
        assert code(when(DropStore("warm"), *FACTS)) == "store_not_found"


class TestCopies:
    def test_what_is_needed_is_recorded(self) -> None:
        assert when(copy("p", "q"), *FACTS) == ObjectsCopied("cold", "r", copy("p", "q").copies)

    def test_a_second_copy_in_one_store_is_left_out(self) -> None:
        again = RecordCopies("cold", "r", (CopyKey(P, key("z")), CopyKey(Q, key("q"))))
        assert when(again, *FACTS, COPIED) == ObjectsCopied("cold", "r", copy("q").copies)
        assert when(copy("p", store=MAIN), *FACTS) == Unchanged(None)

    def test_an_unknown_or_marked_or_collected_blob_is_left_out(self) -> None:
        assert when(copy("x"), *FACTS) == Unchanged(None)
        marked = (*FACTS, DatasetDropped("a", "id"), ObjectsMarked("g", 3, (P,)))
        assert when(copy("p"), *marked) == Unchanged(None)
        assert when(copy("p"), *marked, ObjectsCollected("g", (P,))) == Unchanged(None)

    def test_a_key_that_any_event_has_named_is_never_used_again(self) -> None:
        released = (*FACTS, CopiesReleased("cold", "r", (key("p"),)))
        assert when(copy("p"), *released) == Unchanged(None)
        gone = (*released, CopiesCollected("cold", "r", (key("p"),)))
        assert when(copy("p"), *gone) == Unchanged(None)
        own = RecordCopies("cold", "r", (CopyKey(P, P),))
        assert when(own, *FACTS) == Unchanged(None)
        of_another = RecordCopies("cold", "r", (CopyKey(Q, key("p")),))
        assert when(of_another, *FACTS, COPIED) == Unchanged(None)

    def test_a_store_must_exist(self) -> None:
        assert code(when(copy("p", store="warm"), *FACTS)) == "store_not_found"


class TestRelease:
    def test_the_last_copy_is_never_released(self) -> None:
        assert when(ReleaseCopies(MAIN, "r", (P,)), *FACTS) == Unchanged(None)
        assert when(ReleaseCopies(MAIN, "r", (P, Q)), *FACTS, COPIED) == MOVED[-1]
        assert when(ReleaseCopies("cold", "r", (key("p"),)), *MOVED) == Unchanged(None)

    def test_a_key_that_no_copy_has_is_released_in_its_store(self) -> None:
        stray = ReleaseCopies("cold", "r", (key("s"),))
        assert when(stray, *FACTS) == CopiesReleased("cold", "r", (key("s"),))
        assert when(ReleaseCopies(MAIN, "r", (key("s"),)), *FACTS) == Unchanged(None)
        assert when(stray, *FACTS, CopiesReleased("cold", "r", (key("s"),))) == Unchanged(None)

    def test_a_copy_is_not_released_under_the_name_of_another_store(self) -> None:
        facts = (*FACTS, COPIED, StorePut("near", "file:///n", None, "file|/n/"))
        assert when(ReleaseCopies("near", "r", (key("p"), P)), *facts) == Unchanged(None)

    def test_only_what_is_released_can_be_called_collected(self) -> None:
        record = RecordCopiesCollected(MAIN, "r", (P, Q))
        assert when(record, *FACTS, COPIED) == Unchanged(None)
        assert when(record, *MOVED) == CopiesCollected(MAIN, "r", (P,))
        assert when(record, *MOVED, CopiesCollected(MAIN, "r", (P,))) == Unchanged(None)

    def test_a_copy_in_main_is_no_unregistered_object(self) -> None:
        back = ObjectsCopied(MAIN, "r", (CopyKey(P, key("b")),))
        facts = (*MOVED, CopiesCollected(MAIN, "r", (P,)), back)
        assert when(MarkObjects("g", 99, (key("b"),)), *facts) == Unchanged(None)


class TestFold:
    def test_a_move_and_back(self) -> None:
        assert stores.readable(given(*FACTS).stores, P) == (Copy(MAIN, P),)
        moved = given(*MOVED).stores
        assert stores.copies_of(moved, P) == (Copy(MAIN, P, 4), Copy("cold", key("p")))
        assert list(stores.released(moved)) == [(MAIN, P, 4)]
        gone = (*MOVED, CopiesCollected(MAIN, "r", (P,)))
        assert stores.copies_of(given(*gone).stores, P) == (Copy("cold", key("p")),)
        back = ObjectsCopied(MAIN, "r", (CopyKey(P, key("b")),))
        assert stores.readable(given(*gone, back).stores, P)[1] == Copy(MAIN, key("b"))

    def test_what_is_in_main_alone_again_has_no_entry(self) -> None:
        undone = (
            CopiesReleased("cold", "r", (key("p"),)),
            CopiesCollected("cold", "r", (key("p"),)),
        )
        now = given(*FACTS, COPIED, *undone).stores
        assert (dict(now.copies), dict(now.blobs)) == ({}, {})

    def test_a_blob_is_collected_with_all_its_copies(self) -> None:
        facts = (*FACTS, COPIED, DatasetDropped("a", "id"), ObjectsMarked("g", 4, (P,)))
        assert when(RecordCollected("g", (P,)), *facts) == ObjectsCollected("g", (P,))
        now = given(*facts, ObjectsCollected("g", (P,)))
        assert (dict(now.stores.copies), dict(now.stores.blobs)) == ({}, {})

    def test_the_key_of_a_blob_that_lives_is_not_gone(self) -> None:
        now = given(*MOVED, CopiesCollected(MAIN, "r", (P,))).inventory
        assert P in now.blobs
        assert P not in now.gone


def test_none_of_it_is_undone() -> None:
    undone = inverse(COPIED, given(*FACTS))
    assert isinstance(undone, Refused)
    assert undone.code == "cannot_undo"
