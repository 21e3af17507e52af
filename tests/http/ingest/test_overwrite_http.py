"""POST /v1/ingest?mode=overwrite, and the parameters and dry runs of both modes that replace rows."""

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused
from row_replacement import Fresh, merge, overwrite, rows


class TestOverwrite:
    def test_rows_that_match_are_replaced_by_the_file(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"day,x\n2026-11-01,1\n2026-11-02,2\n2026-11-02,3\n,4\n")
        answer = overwrite(lake, name, b"day,x\n2026-11-02,9\n", "day%3D'2026-11-02'")
        assert answer.status == 200, answer
        body = answer.json
        assert (body["rows_ingested"], body["rows_removed"], body["row_count"]) == (1, 2, 3)
        assert rows(lake, name) == [["2026-11-01", 1], [None, 4], ["2026-11-02", 9]]

    def test_a_row_that_does_not_match_is_refused_by_its_line(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"day,x\n2026-11-01,1\n")
        with nothing_changes(lake):
            answer = overwrite(
                lake, name, b"day,x\n2026-11-02,9\n2026-11-03,9\n", "day%3D'2026-11-02'"
            )
        body = refused(answer, 422, "outside_where").json
        assert [each["line"] for each in body["errors"]] == [3]

    def test_an_empty_file_removes_what_matches(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"day,x\na,1\nb,2\n")
        body = overwrite(lake, name, b"day,x\n", "day%3D'a'").json
        assert (body["rows_ingested"], body["rows_removed"], body["row_count"]) == (0, 1, 1)
        assert rows(lake, name) == [["b", 2]]
        with nothing_changes(lake):
            assert overwrite(lake, name, b"day,x\n", "day%3D'a'").json["reused"] is True

    def test_an_absent_dataset_is_made(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        with nothing_changes(lake):
            refused(overwrite(lake, name, b"x\n1\n", "x%3D2"), 422, "outside_where")
        assert overwrite(lake, name, b"x\n1\n", "x%3D1").status == 200
        assert rows(lake, name) == [[1]]

    @pytest.mark.parametrize(
        ("where", "status", "code"),
        [
            ("nope%3D1", 400, "sql_error"),
            ("x", 400, "sql_error"),
            ("x%3D(SELECT+1)", 400, "sql_error"),
            ("random()%3C2", 400, "sql_error"),
            ("true)+OR+(true", 400, "sql_error"),
            ("", 400, "invalid_request"),
        ],
    )
    def test_a_bad_condition_is_refused(
        self, lake: Lake, fresh: Fresh, where: str, status: int, code: str
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"x\n1\n")
        with nothing_changes(lake):
            refused(overwrite(lake, name, b"x\n1\n", where), status, code)


class TestParameters:
    @pytest.mark.parametrize(
        "query",
        [
            "mode=merge",
            "key=id",
            "mode=append&key=id",
            "mode=overwrite",
            "where=id%3D1",
            "mode=merge&key=id&where=id%3D1",
            "mode=overwrite&where=id%3D1&key=id",
            "mode=merge&key=id&schema_change=replace",
            "mode=overwrite&where=id%3D1&schema_change=replace",
            "mode=upsert&key=id",
        ],
    )
    def test_what_does_not_go_together_is_refused(
        self, lake: Lake, fresh: Fresh, query: str
    ) -> None:
        with nothing_changes(lake):
            refused(lake.ingest(f"name={fresh()}&{query}", b"id\n1\n"), 400, "invalid_request")


class TestDryRun:
    def test_it_says_what_would_leave_and_changes_nothing(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"id,x\n1,a\n2,b\n")
        with nothing_changes(lake):
            body = merge(lake, name, b"id,x\n2,c\n3,d\n", more="&dry_run=true").json
        assert (body["outcome"], body["rows_ingested"], body["rows_removed"]) == ("merge", 2, 1)
        assert body["row_count"] == 3
        with nothing_changes(lake):
            body = overwrite(lake, name, b"id,x\n1,c\n", "id%3C3", "&dry_run=true").json
        assert (body["outcome"], body["rows_removed"], body["row_count"]) == ("overwrite", 2, 1)

    def test_it_says_how_it_would_be_refused(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        with nothing_changes(lake):
            body = merge(lake, name, b"id\n1\n1\n", more="&dry_run=true").json
        assert (body["outcome"], body["refused"]["code"]) == ("refuse", "duplicate_key")
        assert body["refused"]["errors"][0]["lines"] == [2, 3]
