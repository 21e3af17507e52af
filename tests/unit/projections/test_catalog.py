"""The catalog's fold, by equality."""

import msgspec
from builders import given, item, registered, restored, schema, sha, source, stored

from journal.events import DatasetAppended, DatasetDropped
from lakehouse.domain.rules.datasets import dataset_id
from projections import catalog, inventory
from projections.catalog import Dataset, Ingested

AT = "2026-01-01T00:00:0{}.000000Z"


def appended(
    name: str, *objects: object, row_count: int | None = 1, **more: object
) -> DatasetAppended:
    fields = (dataset_id(name), name, "f1", None, objects, row_count, source("s2"), (), ())
    return DatasetAppended(*fields)  # type: ignore[arg-type]


def test_a_registered_dataset_is_exactly_what_its_event_says() -> None:
    state = given(
        registered("Workers", item("a"), schema=schema(id="int64"), source=source("s1", null="NA"))
    )
    assert catalog.find(state.catalog, "wORKERS") == Dataset(
        dataset_id("Workers"),
        "Workers",
        "f1",
        schema(id="int64"),
        (item("a"),),
        1,
        (Ingested(sha("s1"), 100, (("null", "NA"),), 1),),
        (),
        (),
        AT.format(1),
        AT.format(1),
        1,
    )


def test_registered_again_it_keeps_its_first_time_and_takes_the_new_content() -> None:
    dataset = catalog.find(
        given(registered("w", item("a")), registered("w", item("b"))).catalog, "w"
    )
    assert dataset is not None
    assert (dataset.created_at, dataset.updated_at, dataset.seq) == (AT.format(1), AT.format(2), 2)
    assert dataset.objects == (item("b"),)


def test_an_append_adds_objects_rows_and_sources() -> None:
    state = given(registered("w", item("a"), source=source("s1")), appended("w", item("b")))
    dataset = catalog.find(state.catalog, "w")
    assert dataset is not None
    assert dataset.objects == (item("a"), item("b"))
    assert dataset.row_count == 2
    assert [each.seq for each in dataset.sources] == [1, 2]


def test_rows_are_unknown_as_soon_as_a_part_is() -> None:
    dataset = catalog.find(given(registered("w"), appended("w", row_count=None)).catalog, "w")
    assert dataset is not None
    assert dataset.row_count is None


def test_a_dropped_dataset_is_gone_in_every_spelling_and_begins_anew() -> None:
    dropped = DatasetDropped("w", dataset_id("w"))
    assert catalog.find(given(registered("w"), dropped).catalog, "W") is None
    again = catalog.find(given(registered("w"), dropped, registered("W")).catalog, "w")
    assert again is not None
    assert (again.name, again.created_at) == ("W", AT.format(3))


def test_a_restored_dataset_is_what_its_event_says() -> None:
    state = given(registered("w", item("a")), registered("w"), restored("w", item("a")))
    dataset = catalog.find(state.catalog, "w")
    assert dataset is not None
    assert dataset.objects == (item("a"),)


def test_datasets_list_in_name_order_after_a_name() -> None:
    state = given(registered("b"), registered("C"), registered("a"), stored("zzz"))
    assert [each.name for each in catalog.in_name_order(state.catalog)] == ["C", "a", "b"]
    assert [each.name for each in catalog.in_name_order(state.catalog, "C")] == ["a", "b"]


def test_an_append_may_widen_the_schema_of_the_whole() -> None:
    wider = msgspec.structs.replace(
        appended("w", item("b")), schema_fingerprint="f2", schema=schema(id="double")
    )
    state = given(registered("w", item("a"), schema=schema(id="int64")), wider)
    dataset = catalog.find(state.catalog, "w")
    assert dataset is not None
    assert (dataset.schema_fingerprint, dataset.schema) == ("f2", schema(id="double"))


def test_objects_that_no_file_brought_count_as_a_source_of_their_own() -> None:
    dataset = catalog.find(given(registered("w", item("a")), appended("w", item("b"))).catalog, "w")
    assert dataset is not None
    assert [each.sha256 for each in dataset.sources] == ["", sha("s2")]


def test_rows_that_came_again_leave_the_quarantine_and_nothing_holds_it() -> None:
    first = registered("w", item("a"), quarantine=(item("q"), item("r")))
    again = msgspec.structs.replace(
        appended("w", item("b")),
        source=source("s2", retries=item("q").blob),
        quarantine=(item("s"),),
    )
    state = given(first, again)
    dataset = catalog.find(state.catalog, "w")
    assert dataset is not None
    assert dataset.quarantine == (item("r"), item("s"))
    held = [inventory.is_held(state.inventory, item(name).blob) for name in "qrs"]
    assert held == [False, True, True]
    assert inventory.current(state.inventory, item("q").key) is None


def test_a_dataset_whose_sources_all_have_names_has_no_unnamed_one() -> None:
    named = given(registered("w", item("a"), source=source("s1"))).catalog.datasets["w"]
    assert catalog.unnamed(named) is None
    assert catalog.unnamed(given(registered("w", item("a"))).catalog.datasets["w"]) == 1
    assert catalog.unnamed(given(registered("w")).catalog.datasets["w"]) is None
