"""What differs between two states, as rows."""

from typing import Any

import msgspec
from builders import EMPTY, blob, given, item, registered, schema
from deciding import appended, ingested

from journal.events import DatasetDropped
from lakehouse.domain.diff import diff
from projections.fold import State


def rows_of(was: State, now: State) -> list[dict[str, Any]]:
    """As they are sent."""
    return msgspec.to_builtins(diff(was, now))


OLD = registered("w", item("p"), item("q"), schema=schema(id="int64"), row_count=7)


def test_an_added_dataset_is_a_row_of_what_it_holds() -> None:
    (row,) = rows_of(EMPTY, given(OLD))
    assert row == {
        "name": "w",
        "change": "added",
        "rows": {"from": None, "to": 7, "added": 7, "removed": 0},
        "objects": {"added": [blob("p"), blob("q")], "removed": []},
        "schema": [],
        "seq": {"from": None, "to": 1},
    }


def test_a_dropped_dataset_is_a_row_of_what_it_held() -> None:
    (row,) = rows_of(given(OLD), given(OLD, DatasetDropped("w", "id")))
    assert row == {
        "name": "w",
        "change": "dropped",
        "rows": {"from": 7, "to": None, "added": 0, "removed": 7},
        "objects": {"added": [], "removed": [blob("p"), blob("q")]},
        "schema": [],
        "seq": {"from": 1, "to": None},
    }


def test_a_changed_dataset_is_a_row_of_both() -> None:
    new = registered("W", item("q"), item("r"), schema=schema(id="string"), row_count=9)
    (row,) = rows_of(given(OLD), given(OLD, new))
    assert row == {
        "name": "W",
        "change": "changed",
        "rows": {"from": 7, "to": 9, "added": 5, "removed": 5},
        "objects": {"added": [blob("r")], "removed": [blob("p")]},
        "schema": [{"name": "id", "was": "int64", "is": "string"}],
        "seq": {"from": 1, "to": 2},
    }


def test_an_unknown_schema_is_not_compared() -> None:
    new = registered("w", item("p"), item("q"), row_count=7)
    assert [row["schema"] for row in rows_of(given(OLD), given(OLD, new))] == [[]]
    assert [row["schema"] for row in rows_of(given(new), given(new, OLD))] == [[]]


def test_the_same_content_from_another_event_is_no_difference() -> None:
    was = given(ingested("w", "p"))
    assert diff(was, given(ingested("w", "p"), ingested("w", "p"))) == []
    assert diff(was, given(registered("x"), DatasetDropped("x", "id"), ingested("w", "p"))) == []


def test_rows_stand_in_name_order() -> None:
    now = given(ingested("b", "1"), ingested("a", "2"), appended("c", "3"))
    assert [row["name"] for row in rows_of(EMPTY, now)] == ["a", "b", "c"]
    was = given(ingested("b", "1"), ingested("z", "2"))
    assert [row["name"] for row in rows_of(was, now)] == ["a", "c", "z"]
