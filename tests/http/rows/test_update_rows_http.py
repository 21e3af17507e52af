"""Updating rows over HTTP: new values from the old row, and what is no value of a column."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from change_set_requests import history
from lake_server import Lake
from raw_http import Answer
from refusals import nothing_changes, refused

from lakehouse.service.rows import object_rewrites
from lakehouse.service.rows.finder import RowFinder

Fresh = Callable[[], str]


def update(lake: Lake, name: str, where: str, set_: dict[str, str], **more: Any) -> Answer:
    body = {"name": name, "where": where, "set": set_, **more}
    return lake.ask("POST", "/v1/catalog/update", body)


def rows(lake: Lake, name: str, **more: Any) -> list[list[Any]]:
    found: list[list[Any]] = lake.sql(f"SELECT * FROM {name}", **more).json["rows"]
    return found


def loaded(lake: Lake, name: str, *files: bytes) -> str:
    for file in files:
        assert lake.ingest(f"name={name}&mode=append", file).status == 200
    return name


class TestNewValues:
    def test_they_come_from_the_old_row_and_the_order_stays(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a,b,c\n1,10,x\n2,20,y\n3,30,\n", b"a,b,c\n4,40,x\n")
        before = lake.manifest(name).json
        answer = update(lake, name, "a IN (1, 3)", {"a": "b", "B": "a + b", "c": "upper(c)"})
        assert answer.json == {"rows_updated": 2, "objects_rewritten": 1, "seq": answer.json["seq"]}
        assert rows(lake, name) == [[10, 11, "X"], [2, 20, "y"], [30, 33, None], [4, 40, "x"]]
        after = lake.manifest(name).json
        same = ("schema", "row_count", "schema_fingerprint")
        assert [after[each] for each in same] == [before[each] for each in same]
        assert after["objects"][1] == before["objects"][1]
        assert history(lake, name)[-1] == (answer.json["seq"], "dataset_rewritten")
        diff = lake.ask("GET", f"/v1/catalog/diff?from={answer.json['seq'] - 1}").json["datasets"]
        assert [each["rows"] for each in diff if each["name"] == name] == [
            {"from": 4, "to": 4, "added": 2, "removed": 2}
        ]

    def test_of_two_columns_that_differ_by_the_case_of_an_umlaut_the_named_one_is_set(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = loaded(lake, fresh(), "ü,Ü\n1,2\n".encode())
        assert update(lake, name, '"Ü" = 2', {"Ü": "9"}).status == 200
        assert rows(lake, name) == [[1, 9]]
        assert update(lake, name, "true", {"ü": "3", "Ü": "4"}).status == 200
        assert rows(lake, name) == [[3, 4]]

    def test_a_row_that_does_not_match_is_not_computed(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a,b\n1,10\n2,many\n")
        update(lake, name, "a = 1", {"a": "CAST(b AS INTEGER)"})
        assert rows(lake, name) == [[10, "10"], [2, "many"]]

    def test_now_is_one_time_and_in_the_event(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a,seen\n1,2020-01-01T00:00:00Z\n2,2020-01-01T00:00:00Z\n")
        answer = update(lake, name, "seen < now()", {"seen": "now()"})
        assert answer.status == 200, answer
        seq = answer.json["seq"]
        event = lake.ask("GET", f"/v1/journal/events?after={seq - 1}&limit=1").json["events"][0]
        statement = event["data"]["statement"]
        assert statement["set"] == [["seen", "now()"]]
        sql = f"SELECT DISTINCT seen = TIMESTAMPTZ '{statement['now']}' FROM {name}"
        assert lake.sql(sql).json["rows"] == [[True]]

    @pytest.mark.parametrize(
        ("column", "expression", "value"),
        [
            ("i", "i * 2.0", 14),
            ("i", "'8'", 8),
            ("i", "NULL", None),
            ("d", "1", 1.0),
            ("d", "i / 2", 3.5),
            ("s", "i", "7"),
            ("day", "day + INTERVAL 1 DAY", "2026-01-03"),
            ("day", "'2026-02-03'", "2026-02-03"),
            ("b", "1", True),
        ],
    )
    def test_a_value_of_another_type_is_cast_where_nothing_is_lost(
        self, lake: Lake, fresh: Fresh, column: str, expression: str, value: Any
    ) -> None:
        name = loaded(lake, fresh(), b"i,d,s,day,b\n7,1.5,x,2026-01-02,false\n")
        assert update(lake, name, "true", {column: expression}).status == 200
        assert lake.sql(f"SELECT {column} FROM {name}").json["rows"] == [[value]]


class TestWhyNot:
    @pytest.mark.parametrize(
        ("column", "expression", "shown"),
        [
            ("i", "2.5", "2.5"),
            ("i", "'1.75'", "1.75"),
            ("i", "'x'", "x"),
            ("i", "1e300", "1e+300"),
            ("d", "'high'", "high"),
            ("day", "day + INTERVAL 1 HOUR", "2026-01-02 01:00:00"),
            ("day", "'2026-02-03 10:00'", "2026-02-03 10:00"),
            ("day", "DATE 'infinity'", "infinity"),
            ("day", "day + 3000000", "10239-09-23"),
            ("b", "2", "2"),
        ],
    )
    def test_a_value_that_does_not_fit_names_its_column(
        self, lake: Lake, fresh: Fresh, column: str, expression: str, shown: str
    ) -> None:
        name = loaded(lake, fresh(), b"i,d,s,day,b\n7,1.5,x,2026-01-02,false\n")
        with nothing_changes(lake):
            for dry_run in (True, False):
                answer = update(
                    lake, name, "true", {"s": "'y'", column: expression}, dry_run=dry_run
                )
                refused(answer, 422, "value_does_not_fit")
                assert answer.json["errors"] == [{"column": column}]
                assert f"column {column}: {shown} does not fit" in answer.json["detail"]

    @pytest.mark.parametrize(
        ("set_", "code", "detail"),
        [
            ({}, "invalid_request", "name at least one column"),
            ({"a": "1", "A": "2"}, "invalid_request", "named twice"),
            ({"z": "1"}, "sql_error", "no column z"),
            ({"b": "'ok'", "a": "1 +"}, "sql_error", "set a: Parser Error"),
            ({"a": "\n nope"}, "sql_error", "set a: Binder Error"),
            ({"a": "sum(a)"}, "sql_error", "aggregates"),
            ({"a": "(SELECT 1)"}, "sql_error", "a subquery is not allowed"),
            ({"a": "random()"}, "sql_error", "random() is random"),
            ({"b": "'ok'", "a": "\nCAST(b AS BIGINT)"}, "sql_error", "set a: Conversion Error"),
        ],
    )
    def test_a_bad_expression_names_its_column_and_place(
        self, lake: Lake, fresh: Fresh, set_: dict[str, str], code: str, detail: str
    ) -> None:
        name = loaded(lake, fresh(), b"a,b\n1,x\n")
        with nothing_changes(lake):
            answer = refused(update(lake, name, "true\nAND true", set_), 400, code)
        assert detail in answer.json["detail"]
        if "\n" in set_.get("a", ""):
            assert "\n\nLINE 2: " in answer.json["detail"]

    def test_the_condition_is_judged_as_for_delete(self, lake: Lake, fresh: Fresh) -> None:
        name = loaded(lake, fresh(), b"a,b\n1,x\n")
        with nothing_changes(lake):
            answer = refused(
                update(lake, name, "\nCAST(b AS BIGINT) = 1", {"a": "a"}), 400, "sql_error"
            )
            assert "LINE 2: CAST(b" in answer.json["detail"]
            refused(update(lake, fresh(), "true", {"a": "1"}), 404, "dataset_not_found")
            assert update(lake, name, "a > 1", {"a": "1"}).json["rows_updated"] == 0


class TestNestedColumns:
    def test_values_of_widened_columns_beside_them_stay(self, lake: Lake, fresh: Fresh) -> None:
        """A double that is text today stays the text that queries answer, beside a nested column."""
        name = fresh()
        for values in ([0.0, 1.5], ["a"]):
            table = pa.table({"x": values, "n": [[1]] * len(values), "y": [1] * len(values)})
            assert parquet(lake, name, table).status == 200
        before = rows(lake, name)
        assert before == [["0.0", [1], 1], ["1.5", [1], 1], ["a", [1], 1]]
        answer = update(lake, name, "x IN ('1.5', 'a')", {"y": "2"})
        assert answer.status == 200, answer
        assert rows(lake, name) == [["0.0", [1], 1], ["1.5", [1], 2], ["a", [1], 2]]

    def test_expressions_see_the_types_of_today(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        for values in ([0.0, 1.5], ["a"]):
            table = pa.table({"x": values, "n": [[1]] * len(values)})
            assert parquet(lake, name, table).status == 200
        answer = update(lake, name, "x LIKE '0%'", {"x": "x || '!'", "n": "[len(x)]"})
        assert answer.status == 200, answer
        assert rows(lake, name) == [["0.0!", [3]], ["1.5", [1]], ["a", [1]]]

    def test_an_object_that_lacks_the_nested_column(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        for table in (pa.table({"x": [1, 2]}), pa.table({"x": [3], "n": [[{"k": "v"}]]})):
            assert parquet(lake, name, table).status == 200
        answer = update(lake, name, "x = 2 OR len(n) = 1", {"x": "x + 10"})
        assert answer.json["rows_updated"] == 2, answer
        assert rows(lake, name) == [[1, None], [12, None], [13, [{"k": "v"}]]]
        answer = update(lake, name, "n IS NULL AND x = 1", {"n": "[{'k': 'w'}]"})
        assert answer.json["rows_updated"] == 1, answer
        assert rows(lake, name) == [[1, [{"k": "w"}]], [12, None], [13, [{"k": "v"}]]]


class TestLargeObjects:
    """They are rewritten by a process of its own, with the new values that a worker computes."""

    @pytest.mark.parametrize("columns", [["s"], ["n", "s"], ["x", "d"]], ids=repr)
    def test_their_rows_are_those_that_a_worker_would_write(
        self, lake: Lake, fresh: Fresh, monkeypatch: pytest.MonkeyPatch, columns: list[str]
    ) -> None:
        """`x` is text today; the first file lacks `d`."""
        small, large = fresh(), fresh()
        table = pa.table({"x": [0.0, 1.5, 2.0], "s": ["a", None, "c"], "n": [[1], None, [3]]})
        last = pa.table({"x": ["z"], "s": ["b"], "n": [[4, 5]], "d": [Decimal("1.50")]})
        for name in (small, large):
            assert parquet(lake, name, table).status == 200
            assert parquet(lake, name, last).status == 200
        before = rows(lake, large)
        values = {"s": "x || '!'", "n": "[len(x), 7]", "x": "s || x", "d": "d + 1"}
        change, where = {each: values[each] for each in columns}, "s <> 'c'"
        answers = [update(lake, small, where, change)]
        monkeypatch.setattr(object_rewrites, "LARGE_BYTES", 0)
        scan = AsyncMock(side_effect=AssertionError("a worker read all rows"))
        monkeypatch.setattr(RowFinder, "scan", scan)
        answers.append(update(lake, large, where, change))
        assert [each.json.get("rows_updated") for each in answers] == [2, 2], answers[1]
        assert rows(lake, large) == rows(lake, small)
        assert rows(lake, large)[1:3] == before[1:3]
        assert rows(lake, large)[0] != before[0]
        undo = {"seq": answers[1].json["seq"], "dry_run": False}
        assert lake.ask("POST", "/v1/journal/undo", undo).status == 200
        assert rows(lake, large)[0] == before[0]


def parquet(lake: Lake, name: str, table: pa.Table) -> Answer:
    file = pa.BufferOutputStream()
    pq.write_table(table, file)
    body = file.getvalue().to_pybytes()
    return lake.ingest(f"name={name}&mode=append&format=parquet&schema_change=widen", body)
