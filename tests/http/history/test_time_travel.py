"""Several moments in one statement."""

from collections.abc import Callable

import pytest
from lake_server import Lake
from refusals import refused

Fresh = Callable[[], str]


@pytest.fixture
def name(lake: Lake, fresh: Fresh) -> str:
    """A dataset with one row more at each of three events."""
    name = fresh().title()
    for rows in (b"1\n", b"1\n2\n", b"1\n2\n3\n"):
        lake.ingest(f"name={name}", b"a\n" + rows)
    return name


def test_two_moments_in_one_statement(lake: Lake, name: str) -> None:
    last = lake.head()
    sql = f"""SELECT now.a FROM {name} now ANTI JOIN {name} was AT (VERSION => {last - 1}) USING (a)"""
    assert lake.sql(sql).json["rows"] == [[3]]
    sql = f"""SELECT (SELECT count(*) FROM lake.at('{name}', {last - 2})),
        (SELECT count(*) FROM lake.at('{name}', '{last - 1}') x), (SELECT count(*) FROM {name})"""
    assert lake.sql(sql).json["rows"] == [[1, 2, 3]]


def test_a_moment_is_a_time_too(lake: Lake, name: str) -> None:
    events = lake.ask("GET", f"/v1/catalog/history/{name}").json["events"]
    at = events[1]["at"]
    for sql in (
        f"SELECT count(*) FROM lake.at('{name}', '{at}')",
        f"SELECT count(*) FROM {name} AT (TIMESTAMP => '{at}')",
        f"SELECT count(*) FROM {name} AT (TIMESTAMP => TIMESTAMPTZ '{at}')",
        f"SELECT count(*) FROM {name.lower()} AT (TIMESTAMP => '{at[:-1]}+00:00')",
    ):
        assert lake.sql(sql).json["rows"] == [[2]], sql


def test_the_moment_of_a_relation_comes_before_the_querys_own(lake: Lake, name: str) -> None:
    last = lake.head()
    sql = f"SELECT (SELECT count(*) FROM {name}), count(*) FROM {name} AT (VERSION => {last})"
    assert lake.sql(sql, as_of=last - 2).json["rows"] == [[1, 3]]


def test_a_dropped_dataset_can_be_read_where_it_lived(lake: Lake, name: str) -> None:
    then = lake.head()
    lake.drop(name)
    assert lake.sql(f"SELECT sum(a) FROM {name} AT (VERSION => {then})").json["rows"] == [[6]]
    refused(lake.sql(f"FROM {name} AT (VERSION => {then + 1})"), 400, "sql_error")


def test_a_relation_keeps_its_name_in_the_statement(lake: Lake, name: str) -> None:
    last = lake.head()
    sql = f"SELECT {name}.a FROM {name} AT (VERSION => {last - 2}) WHERE {name}.a = 1"
    assert lake.sql(sql).json == {
        "columns": [{"name": "a", "type": "BIGINT"}], "rows": [[1]], "row_count": 1,
    }  # fmt: skip
    sql = f"WITH x AS (SELECT {name}.a FROM lake.at('{name}', {last - 2})) SELECT x.a FROM x"
    assert lake.sql(sql).json["rows"] == [[1]]


def test_a_system_view_travels_too(lake: Lake, name: str) -> None:
    last = lake.head()
    sql = "SELECT row_count FROM lake.datasets AT (VERSION => {}) WHERE name = '{}'"
    assert lake.sql(sql.format(last - 1, name)).json["rows"] == [[2]]
    sql = f"SELECT max(seq) FROM lake.at('lake.events', {last - 1})"
    assert lake.sql(sql).json["rows"] == [[last - 1]]


@pytest.mark.parametrize("prefix", ["DESCRIBE", "SUMMARIZE", "EXPLAIN", "EXPLAIN ANALYZE"])
def test_prefixes_hold_for_moments(lake: Lake, name: str, prefix: str) -> None:
    answer = lake.sql(f"{prefix} FROM {name} AT (VERSION => {lake.head() - 1})")
    assert answer.status == 200 and ".parquet" not in answer.body.decode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("FROM {} AT (VERSION => 999999)", "as_of_in_future"),
        ("FROM lake.at('{}', '2999-01-01T00:00:00Z')", "as_of_in_future"),
        ("FROM lake.at('{}', 'yesterday')", "invalid_request"),
        ("FROM {} AT (VERSION => -1)", "invalid_request"),
        ("FROM {} AT (VERSION => 1 + 1)", "sql_error"),
        ("FROM {} AT (VERSION => NULL)", "sql_error"),
        ("FROM {} AT (VERSION => $1)", "sql_error"),
        ("FROM {} AT (VERSION => true)", "sql_error"),
        ("FROM {} AT (VERSION => (SELECT 1))", "sql_error"),
        ("FROM lake.at('{}')", "sql_error"),
        ("FROM lake.at((SELECT 'x'), 1)", "sql_error"),
        ("FROM lake.at('nowhere', 1)", "sql_error"),
        ("FROM lake.at('lake.secrets', 1)", "sql_error"),
        ("FROM lake.at('/etc/passwd', 1)", "sql_error"),
        ("FROM lake.at('../x.parquet', 1)", "sql_error"),
        ("FROM lake.at('information_schema.tables', 1)", "sql_error"),
        ("SELECT lake.at('{}', 1)", "statement_not_allowed"),
        ("FROM main.at('{}', 1)", "sql_error"),
        ("FROM information_schema.tables AT (VERSION => 1)", "statement_not_allowed"),
        ("FROM main.{} AT (VERSION => 1) UNION ALL FROM read_text('/etc/passwd')",
         "statement_not_allowed"),
        ("FROM memory.main.{} AT (VERSION => 1)", "statement_not_allowed"),
    ],
)  # fmt: skip
def test_what_is_no_moment_of_a_relation(lake: Lake, name: str, text: str, code: str) -> None:
    answer = lake.sql(text.format(name), params=[1] if "$1" in text else None)
    assert answer.status in (400, 403) and answer.json["code"] == code, answer
    assert "root:" not in answer.body.decode()
