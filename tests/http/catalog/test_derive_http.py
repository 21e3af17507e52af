"""POST /v1/catalog/derive: rows, versions read, refusals, merges."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from derivations import Fresh, derivation, derive, done, refresh, rows
from lake_server import Lake, running_lake
from refusals import nothing_changes, refused


def test_what_another_process_has_acknowledged_is_there(tmp_path: Path) -> None:
    with (
        running_lake(tmp_path, poll_interval_s=3_600.0) as slow,
        running_lake(tmp_path, queries=False) as other,
    ):
        for number in range(3):
            assert other.ingest(f"name=base{number}", b"a\n1\n").status == 200
            receipt = done(derive(slow, "copy", f"SELECT a FROM base{number}"))
            assert receipt["reads"][0]["name"] == f"base{number}"


class TestDerive:
    def test_a_result_becomes_a_dataset_with_the_versions_it_read(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        name, held = fresh(), done(lake.manifest(base))
        sql = f"SELECT region, sum(amount) AS amount FROM {base} WHERE id < ? GROUP BY 1 ORDER BY 1"
        receipt = done(derive(lake, name, sql, params=[3]))
        read = {"name": base, "seq": held["seq"], "dataset_id": held["dataset_id"], "as_of": None}
        assert receipt["reads"] == [read]
        assert (receipt["row_count"], receipt["rows_ingested"], receipt["reused"]) == (2, 2, False)
        assert [(each["name"], each["type"]) for each in receipt["schema"]] == [
            ("region", "string"),
            ("amount", "decimal128(38, 0)"),
        ]
        assert rows(lake, f"SELECT * FROM {name} ORDER BY 1") == [["n", "10"], ["s", "20"]]
        assert derivation(lake, receipt["seq"]) == {
            "sql": sql,
            "params": "[3]",
            "as_of": None,
            "reads": [{key: read[key] for key in ("name", "seq", "dataset_id")}],
        }

    def test_other_readers_find_field_ids_at_any_depth(self, lake: Lake, fresh: Fresh) -> None:
        sql = "SELECT 1 AS id, [{'a': 1.5::DOUBLE}] AS parts, MAP {'k': 2} AS counts"
        receipt = done(derive(lake, fresh(), sql))
        path = lake.bucket / receipt["objects"][0]["key"]
        schema = duckdb.sql(
            f"SELECT name, field_id FROM parquet_schema('{path}') WHERE field_id IS NOT NULL"
        ).fetchall()
        assert {name for name, _ in schema} >= {"id", "parts", "element", "a", "key", "value"}
        assert duckdb.sql(f"SELECT * FROM '{path}'").fetchall() == [(1, [{"a": 1.5}], {"k": 2})]
        assert pq.read_schema(path).names == ["id", "parts", "counts"]

    @pytest.mark.parametrize(
        ("value", "type_"),
        [
            ("1::HUGEINT", "decimal128(38, 0)"),
            ("'a'::ENUM('a', 'b')", "string"),
            ("'3f1c9a52-b7d8-4e0f-8a6d-5c4b3a291807'::UUID", "string"),
            ("TIMESTAMPTZ '2026-01-01'", "timestamp[us, tz=UTC]"),
            ("TIME '10:00'", "time64[us]"),
            ("'{}'::JSON", "string"),
            ("true", "bool"),
            ("'x'::BLOB", "binary"),
            ("1::UBIGINT", "uint64"),
        ],
    )
    def test_types(self, lake: Lake, fresh: Fresh, value: str, type_: str) -> None:
        name = fresh()
        receipt = done(derive(lake, name, f"SELECT {value} AS v UNION ALL SELECT NULL"))
        assert receipt["schema"] == [{"name": "v", "type": type_}]
        same = f"SELECT count(*) FROM {name} WHERE v = CAST({value} AS VARCHAR)"
        assert rows(lake, same if type_ == "string" else f"SELECT count(v) FROM {name}") == [[1]]

    @pytest.mark.parametrize(
        "value",
        [
            "INTERVAL 1 DAY",
            "'101'::BIT",
            "union_value(a := 1)",
            "[INTERVAL 1 DAY]",
            "{'x': CAST('10:00:00+01' AS TIMETZ)}",
            "1::UHUGEINT",
        ],
    )
    def test_a_type_that_no_dataset_has_is_refused_by_column(
        self, lake: Lake, fresh: Fresh, value: str
    ) -> None:
        with nothing_changes(lake):
            answer = refused(
                derive(lake, fresh(), f"SELECT 1 AS a, {value} AS odd"), 422, "invalid_column"
            )
        assert "column odd" in answer.json["detail"]

    @pytest.mark.parametrize(
        ("columns", "named"),
        [
            ("1 AS a, 2 AS A", "columns a and A"),
            ("1 AS a, 2 AS a", "columns a and a"),
            ('1 AS a, 2 AS "x\ty"', "column 2"),
        ],
    )
    def test_a_name_that_no_column_has_is_refused(
        self, lake: Lake, fresh: Fresh, columns: str, named: str
    ) -> None:
        with nothing_changes(lake):
            answer = refused(derive(lake, fresh(), f"SELECT {columns}"), 422, "invalid_column")
        assert named in answer.json["detail"]

    def test_no_rows_keep_the_schema(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        receipt = done(derive(lake, name, f"SELECT id, region FROM {base} WHERE false"))
        assert receipt["row_count"] == 0
        assert [each["type"] for each in receipt["schema"]] == ["int64", "string"]
        assert rows(lake, f"SELECT * FROM {name}") == []

    def test_append_takes_what_fits_the_schema(self, lake: Lake, base: str, fresh: Fresh) -> None:
        sql = "SELECT 'w' AS region, 7::INTEGER AS amount, 9::HUGEINT AS id"
        receipt = done(derive(lake, base, sql, mode="append"))
        assert (receipt["row_count"], receipt["rows_ingested"]) == (4, 1)
        assert rows(lake, f"SELECT * FROM {base} WHERE id = 9") == [[9, "w", 7]]
        refused(derive(lake, base, "SELECT 1 AS id", mode="append"), 409, "schema_conflict")
        odd = "SELECT 'w' AS region, 7.5 AS amount, 9 AS id"
        refused(derive(lake, base, odd, mode="append"), 409, "schema_conflict")

    def test_replace_keeps_the_schema_unless_it_may_change(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        name = fresh()
        done(derive(lake, name, f"SELECT id FROM {base}"))
        sql = f"SELECT id, amount FROM {base}"
        refused(derive(lake, name, sql), 409, "schema_conflict")
        receipt = done(derive(lake, name, sql, schema_change="replace"))
        assert [each["name"] for each in receipt["schema"]] == ["id", "amount"]

    def test_a_statement_reads_the_past(self, lake: Lake, base: str, fresh: Fresh) -> None:
        then, name, other = done(lake.manifest(base))["seq"], fresh(), fresh()
        done(lake.ingest(f"name={base}&mode=append", b"id,region,amount\n4,n,1\n"))
        receipt = done(derive(lake, name, f"SELECT id FROM {base}", as_of=then))
        assert receipt["row_count"] == 3
        assert derivation(lake, receipt["seq"])["as_of"] == then
        sql = f"SELECT id FROM {base} AT (VERSION => {then})"
        receipt = done(derive(lake, other, sql))
        assert (receipt["row_count"], receipt["reads"][0]["as_of"]) == (3, then)

    def test_views_and_what_they_read_are_recorded(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        view, name = fresh(), fresh()
        put = lake.ask("PUT", f"/v1/catalog/view/{view}", {"sql": f"SELECT id FROM {base}"})
        receipt = done(derive(lake, name, f"SELECT * FROM {view}"))
        seqs = {each["name"]: each["seq"] for each in receipt["reads"]}
        assert seqs == {view: done(put)["seq"], base: done(lake.manifest(base))["seq"]}

    def test_a_profile_says_what_a_name_stands_for(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        profile, name = fresh(), fresh()
        body = {"names": {"books": {"to": base}}, "others": "hidden"}
        seq = done(lake.ask("PUT", f"/v1/catalog/profile/{profile}", body))["seq"]
        receipt = done(derive(lake, name, "SELECT id FROM books", profile=profile))
        assert {each["name"]: each["seq"] for each in receipt["reads"]} == {
            base: done(lake.manifest(base))["seq"],
            f"profile:{profile}": seq,
        }

    def test_the_guard_and_the_limits_of_queries_apply(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        with nothing_changes(lake):
            refused(derive(lake, name, "DROP TABLE x"), 403, "statement_not_allowed")
            refused(derive(lake, name, "SELECT * FROM nowhere"), 400, "sql_error")
            refused(derive(lake, name, "SELECT 1 AS a", stage=True, dry_run=True), 400,
                    "invalid_request")  # fmt: skip
            refused(derive(lake, name, f"SELECT '{'x' * 70_000}' AS a"), 400, "invalid_request")
            refused(derive(lake, "no name", "SELECT 1 AS a"), 400, "invalid_name")

    def test_a_dry_run_says_what_would_happen(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        with nothing_changes(lake):
            found = done(derive(lake, name, f"SELECT id FROM {base}", dry_run=True))
            assert (found["outcome"], found["rows_ingested"], found["row_count"]) == (
                "create",
                3,
                3,
            )
            assert [each["name"] for each in found["reads"]] == [base]
            found = done(derive(lake, base, "SELECT 1 AS x", dry_run=True))
        assert (found["outcome"], found["refused"]["code"]) == ("refuse", "schema_conflict")

    def test_what_is_staged_is_committed_by_a_change_set(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        name = fresh()
        staged = done(derive(lake, name, f"SELECT id FROM {base}", stage=True))
        assert (staged["rows_ingested"], staged["source"]) == (3, None)
        assert lake.manifest(name).status == 404
        change = {"op": "commit", "staged": staged["staged"]}
        done(lake.ask("POST", "/v1/catalog/transaction", {"changes": [change]}))
        assert rows(lake, f"SELECT count(*) FROM {name}") == [[3]]
        assert done(refresh(lake, name))["reused"]

    def test_a_derivation_is_undone_like_an_ingest(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        name = fresh()
        done(derive(lake, name, f"SELECT id FROM {base}"))
        second = done(derive(lake, name, f"SELECT id + 1 AS id FROM {base}"))
        done(lake.ask("POST", "/v1/journal/undo", {"seq": second["seq"], "dry_run": False}))
        assert rows(lake, f"SELECT min(id) FROM {name}") == [[1]]
        assert done(refresh(lake, name))["reused"]  # it has its first statement again

    def test_the_same_request_makes_one_event(self, lake: Lake, base: str, fresh: Fresh) -> None:
        body = {"name": fresh(), "sql": f"SELECT id FROM {base}"}
        headers = (("Idempotency-Key", fresh()),)
        first, second = (
            done(lake.ask("POST", "/v1/catalog/derive", body, headers)) for _ in range(2)
        )
        assert first["seq"] == second["seq"]


class TestMerge:
    """Rows of a result that take the place of those with the same key."""

    def test_rows_with_the_same_key_are_replaced(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        made = done(derive(lake, name, f"SELECT id, amount FROM {base}", mode="merge", key="id"))
        assert (made["rows_ingested"], made["rows_removed"]) == (3, 0)
        sql = f"SELECT id, amount * 10 AS amount FROM {base} WHERE id > 1 UNION ALL SELECT 9, 90"
        seen = done(derive(lake, name, sql, mode="merge", key=["id"], dry_run=True))
        assert (seen["outcome"], seen["row_count"], seen["refused"]) == ("merge", 4, None)
        merged = done(derive(lake, name, sql, mode="merge", key=["id"]))
        assert (merged["rows_ingested"], merged["rows_removed"], merged["row_count"]) == (3, 2, 4)
        assert [each["name"] for each in merged["reads"]] == [base]
        assert rows(lake, f"FROM {name} ORDER BY id") == [[1, 10], [2, 200], [3, 300], [9, 90]]
        event = done(lake.ask("GET", f"/v1/journal/events?after={merged['seq'] - 1}&limit=1"))
        data = event["events"][0]["data"]
        assert (data["kind"], data["statement"]["key"]) == ("merge", ["id"])
        assert data["derivation"]["sql"] == sql
        before = done(
            lake.ask("POST", "/v1/journal/undo", {"seq": merged["seq"], "dry_run": False})
        )
        assert before["seq"] == merged["seq"] + 1
        assert rows(lake, f"FROM {name} ORDER BY id") == [[1, 10], [2, 20], [3, 30]]

    def test_why_leads_through_the_merge(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        done(lake.ingest(f"name={name}", b"id,amount\n1,1\n7,7\n"))
        done(derive(lake, name, f"SELECT id, amount FROM {base}", mode="merge", key="id"))
        uploads = done(lake.ask("GET", f"/v1/catalog/why/{name}"))["uploads"]
        own = done(lake.ask("GET", f"/v1/catalog/why/{base}"))["uploads"]
        assert own[0]["source"] in [each["source"] for each in uploads]
        assert len(uploads) == 2

    def test_it_is_not_refreshed(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        for _ in range(2):
            done(derive(lake, name, f"SELECT id FROM {base}", mode="merge", key="id"))
            refused(refresh(lake, name), 409, "cannot_refresh")

    def test_bad_keys(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        done(derive(lake, name, f"SELECT id, region FROM {base}"))
        with nothing_changes(lake):
            twice = f"SELECT id, region FROM {base} UNION ALL SELECT 1, 'x'"
            found = refused(derive(lake, name, twice, mode="merge", key="id"), 422, "duplicate_key")
            assert found.json["errors"][0]["rows"] == [1, 4]
            empty = "SELECT NULL::BIGINT AS id, 'x' AS region"
            refused(derive(lake, name, empty, mode="merge", key="id"), 422, "null_key")
            one = f"SELECT id, region FROM {base}"
            for wrong in ({"mode": "merge"}, {"key": "id"}, {"mode": "merge", "key": "id,id"}):
                refused(derive(lake, name, one, **wrong), 400, "invalid_request")
            refused(derive(lake, name, one, mode="merge", key="nope"), 400, "invalid_request")

    def test_it_is_staged(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        done(lake.ingest(f"name={name}", b"id,amount\n1,1\n7,7\n"))
        sql = f"SELECT id, amount FROM {base}"
        staged = done(derive(lake, name, sql, mode="merge", key="id", stage=True))
        assert rows(lake, f"SELECT count(*) FROM {name}") == [[2]]
        changes = [{"op": "commit", "staged": staged["staged"]}]
        done(lake.ask("POST", "/v1/catalog/transaction", {"changes": changes}))
        assert rows(lake, f"FROM {name} ORDER BY id") == [[1, 10], [2, 20], [3, 30], [7, 7]]
