"""Deleting rows over HTTP: what goes, what stays as it was, and why a condition is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from change_set_requests import history, values
from lake_server import Lake
from raw_http import Answer, Headers
from refusals import nothing_changes, refused

Fresh = Callable[[], str]


def delete(lake: Lake, name: str, where: str, headers: Headers = (), **more: Any) -> Answer:
    body = {"name": name, "where": where, **more}
    return lake.ask("POST", "/v1/catalog/delete", body, headers)


def objects(lake: Lake, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.manifest(name).json["objects"]
    return found


def loaded(lake: Lake, name: str, *files: bytes) -> str:
    for file in files:
        assert lake.ingest(f"name={name}&mode=append", file).status == 200
    return name


class TestWhatGoes:
    @pytest.mark.parametrize(
        ("where", "left"),
        [
            ("a = ANY([1, 3])", [2]),
            ("a <> ALL([1, 3])", [1, 3]),
            ("a IN (1, 3)", [2]),
            ("a > ANY([1, 2])", [1]),
            ("NOT a = ANY([1, NULL])", [1, 2, 3]),
        ],
    )
    def test_a_condition_may_compare_with_a_list(
        self, lake: Lake, fresh: Fresh, where: str, left: list[int]
    ) -> None:
        name = loaded(lake, fresh(), b"a,b\n1,x\n2,y\n3,z\n")
        assert delete(lake, name, where).json["rows_deleted"] == 3 - len(left)
        assert lake.sql(f"SELECT a FROM {name}").json["rows"] == [[each] for each in left]

    def test_only_objects_with_a_matching_row_are_rewritten(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a,b\n1,x\n2,y\n3,z\n", b"a,b\n4,x\n5,\n", b"a,b\n6,q\n")
        before = objects(lake, name)
        answer = delete(lake, name, "b = 'x' OR a = 5")
        assert answer.json == {"rows_deleted": 3, "objects_rewritten": 2, "seq": answer.json["seq"]}
        assert answer.headers["X-Journal-Seq"] == str(answer.json["seq"])
        assert lake.sql(f"SELECT a, b FROM {name}").json["rows"] == [[2, "y"], [3, "z"], [6, "q"]]
        after = objects(lake, name)
        assert [each["key"] for each in after][1:] == [before[2]["key"]]
        assert lake.manifest(name).json["row_count"] == 3
        assert history(lake, name)[-1] == (answer.json["seq"], "dataset_rewritten")

    def test_null_is_no_match_and_no_match_is_no_event(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a,b\n1,x\n2,\n")
        with nothing_changes(lake):
            answer = delete(lake, name, "b > 'x'")
            head = lake.head()
        assert answer.json == {"rows_deleted": 0, "objects_rewritten": 0, "seq": head}
        assert delete(lake, name, "b = 'x'").json["rows_deleted"] == 1
        assert values(lake, name) == [2]

    def test_the_written_object_has_field_ids_and_the_order(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"b,a\nx,3\ny,1\nz,2\n")
        with pq.ParquetFile(Path(lake.bucket, objects(lake, name)[0]["key"])) as was:
            ids = [field.metadata for field in was.schema_arrow]
        delete(lake, name, "a = 1")
        with pq.ParquetFile(Path(lake.bucket, objects(lake, name)[0]["key"])) as now:
            assert [field.metadata for field in now.schema_arrow] == ids
            assert now.read().to_pydict() == {"b": ["x", "z"], "a": [3, 2]}

    def test_it_is_undone_and_seen_as_of_then(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a\n1\n2\n")
        seq = delete(lake, name, "true").json["seq"]
        assert (objects(lake, name), values(lake, name)) == ([], [])
        assert values(lake, name, as_of=seq - 1) == [1, 2]
        assert lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False}).status == 200
        assert values(lake, name) == [1, 2]

    def test_a_dry_run_says_the_same_and_changes_nothing(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a\n1\n2\n", b"a\n3\n")
        with nothing_changes(lake):
            dry = delete(lake, name, "a <> 1", dry_run=True).json
            assert dry == {"rows_deleted": 2, "objects_rewritten": 2, "seq": lake.head()}
        real = delete(lake, name, "a <> 1").json
        assert real == {**dry, "seq": lake.head()}


class TestWhyNot:
    @pytest.mark.parametrize(
        ("where", "detail"),
        [
            ("", "the expression is empty"),
            ("a >", "end of the expression\n\nLINE 1: a >\n           ^"),
            ("a = 1 AND\n missing > 3", "LINE 2:  missing > 3\n         ^"),
            ("a + 1", "its type is BIGINT"),
            ("a IN (SELECT 1)", "a subquery is not allowed"),
            ("random() < 0.5", "random() is random"),
            ("uuid() IS NULL", "uuid() is random"),
            ("sum(a) > 1", "aggregates"),
            ("row_number() OVER () = 1", "a window function is not allowed"),
            ("a = 1) OR (a = 2", "it must be one expression"),
            ("true) FROM x WHERE (true", "it must be one expression"),
            ("a = $1", "a parameter is not allowed"),
            ("COLUMNS(*) > 1", "a star or COLUMNS() is not allowed"),
            ("CAST(b AS INTEGER) = 1", "Could not convert string 'x' to INT32"),
        ],
    )  # fmt: skip
    def test_a_bad_condition_is_refused_with_its_place(
        self, lake: Lake, fresh: Fresh, where: str, detail: str
    ) -> None:
        name = loaded(lake, fresh(), b"a,b\n1,x\n2,y\n")
        with nothing_changes(lake):
            answer = refused(delete(lake, name, where), 400, "sql_error")
            assert detail in answer.json["detail"]

    def test_what_no_statement_may_do_is_forbidden(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a\n1\n")
        with nothing_changes(lake):
            refused(delete(lake, name, "getenv('HOME') = 'x'"), 403, "statement_not_allowed")
            refused(delete(lake, fresh(), "true"), 404, "dataset_not_found")
            refused(delete(lake, "", "true"), 400, "empty_name")
            refused(delete(lake, name, "a >", dry_run=True), 400, "sql_error")
