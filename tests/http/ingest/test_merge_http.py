"""POST /v1/ingest?mode=merge: rows replaced by key."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from change_set_requests import history
from lake_server import Lake
from refusals import nothing_changes, refused
from row_replacement import Fresh, merge, overwrite, rows

from lakehouse.service.rows import large_objects, object_rewrites


class TestMerge:
    def test_rows_with_a_key_of_the_file_are_replaced_and_the_others_keep_their_order(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n2,b\n3,c\n")
        lake.ingest(f"name={name}&mode=append", b"id,x\n4,d\n5,e\n2,f\n")
        before = lake.head()
        answer = merge(lake, name, b"id,x\n2,new\n9,more\n")
        assert (answer.status, answer.seq) == (200, before + 1), answer
        body = answer.json
        assert (body["rows_ingested"], body["rows_removed"], body["row_count"]) == (2, 2, 6)
        assert [each["row_count"] for each in body["objects"]] == [2]
        assert rows(lake, name) == [[1, "a"], [3, "c"], [4, "d"], [5, "e"], [2, "new"], [9, "more"]]
        assert history(lake, name)[-1] == (before + 1, "dataset_rewritten")
        assert rows(lake, name, as_of=str(before)) == [
            *([1, "a"], [2, "b"], [3, "c"]),
            *([4, "d"], [5, "e"], [2, "f"]),
        ]

    def test_an_absent_dataset_is_made(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        body = merge(lake, name, b"id,x\n1,a\n").json
        assert (body["rows_ingested"], body["rows_removed"], body["row_count"]) == (1, 0, 1)
        assert rows(lake, name) == [[1, "a"]]

    def test_only_objects_with_a_matching_row_are_rewritten(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        for number in range(4):
            lake.ingest(f"name={name}&mode=append", b"id,x\n%d,a\n" % number)
        before = [each["key"] for each in lake.manifest(name).json["objects"]]
        merge(lake, name, b"id,x\n2,b\n")
        after = [each["key"] for each in lake.manifest(name).json["objects"]]
        assert after[:3] == [before[0], before[1], before[3]]
        assert rows(lake, name) == [[0, "a"], [1, "a"], [3, "a"], [2, "b"]]

    def test_a_key_of_several_columns(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,day,x\n1,2026-11-01,a\n1,2026-11-02,b\n,2026-11-02,c\n")
        merge(lake, name, b"id,day,x\n1,2026-11-02,new\n2,2026-11-01,d\n", "id,day")
        assert rows(lake, name) == [
            [1, "2026-11-01", "a"],
            [None, "2026-11-02", "c"],
            [1, "2026-11-02", "new"],
            [2, "2026-11-01", "d"],
        ]

    def test_a_key_whose_name_has_a_comma(self, lake: Lake, fresh: Fresh) -> None:
        name, body = fresh(), b'"a,b",c,d\n1,1,x\n1,2,y\n'
        for key in ("%22a,b%22,c", "c&key=%22a%2Cb%22"):
            answer = merge(lake, name, body, key)
            assert answer.status == 200, answer
        assert answer.json["rows_removed"] == 2
        refused(merge(lake, name, body, "a,b"), 400, "invalid_request")
        refused(merge(lake, name, body, "%22a,b"), 400, "invalid_request")
        derive = {"name": name, "sql": f"FROM {name} LIMIT 1", "mode": "merge"}
        for key_ in (["a,b", "c"], '"a,b", c'):
            answer = lake.ask("POST", "/v1/catalog/derive", derive | {"key": key_})
            assert (answer.status, answer.json["rows_removed"]) == (200, 1), answer

    def test_rows_that_are_equal_count_too_and_the_same_file_again_is_a_duplicate(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = fresh()
        file = b"id,x\n1,a\n2,b\n"
        first = merge(lake, name, file, more="&dedupe=source")
        again = merge(lake, name, file)
        assert (again.json["rows_ingested"], again.json["rows_removed"]) == (2, 2)
        assert again.json["reused"] is False
        with nothing_changes(lake):
            answer = merge(lake, name, file, more="&dedupe=source")
        assert (answer.json["reused"], answer.json["duplicate_of"]) == (True, first.seq)
        assert answer.json["rows_removed"] == 0

    def test_a_file_without_rows_changes_nothing(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n")
        with nothing_changes(lake):
            answer = merge(lake, name, b"id,x\n")
        assert (answer.status, answer.json["row_count"]) == (200, 1)
        assert answer.json["reused"] is True

    def test_the_receipt_of_a_file_without_rows_is_its_own(self, lake: Lake, fresh: Fresh) -> None:
        """Not that of the event before it, which replaced rows."""
        name, file = fresh(), b"id,x\n"
        lake.ingest(f"name={name}", b"id,x\n1,a\n")
        merge(lake, name, b"id,x\n1,b\n2,c\n")
        answers = [merge(lake, name, file), overwrite(lake, name, file, "id=7")]
        for receipt in (answer.json for answer in answers):
            assert (receipt["rows_removed"], receipt["rows_ingested"]) == (0, 0)
            assert (receipt["objects"], receipt["quarantine"]) == ([], None)
            assert receipt["source"]["sha256"] == sha256(file).hexdigest()

    @pytest.mark.parametrize("name_of_column", ["file_row_number", "FILE_INDEX", "r", "k", "t"])
    def test_names_that_duckdb_uses_itself(
        self, lake: Lake, fresh: Fresh, name_of_column: str
    ) -> None:
        name = fresh()
        header = f"id,{name_of_column}\n".encode()
        lake.ingest(f"name={name}", header + b"1,0\n2,0\n3,0\n")
        lake.ingest(f"name={name}&mode=append", header + b"4,0\n5,0\n")
        assert merge(lake, name, header + b"2,9\n5,9\n").json["rows_removed"] == 2
        assert rows(lake, name) == [[1, 0], [3, 0], [4, 0], [2, 9], [5, 9]]
        assert merge(lake, name, header + b"7,0\n", name_of_column).json["rows_removed"] == 3
        assert rows(lake, name) == [[2, 9], [5, 9], [7, 0]]

    def test_two_rows_with_one_key_are_refused_by_line(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n")
        with nothing_changes(lake):
            answer = merge(lake, name, b'id,x\n1,"two\nlines"\n2,b\n1,c\n')
        body = refused(answer, 422, "duplicate_key").json
        assert body["detail"] == "lines 2 and 5 have the same key (id)"
        assert body["errors"] == [{"line": 5, "lines": [2, 5], "reason": "the same key (id)"}]

    def test_null_in_a_key_is_refused_by_line(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        with nothing_changes(lake):
            answer = merge(lake, name, b'{"id": 1}\n\n{"x": 2}\n', more="&format=ndjson")
        body = refused(answer, 422, "null_key").json
        assert [each["line"] for each in body["errors"]] == [3]
        assert lake.manifest(name).status == 404

    def test_the_key_must_be_columns_of_single_values(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n")
        with nothing_changes(lake):
            for key in ("ID", "id,nr", "id,id", "id,", ""):
                refused(merge(lake, name, b"id,x\n1,a\n", key), 400, "invalid_request")

    def test_columns_by_name_and_types_that_widen(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,1\n2,2\n")
        with nothing_changes(lake):
            refused(merge(lake, name, b"x,id\n2.5,1\n"), 409, "schema_conflict")
        answer = merge(lake, name, b"x,y,id\n2.5,new,1\n", more="&schema_change=widen")
        assert answer.status == 200, answer
        assert rows(lake, name) == [[2, 2.0, None], [1, 2.5, "new"]]

    def test_a_key_that_widens_is_compared_under_its_new_type(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n2,b\n")
        answer = merge(lake, name, b"id,x\n1,new\nz,c\n", more="&schema_change=widen")
        assert (answer.status, answer.json["rows_removed"]) == (200, 1), answer
        assert rows(lake, name) == [["2", "b"], ["1", "new"], ["z", "c"]]

    def test_bad_rows_go_to_quarantine_and_their_correction_is_merged(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,1\n2,2\n")
        body = merge(lake, name, b"id,x\n1,10\n2,no\n", more="&on_error=quarantine").json
        assert (body["rows_ingested"], body["rows_quarantined"], body["rows_removed"]) == (1, 1, 1)
        assert rows(lake, name) == [[2, 2], [1, 10]]
        key = body["quarantine"]["key"]
        body = merge(lake, name, b"id,x\n2,20\n", more=f"&resolves={key}").json
        assert (body["rows_ingested"], body["rows_removed"], body["row_count"]) == (1, 1, 2)
        held = lake.sql(f"SELECT * FROM lake.quarantine WHERE dataset = '{name}'").json
        assert held["rows"] == []

    def test_undo_brings_the_rows_back(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n2,b\n")
        seq = merge(lake, name, b"id,x\n2,c\n3,d\n").seq
        assert lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False}).status == 200
        assert rows(lake, name) == [[1, "a"], [2, "b"]]

    def test_an_idempotency_key_merges_once(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n")
        target = f"/v1/ingest?name={name}&mode=merge&key=id"
        headers = (("Content-Type", "text/csv"), ("Idempotency-Key", fresh()))
        first = lake.ask("POST", target, b"id,x\n1,b\n", headers)
        head = lake.head()
        again = lake.ask("POST", target, b"id,x\n1,b\n", headers)
        assert (again.status, again.seq, lake.head()) == (200, first.seq, head)
        assert again.json["rows_removed"] == 1


class TestLargeObjects:
    """An object that is large is rewritten by a process of its own, with the same outcome."""

    @pytest.mark.parametrize("nested", [False, True])
    def test_its_rows_are_those_that_a_worker_would_write(
        self, lake: Lake, fresh: Fresh, monkeypatch: pytest.MonkeyPatch, nested: bool
    ) -> None:
        small, large = fresh(), fresh()
        for name in (small, large):
            query = f"name={name}&format=parquet"
            assert lake.ingest(query, mixed_rows(range(10), nested)).status == 200
            wider = f"{query}&mode=append&schema_change=widen"
            assert lake.ingest(wider, mixed_rows([90], nested, "x")).status == 200
        file, more = mixed_rows([3, 91], nested, "y"), "&format=parquet"
        answers = [merge(lake, small, file, more=more)]
        monkeypatch.setattr(object_rewrites, "LARGE_BYTES", 0)
        answers.append(merge(lake, large, file, more=more))
        assert [each.json.get("rows_removed") for each in answers] == [1, 1], answers[0].json
        assert rows(lake, large) == rows(lake, small)
        assert len(rows(lake, large)) == 12
        assert rows(lake, large)[0][:3] == [0, "0", "0.0"]

    def test_nested_columns_and_one_that_no_object_has_yet(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}&format=parquet", mixed_rows(range(3), nested=True))
        table = pq.read_table(pa.BufferReader(mixed_rows([1], nested=True)))
        body = pa.BufferOutputStream()
        pq.write_table(table.append_column("more", pa.array([7])), body)
        more = "&format=parquet&schema_change=widen"
        answer = merge(lake, name, bytes(body.getvalue()), more=more)
        assert answer.json.get("rows_removed") == 1, answer.json
        assert [[each[0], each[-1]] for each in rows(lake, name)] == [[0, None], [2, None], [1, 7]]

    def test_of_an_object_without_any_row_left_nothing_is_left(
        self, lake: Lake, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n2,b\n")
        monkeypatch.setattr(object_rewrites, "LARGE_BYTES", 0)
        assert merge(lake, name, b"id,x\n2,c\n1,d\n").json["rows_removed"] == 2
        assert rows(lake, name) == [[2, "c"], [1, "d"]]
        assert len(lake.manifest(name).json["objects"]) == 1

    def test_the_next_change_of_neighbours_rewrites_only_a_part_of_a_large_object(
        self, lake: Lake, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, file = fresh(), pa.BufferOutputStream()
        table = pa.table({"id": range(300_000), "x": [n / 3 for n in range(300_000)]})
        pq.write_table(table, file, row_group_size=100_000)
        lake.ingest(f"name={name}&format=parquet", bytes(file.getvalue()))
        first = lake.head()
        monkeypatch.setattr(object_rewrites, "LARGE_BYTES", 0)
        monkeypatch.setattr(large_objects, "TARGET_BYTES", 100_000)
        deleted = {"name": name, "where": "id % 100000 = 7"}
        assert lake.ask("POST", "/v1/catalog/delete", deleted).json["rows_deleted"] == 3
        parts = [each["key"] for each in lake.manifest(name).json["objects"]]
        assert len(parts) == 3
        assert merge(lake, name, b"id,x\n150000,0\n150001,0\n").json["rows_removed"] == 2
        now = [each["key"] for each in lake.manifest(name).json["objects"]]
        assert (now[0], now[2], len(now)) == (parts[0], parts[2], 4)
        assert now[1] != parts[1]
        last = lake.head()
        (change,) = lake.ask("GET", f"/v1/catalog/diff?from={first}&to={last}").json["datasets"]
        assert change["rows"] == {"from": 300_000, "to": 299_997, "added": 2, "removed": 5}
        sql = f"SELECT count(*), sum(id), max(id) FILTER (id < 150000) FROM {name}"
        total = sum(range(300_000)) - (7 + 100_007 + 200_007)
        assert lake.sql(sql).json["rows"] == [[299_997, total, 149_999]]
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": last, "dry_run": False})
        assert undone.status == 200, undone.json
        assert [each["key"] for each in lake.manifest(name).json["objects"]] == parts


def mixed_rows(ids: Sequence[int], nested: bool, text: str = "") -> bytes:
    """Rows of a Parquet file with many types; with `text` two columns are text."""
    at = [datetime(2026, 1, 1 + each % 28, 12, tzinfo=UTC) for each in ids]
    halves = [each / 4 for each in ids]
    table = pa.table(
        {
            "id": pa.array(ids, pa.int32()),
            "n": [f"{text}{each}" for each in ids] if text else pa.array(ids, pa.int64()),
            "d": [f"{text}{each}" for each in halves] if text else pa.array(halves),
            "small": pa.array(ids, pa.int8()),
            "word": pa.array([str(each) for each in ids]).dictionary_encode(),
            "price": pa.array(map(Decimal, ids), pa.decimal128(9, 2)),
            "at": pa.array(at, pa.timestamp("us", tz="Europe/Berlin")),
            "tags": pa.array([[each, None] for each in ids], pa.list_(pa.int16())),
            "place": pa.array([{"x": each, "y": "b"} for each in ids]),
            "r": pa.array([None] * len(ids), pa.string()),
            "k": pa.array([b"\x00"] * len(ids)),
        }
    )
    if not nested:
        table = table.drop_columns(["tags", "place"])
    body = pa.BufferOutputStream()
    pq.write_table(table, body, row_group_size=5)
    return bytes(body.getvalue())
