"""Views over HTTP and in SQL: plain ones, views over views, and safe ones with masks."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from lake_server import Lake
from raw_http import Answer, Headers
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
PEOPLE = b"""id,email,phone,born,country,name,score
1,a@x.de,0123456789,1990-05-04,DE,Ada,1.5
2,b@x.fr,+331,1985-01-02,FR,Bob,2.5
3,,,,DE,,
"""


def put(lake: Lake, name: str, body: Any, headers: Headers = ()) -> Answer:
    return lake.ask("PUT", f"/v1/catalog/view/{name}", body, headers)


def undo(lake: Lake, seq: int) -> Answer:
    return lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False})


def rows(lake: Lake, sql: str, **more: Any) -> Any:
    answer = lake.sql(sql, **more)
    assert answer.status == 200, answer
    return answer.json["rows"]


@pytest.fixture
def people(lake: Lake, fresh: Fresh) -> str:
    name = fresh()
    assert lake.ingest(f"name={name}", PEOPLE).status == 200
    return name


class TestViews:
    def test_its_columns_have_the_types_that_a_dataset_has(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        body = {
            "sql": "SELECT true AS b, [true] AS l, {'a': true} AS s, 1::HUGEINT AS h, uuid() AS u, "
            "'x'::ENUM ('x') AS e, '{}'::JSON AS j, sum(1) AS n, TIMESTAMPTZ '2020-01-01' AS z"
        }
        types = {each["name"]: each["type"] for each in put(lake, name, body).json["columns"]}
        assert types == {
            "b": "bool", "l": "list<element: bool>", "s": "struct<a: bool>", "u": "string",
            "h": "decimal128(38, 0)", "e": "string", "j": "string", "n": "decimal128(38, 0)",
            "z": "timestamp[us, tz=UTC]",
        }  # fmt: skip
        derived = fresh()
        wanted = {"name": derived, "sql": f"FROM {name}"}
        schema = lake.ask("POST", "/v1/catalog/derive", wanted).json["schema"]
        assert {each["name"]: each["type"] for each in schema} == types

    def test_a_view_is_put_shown_listed_asked_and_dropped(
        self, lake: Lake, people: str, fresh: Fresh
    ) -> None:
        name = fresh()
        made = put(lake, name, {"sql": f"SELECT id, email FROM {people};", "comment": "c"})
        assert made.status == 200, made
        assert made.json["columns"] == [
            {"name": "id", "type": "int64"}, {"name": "email", "type": "string"},
        ]  # fmt: skip
        assert (made.json["reads"], made.json["comment"]) == ([people], "c")
        assert rows(lake, f"SELECT id FROM {name.upper()} ORDER BY id") == [[1], [2], [3]]
        shown = lake.ask("GET", f"/v1/catalog/view/{name}")
        assert shown.json == made.json
        listed = lake.ask("GET", "/v1/catalog/views").json["views"]
        assert made.json in listed
        names = [each["name"] for each in lake.ask("GET", "/v1/catalog/list").json["datasets"]]
        assert name not in names
        found = rows(lake, f"SELECT sql, reads, safe, seq FROM lake.views WHERE name = '{name}'")
        assert found == [[f"SELECT id, email FROM {people};", [people], False, made.seq]]
        assert lake.ask("DELETE", f"/v1/catalog/view/{name}").status == 200
        refused(lake.ask("GET", f"/v1/catalog/view/{name}"), 404, "view_not_found")
        assert rows(lake, f"SELECT count(*) FROM {name} AT (VERSION => {made.seq})") == [[3]]

    def test_listings_describe_it(self, lake: Lake, people: str, fresh: Fresh) -> None:
        name = fresh()
        put(lake, name, {"sql": f"SELECT id, born FROM {people}"})
        assert [each[:2] for each in rows(lake, f"DESCRIBE {name}")] == [
            ["id", "BIGINT"], ["born", "DATE"],
        ]  # fmt: skip
        listed = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name ="
        assert rows(lake, f"{listed} '{name}'") == [["id", "BIGINT"], ["born", "DATE"]]
        own = f"SELECT name, type FROM lake.columns WHERE dataset = '{name}' ORDER BY position"
        assert rows(lake, own) == [["id", "int64"], ["born", "date32[day]"]]

    def test_it_grows_with_its_base_and_its_results_are_current(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        base, name, above = fresh(), fresh(), fresh()
        first = lake.ingest(f"name={base}", b"a\n1\n").seq
        put(lake, name, {"sql": f"SELECT * FROM {base}"})
        put(lake, above, {"sql": f"WITH x AS (SELECT * FROM {name}) SELECT * FROM x"})
        assert rows(lake, f"SELECT * FROM {above}") == [[1]]
        assert rows(lake, f"SELECT * FROM {above}") == [[1]]
        lake.ingest(f"name={base}&schema_change=replace", b"a,b\n2,x\n")
        assert rows(lake, f"SELECT * FROM {above}") == [[2, "x"]]
        put(lake, name, {"sql": f"SELECT b FROM {base}"})
        assert rows(lake, f"SELECT * FROM {above}") == [["x"]]
        head = lake.head()
        assert rows(lake, f"SELECT a FROM {above}", as_of=head - 2) == [[1]]
        assert first < head

    def test_a_view_over_a_view_over_a_dropped_dataset_fails_by_name(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        base, name, above = fresh(), fresh(), fresh()
        lake.ingest(f"name={base}", b"a\n1\n")
        put(lake, name, {"sql": f"SELECT a FROM {base}"})
        put(lake, above, {"sql": f"SELECT a FROM {name}"})
        lake.drop(base)
        answer = refused(lake.sql(f"SELECT * FROM {above}"), 400, "view_broken")
        assert name in answer.json["detail"] and base in answer.json["detail"]
        assert lake.sql("SELECT 1").status == 200
        lake.ingest(f"name={base}", b"b\n1\n")
        answer = refused(lake.sql(f"SELECT * FROM {above}"), 400, "view_broken")
        assert name in answer.json["detail"]

    def test_what_is_no_view_is_refused(self, lake: Lake, people: str, fresh: Fresh) -> None:
        name = fresh()
        with nothing_changes(lake):
            for sql, status, code in (
                ("SELECT nothing FROM " + people, 400, "sql_error"),
                (f"SELECT * FROM {fresh()}", 400, "sql_error"),
                ("SELEC", 400, "sql_error"),
                ("SELECT 1; SELECT 2", 403, "statement_not_allowed"),
                ("DROP TABLE x", 403, "statement_not_allowed"),
                ("SELECT * FROM read_csv('/etc/passwd')", 403, "statement_not_allowed"),
                (f"SELECT * FROM {people} WHERE id = ?", 403, "statement_not_allowed"),
                (f"SELECT * FROM {people} AT (VERSION => 1)", 403, "statement_not_allowed"),
                ("SELECT * FROM lake.datasets", 403, "statement_not_allowed"),
                ("SELECT * FROM information_schema.tables", 403, "statement_not_allowed"),
                (f"SELECT * FROM main.{people}", 403, "statement_not_allowed"),
                (f"EXPLAIN SELECT * FROM {people}", 403, "statement_not_allowed"),
                (f"SELECT * FROM {name}", 409, "view_cycle"),
                ("SELECT 1) AS (SELECT 2", 400, "sql_error"),
            ):
                answer = put(lake, name, {"sql": sql})
                assert (answer.status, answer.json["code"]) == (status, code), (sql, answer)
            refused(put(lake, people, {"sql": "SELECT 1"}), 409, "name_taken")
            refused(put(lake, "1a", {"sql": "SELECT 1"}), 400, "invalid_name")
            refused(put(lake, name, {}), 400, "invalid_request")
            refused(put(lake, name, {"sql": "SELECT 1", "of": people}), 400, "invalid_request")

    def test_no_statement_names_what_a_view_reads(
        self, lake: Lake, people: str, fresh: Fresh
    ) -> None:
        name = fresh()
        put(lake, name, {"sql": f"SELECT id FROM {people}"})
        rows(lake, f"SELECT * FROM {name}")
        for sql in (f'SELECT * FROM "!".{people}', f'SELECT * FROM "!{people}"'):
            assert lake.sql(sql).status in (400, 403), sql
        both = f"SELECT * FROM information_schema.tables, {name}"
        refused(lake.sql(both), 403, "statement_not_allowed")

    def test_a_dataset_cannot_take_its_name(self, lake: Lake, people: str, fresh: Fresh) -> None:
        name = fresh()
        put(lake, name, {"sql": f"SELECT id FROM {people}"})
        with nothing_changes(lake):
            refused(lake.register(name.upper()), 409, "name_taken")

    def test_it_is_undone(self, lake: Lake, people: str, fresh: Fresh) -> None:
        name = fresh()
        seq = put(lake, name, {"sql": f"SELECT id FROM {people}"}).seq
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False})
        assert undone.json["type"] == "view_dropped"
        refused(lake.ask("GET", f"/v1/catalog/view/{name}"), 404, "view_not_found")
        events = lake.ask("GET", f"/v1/catalog/history/{name}").json["events"]
        assert [each["type"] for each in events] == ["view_put", "view_dropped"]


class TestUndoOfADrop:
    """Of a name that a view and a dataset had one after the other."""

    def test_a_view_that_is_gone_is_not_in_its_way(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        made = lake.ingest(f"name={name}", b"a\n1\n").seq
        dropped = lake.drop(name).seq
        for _ in range(2):
            put(lake, name.upper(), {"sql": "SELECT 2 AS a"})
            taken = refused(undo(lake, dropped), 409, "undo_conflict").json["detail"]
            assert taken.endswith("drop the view first")
            assert lake.ask("DELETE", f"/v1/catalog/view/{name}").status == 200
        refused(undo(lake, made), 409, "undo_conflict")
        assert undo(lake, dropped).json["type"] == "dataset_restored"
        assert rows(lake, f"FROM {name}") == [[1]]

    def test_of_a_view_a_dataset_is(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        put(lake, name, {"sql": "SELECT 2 AS a"})
        dropped = lake.ask("DELETE", f"/v1/catalog/view/{name}").seq
        lake.ingest(f"name={name}", b"a\n1\n")
        lake.drop(name)
        refused(undo(lake, dropped), 409, "undo_conflict")


class TestSafeViews:
    def test_rows_may_be_chosen_by_a_column_with_the_name_of_a_function(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        base, name = fresh(), fresh()
        lake.ingest(f"name={base}", b"uuid,now\na,1\nb,2\n")
        body = {"of": base, "rows": "uuid = 'b' AND now > 1", "unmasked": ["uuid"]}
        assert put(lake, name, body).status == 200
        assert rows(lake, f"FROM {name}") == [["b", None]]

    @pytest.mark.parametrize("column", ["current_date", '"Current_Timestamp"', "localtime", "user"])
    def test_rows_may_name_a_column_called_as_a_function_without_parentheses(
        self, lake: Lake, fresh: Fresh, column: str
    ) -> None:
        base, name = fresh(), fresh()
        lake.ingest(f"name={base}", f"id,{column.strip(chr(34)).lower()}\n1,7\n2,8\n".encode())
        body = {"of": base, "rows": f"{column} = ANY([8, 9])", "unmasked": ["id"]}
        assert put(lake, name, body).status == 200
        assert rows(lake, f"SELECT id FROM {name}") == [[2]]

    def test_rows_are_refused_once_such_a_column_is_gone(self, lake: Lake, fresh: Fresh) -> None:
        base, name = fresh(), fresh()
        lake.ingest(f"name={base}", b"id,current_date\n1,2026-11-02\n")
        body = {"of": base, "rows": "current_date > DATE '2020-01-01'", "unmasked": ["id"]}
        assert put(lake, name, body).status == 200
        assert rows(lake, f"SELECT id FROM {name}") == [[1]]
        lake.ingest(f"name={base}&schema_change=replace", b"id\n1\n")
        refused(lake.ask("POST", "/v1/sql", {"sql": f"FROM {name}"}), 400, "view_broken")
        refused(put(lake, fresh(), body), 403, "statement_not_allowed")

    def test_masks(self, lake: Lake, people: str, fresh: Fresh) -> None:
        name = fresh()
        masks = {
            "email": "hash", "phone": "last4", "born": "year", "name": "constant:it's",
            "country": "null",
        }  # fmt: skip
        body = {"of": people, "masks": masks, "unmasked": ["id"]}
        made = put(lake, name, body)
        assert made.status == 200, made
        assert made.json["safe"] == body | {"rows": None}
        assert [each["type"] for each in made.json["columns"]] == [
            "int64", "string", "string", "int32", "string", "string", "double",
        ]  # fmt: skip
        key = (lake.bucket / "_access" / "mask.key").read_bytes()
        digests = [
            hmac.new(key, each, hashlib.sha256).hexdigest() for each in (b"a@x.de", b"b@x.fr")
        ]
        assert rows(lake, f"SELECT * FROM {name} ORDER BY id") == [
            [1, digests[0], "******6789", 1990, None, "it's", None],
            [2, digests[1], "****", 1985, None, "it's", None],
            [3, None, None, None, None, None, None],
        ]
        assert key.hex() not in str(lake.ask("GET", "/v1/journal/events").json)
        refused(lake.put("_access/mask.key"), 400, "invalid_key")

    def test_rows_and_later_columns(self, lake: Lake, fresh: Fresh) -> None:
        base, name = fresh(), fresh()
        lake.ingest(f"name={base}", PEOPLE)
        safe = {"of": base, "rows": "country = 'DE' -- only", "unmasked": ["id", "country"]}
        assert put(lake, name, safe).status == 200
        assert rows(lake, f"SELECT id, country FROM {name} ORDER BY id") == [[1, "DE"], [3, "DE"]]
        lake.ingest(f"name={base}&schema_change=replace", b"id,country,ssn\n7,DE,123\n")
        assert rows(lake, f"SELECT * FROM {name}") == [[7, "DE", None]]

    def test_what_does_not_fit_is_refused(self, lake: Lake, people: str, fresh: Fresh) -> None:
        name = fresh()
        with nothing_changes(lake):
            for body in (
                {"of": people, "masks": {"absent": "null"}},
                {"of": people, "unmasked": ["absent"]},
                {"of": people, "masks": {"email": "rot13"}},
                {"of": people, "masks": {"email": "year"}},
                {"of": people, "masks": {"id": "null"}, "unmasked": ["ID"]},
            ):
                refused(put(lake, name, body), 400, "invalid_request")
            for bad in ("id = (SELECT 1)", "true) UNION SELECT (1", "1) AS a, (2", "random() > 0"):
                answer = put(lake, name, {"of": people, "rows": bad})
                assert answer.status in (400, 403), (bad, answer)
                assert answer.json["code"] in ("statement_not_allowed", "sql_error"), bad
            refused(put(lake, name, {"of": people, "rows": "absent = 1"}), 400, "sql_error")
            for odd in (
                "true) LIMIT (1",
                "true) GROUP BY (id",
                "true) OR (true",
                "true, false",
                "id",
            ):
                answer = put(lake, name, {"of": people, "rows": odd})
                assert (answer.status in (400, 403), "rows must be" in answer.json["detail"]) == (
                    True, True,
                ), odd  # fmt: skip

    def test_plans_errors_and_views_reveal_nothing_that_is_hidden(
        self, lake: Lake, people: str, fresh: Fresh
    ) -> None:
        name = fresh()
        safe = {
            "of": people,
            "rows": "country = 'FR'",
            "masks": {"email": "hash"},
            "unmasked": ["name"],
        }
        assert put(lake, name, safe).status == 200
        key = (lake.bucket / "_access" / "mask.key").read_bytes()
        pads = [bytes(byte ^ pad for byte in key).hex() for pad in (0x36, 0x5C)]
        hidden = [people, "country", "FR", "Ada", "a@x.de", *pads, key.hex(), "sha256"]
        for sql in (
            f"EXPLAIN SELECT * FROM {name}",
            f"EXPLAIN ANALYZE SELECT * FROM {name} WHERE name = 'Bob'",
            f"EXPLAIN (FORMAT json) SELECT email FROM {name}",
            f"SELECT CAST(name AS INTEGER) FROM {name}",
            f"SELECT CAST(email AS INTEGER) FROM {name}",
            f"SUMMARIZE {name}",
            f"DESCRIBE {name}",
        ):
            text = lake.sql(sql).body.decode()
            shown = [
                each
                for each in hidden
                if each in text and not (each == "country" and sql[0] in "SD")
            ]
            assert shown == [], (sql, shown)
        assert rows(lake, f"SELECT count(*) FROM {name} WHERE CAST(name AS VARCHAR) = 'Ada'") == [
            [0]
        ]

    def test_another_lake_hashes_otherwise(self, lake: Lake, own_lake: Lake) -> None:
        for each in (lake, own_lake):
            each.ingest("name=hashed", b"a\nx\n")
        assert put(lake, "hashed_view", {"of": "hashed", "masks": {"a": "hash"}}).status == 200
        key = (lake.bucket / "_access" / "mask.key").read_bytes()
        assert len(key) == 32
        assert not (own_lake.bucket / "_access").exists()
