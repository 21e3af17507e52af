"""Compaction over HTTP: the same rows in the same order, before and after, in fewer objects."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from change_set_requests import history
from lake_server import Lake
from raw_http import Answer
from refusals import nothing_changes, refused

from lakehouse.formats.parquet.field_ids import has_field_ids

Fresh = Callable[[], str]
PARQUET = (("Content-Type", "application/vnd.apache.parquet"),)


def compact(lake: Lake, name: str | None, **more: Any) -> Answer:
    return lake.ask("POST", "/v1/catalog/compact", {"name": name, **more})


def objects(lake: Lake, name: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.manifest(name, query).json["objects"]
    return found


def rows(lake: Lake, name: str, **more: Any) -> list[Any]:
    found: list[Any] = lake.sql(f"SELECT * FROM {name}", **more).json["rows"]
    return found


def appended(lake: Lake, name: str, count: int) -> str:
    for number in range(count):
        body = f"n,s\n{2 * number},x\n{2 * number + 1},\n".encode()
        assert lake.ingest(f"name={name}&mode=append", body).status == 200
    return name


def upload(lake: Lake, name: str, table: pa.Table, mode: str = "append") -> Answer:
    body = BytesIO()
    pq.write_table(table, body)
    answer = lake.ingest(f"name={name}&mode={mode}&format=parquet", body.getvalue(), PARQUET)
    assert answer.status == 200, answer.json
    return answer


class TestRows:
    def test_they_and_their_order_stay_and_every_moment_too(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 30)
        before, middle = rows(lake, name), lake.head() - 10
        then = rows(lake, name, as_of=middle)
        answer = compact(lake, name)
        (done,) = answer.json["datasets"]
        assert (done["objects_before"], done["objects_after"], done["rows"]) == (30, 1, 60)
        assert done["bytes_written"] < done["bytes_read"]
        assert done["problems"] == done["columns"] == []
        assert history(lake, name)[-1] == (answer.json["seq"], "dataset_rewritten")
        assert rows(lake, name) == before == [[n, "x" if n % 2 == 0 else None] for n in range(60)]
        assert rows(lake, name, as_of=middle) == then
        assert rows(lake, name, as_of=answer.json["seq"] - 1) == before
        assert len(objects(lake, name)) == 1
        assert lake.manifest(name).json["row_count"] == 60

    def test_later_appends_come_after_them(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 3)
        compact(lake, name)
        lake.ingest(f"name={name}&mode=append", b"n,s\n9,y\n")
        assert rows(lake, name)[-1] == [9, "y"]
        assert len(objects(lake, name)) == 2

    def test_what_is_compact_makes_no_event(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 3)
        compact(lake, name)
        with nothing_changes(lake):
            assert compact(lake, name).json["datasets"] == []

    def test_a_dry_run_changes_nothing(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 3)
        with nothing_changes(lake):
            answer = compact(lake, name, dry_run=True)
        (done,) = answer.json["datasets"]
        assert (done["objects_before"], done["objects_after"], done["rows"]) == (3, 1, 6)
        assert done["bytes_written"] is None


class TestTypes:
    def test_foreign_field_ids_and_types_become_ours(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        table = pa.table(
            {
                "id": pa.array([2**32 - 1, 7], pa.uint32()),
                "t": pa.array([1_000, 2_000], pa.timestamp("ns")),
            }
        )
        upload(lake, name, table)
        before = lake.sql(f"SELECT id, t FROM {name}").json["rows"]
        (done,) = compact(lake, name).json["datasets"]
        assert done["columns"] == [
            {"name": "id", "was": "uint32", "is": "int64"},
            {"name": "t", "was": "timestamp[ns]", "is": "timestamp[us]"},
        ]
        schema = {each["name"]: each["type"] for each in lake.manifest(name).json["schema"]}
        assert schema == {"id": "int64", "t": "timestamp[us]"}
        assert lake.sql(f"SELECT id, t FROM {name}").json["rows"] == before
        with pq.ParquetFile(Path(lake.bucket, objects(lake, name)[0]["key"])) as file:
            assert has_field_ids(file.schema_arrow)
            assert str(file.schema_arrow.field("id").type) == "int64"
        with nothing_changes(lake):
            assert compact(lake, name).json["datasets"] == []

    def test_widened_columns_are_written_with_todays_types(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"v\n1\n2\n")
        lake.ingest(f"name={name}&mode=append&schema_change=widen", b"v\n0.5\n")
        lake.ingest(f"name={name}&mode=append&schema_change=widen", b"v,w\nx,1\n")
        before = rows(lake, name)
        assert compact(lake, name).status == 200
        assert rows(lake, name) == before
        (only,) = objects(lake, name)
        with pq.ParquetFile(Path(lake.bucket, only["key"])) as file:
            assert [str(each.type) for each in file.schema_arrow] == ["string", "int64"]

    def test_without_a_name_only_small_objects_are_merged(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        upload(lake, name, pa.table({"id": pa.array([1], pa.uint32())}))
        with nothing_changes(lake):
            found = compact(lake, None, dry_run=True).json["datasets"]
        assert name not in [each["name"] for each in found]

    def test_a_file_read_as_the_old_type_still_fits(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        table = pa.table({"id": pa.array([1], pa.uint16())})
        upload(lake, name, table)
        compact(lake, name)
        upload(lake, name, table)
        assert rows(lake, name) == [[1], [1]]


class TestRegistered:
    def test_by_name_alone_and_the_keys_stay(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        keys = [f"{name}/{number}.parquet" for number in range(3)]
        for number, key in enumerate(keys):
            body = BytesIO()
            pq.write_table(pa.table({"n": [number]}), body)
            lake.put(key, body.getvalue())
        lake.register(name, *keys)
        compact(lake, None)
        assert len(objects(lake, name)) == 3
        (done,) = compact(lake, name).json["datasets"]
        assert (done["objects_after"], done["rows"]) == (1, None)
        assert rows(lake, name) == [[0], [1], [2]]
        assert all(lake.get(key).status == 200 for key in keys)
        assert lake.delete(keys[0]).status == 204
        assert lake.manifest(name).json["schema_fingerprint"] == "f1"

    def test_what_cannot_be_read_is_left_with_the_reason(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        keys = [f"{name}/{number}" for number in range(2)]
        for key in keys:
            lake.put(key, b"no Parquet")
        lake.register(name, *keys)
        with nothing_changes(lake):
            (done,) = compact(lake, name).json["datasets"]
        assert done["objects_after"] == 2
        (problem,) = done["problems"]
        assert "/" not in problem


class TestIdempotency:
    def test_the_first_event_has_the_key_and_the_request_goes_on_when_sent_again(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        one, other = appended(lake, fresh(), 3), appended(lake, fresh(), 3)
        key = (("Idempotency-Key", f"key-{one}"),)
        body = {"target_mb": 64}
        answer = lake.ask("POST", "/v1/catalog/compact", body, key)
        assert answer.status == 200, answer.json
        assert len(objects(lake, one)) == len(objects(lake, other)) == 1
        with nothing_changes(lake):
            again = lake.ask("POST", "/v1/catalog/compact", body, key)
            assert again.json["datasets"] == []
        more = appended(lake, fresh(), 3)
        assert lake.ask("POST", "/v1/catalog/compact", body, key).status == 200
        assert len(objects(lake, more)) == 1
        another = lake.ask("POST", "/v1/catalog/compact", {"target_mb": 65}, key)
        refused(another, 422, "idempotency_key_reused")


class TestRefusals:
    def test_an_unknown_dataset(self, lake: Lake) -> None:
        refused(compact(lake, "nowhere"), 404, "dataset_not_found")

    @pytest.mark.parametrize("target_mb", [0, 1025, "x"])
    def test_a_size_out_of_bounds(self, target_mb: Any, lake: Lake) -> None:
        refused(compact(lake, None, target_mb=target_mb), 400, "invalid_request")


class TestUndo:
    def test_a_compaction_cannot_be_undone(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 3)
        seq = compact(lake, name).json["seq"]
        refused(lake.ask("POST", "/v1/journal/undo", {"seq": seq}), 409, "cannot_undo")

    def test_what_came_before_can_be_undone(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 3)
        last = lake.head()
        compact(lake, name)
        answer = lake.ask("POST", "/v1/journal/undo", {"seq": last, "dry_run": False})
        assert answer.status == 200, json.dumps(answer.json)
        assert [row[0] for row in rows(lake, name)] == [0, 1, 2, 3]

    def test_an_append_can_be_undone_after_gc_removed_its_objects(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = appended(lake, fresh(), 4)
        last = lake.head()
        compact(lake, name)
        collected(lake)
        refused(
            lake.ask("POST", "/v1/catalog/restore", {"name": name, "as_of": last - 1}),
            *(410, "objects_collected"),
        )
        with nothing_changes(lake):
            dry = lake.ask("POST", "/v1/journal/undo", {"seq": last})
        assert dry.json["dry_run"] is True
        (difference,) = dry.json["datasets"]
        assert (difference["rows"]["from"], difference["rows"]["to"]) == (8, 6)
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": last, "dry_run": False})
        assert undone.status == 200, undone.json
        assert rows(lake, name) == [[n, "x" if n % 2 == 0 else None] for n in range(6)]
        assert lake.manifest(name).json["row_count"] == 6
        again = lake.ask("POST", "/v1/journal/undo", {"seq": undone.json["seq"], "dry_run": False})
        assert again.status == 200, again.json
        assert len(rows(lake, name)) == 8

    def test_a_delete_and_a_rename_can_be_undone(self, lake: Lake, fresh: Fresh) -> None:
        name, other = appended(lake, fresh(), 4), fresh()
        before = rows(lake, name)
        deleted = lake.ask("POST", "/v1/catalog/delete", {"name": name, "where": "n = 3"})
        compact(lake, name)
        undo = {"seq": deleted.json["seq"], "dry_run": False}
        assert lake.ask("POST", "/v1/journal/undo", undo).status == 200
        assert rows(lake, name) == before
        renamed = lake.ask("POST", "/v1/catalog/rename", {"name": name, "to": other}).json["seq"]
        compact(lake, other)
        undo = {"seq": renamed, "dry_run": False}
        assert lake.ask("POST", "/v1/journal/undo", undo).status == 200
        assert rows(lake, name) == before


class TestWhy:
    def test_it_leads_through_by_ranges_of_rows(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 3)
        seqs = [seq for seq, _ in history(lake, name)]
        compact(lake, name)
        lake.ingest(f"name={name}&mode=append", b"n,s\n9,y\n")
        compact(lake, name)
        (only,) = objects(lake, name)
        assert uploads(lake, name) == {
            seqs[0]: {only["key"]: [[0, 2]]},
            seqs[1]: {only["key"]: [[2, 4]]},
            seqs[2]: {only["key"]: [[4, 6]]},
            lake.head() - 1: {only["key"]: [[6, 7]]},
        }
        assert list(uploads(lake, name, "n = 3")) == [seqs[1]]

    def test_it_leads_through_registered_objects_too(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        body = BytesIO()
        pq.write_table(pa.table({"n": [1, 2]}), body)
        lake.put(f"{name}/1", body.getvalue())
        seq = lake.register(name, f"{name}/1").json["seq"]
        compact(lake, name)
        (only,) = objects(lake, name)
        assert uploads(lake, name) == {seq: {only["key"]: [[0, 2]]}}

    def test_it_leads_through_what_an_undo_has_rebuilt(self, lake: Lake, fresh: Fresh) -> None:
        name = appended(lake, fresh(), 3)
        seqs = [seq for seq, _ in history(lake, name)]
        compact(lake, name)
        collected(lake)
        undo = {"seq": seqs[2], "dry_run": False}
        assert lake.ask("POST", "/v1/journal/undo", undo).status == 200
        (only,) = objects(lake, name)
        assert uploads(lake, name) == {
            seqs[0]: {only["key"]: [[0, 2]]},
            seqs[1]: {only["key"]: [[2, 4]]},
        }


def uploads(lake: Lake, name: str, where: str | None = None) -> dict[int, dict[str, Any]]:
    query = "" if where is None else f"?{urlencode({'where': where})}"
    answer = lake.ask("GET", f"/v1/catalog/why/{name}{query}")
    assert answer.status == 200, answer.json
    return {
        each["event"]["seq"]: {item["key"]: item["rows"] for item in each["objects"]}
        for each in answer.json["uploads"]
    }


def collected(lake: Lake) -> None:
    answer = lake.ask("POST", "/v1/gc", {"dry_run": False, "older_than": "0s"})
    assert answer.json["deleted"] > 0
