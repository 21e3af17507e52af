"""SQL by a link and as bare text, and the names that a wrong statement may have meant."""

import json
from urllib.parse import quote

import pytest
from lake_server import Lake
from refusals import refused

SQL = "/v1/sql"


def link(lake: Lake, statement: str, more: str = "") -> object:
    return lake.ask("GET", f"{SQL}?q={quote(statement)}{more}")


def test_a_link_runs_a_statement(lake: Lake) -> None:
    answer = link(lake, "SELECT 1 AS a, 'é&+' AS b")
    assert answer.json["rows"] == [[1, "é&+"]]
    assert answer.headers["Query-Id"]


def test_a_link_chooses_its_format(lake: Lake) -> None:
    answer = link(lake, "SELECT 1 AS a", "&format=csv")
    assert answer.headers["Content-Type"] == "text/csv" and answer.body == b"a\n1\n"
    refused(link(lake, "SELECT 1", "&format=xls"), 406, "not_acceptable")


def test_a_link_goes_back_in_time(lake: Lake) -> None:
    seq = lake.ask("POST", "/v1/ingest?name=linked", b"a\n1\n").json["seq"]
    lake.ask("POST", "/v1/ingest?name=linked&mode=append", b"a\n2\n")
    assert link(lake, "SELECT count(*) FROM linked").json["rows"] == [[2]]
    assert link(lake, "SELECT count(*) FROM linked", f"&as_of={seq}").json["rows"] == [[1]]
    refused(link(lake, "SELECT 1", "&as_of=never"), 400, "invalid_request")


def test_a_link_changes_nothing(lake: Lake) -> None:
    refused(link(lake, "DROP TABLE x"), 403, "statement_not_allowed")
    refused(lake.ask("GET", SQL), 400, "sql_error")


def test_an_unchanged_result_of_a_link_is_304(lake: Lake) -> None:
    tag = link(lake, "SELECT 7 AS x").headers["ETag"]
    again = lake.ask("GET", f"{SQL}?q={quote('SELECT 7 AS x')}", headers={"If-None-Match": tag})
    assert again.status == 304


@pytest.mark.parametrize(
    "content_type",
    ["application/sql", "text/plain", "text/plain; charset=utf-8", "Application/SQL"],
)
def test_a_bare_statement_is_a_body(lake: Lake, content_type: str) -> None:
    answer = lake.ask("POST", SQL, "SELECT 'é' AS x".encode(), {"Content-Type": content_type})
    assert answer.json["rows"] == [["é"]]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/csv"])
def test_a_statement_of_another_type_is_refused_with_the_type_that_works(
    lake: Lake, content_type: str
) -> None:
    headers = (("Content-Type", content_type),)
    answer = refused(lake.ask("POST", "/v1/sql", b"SELECT 1", headers), 400, "invalid_request")
    advised = answer.json["detail"].rpartition("Content-Type: ")[2]
    again = lake.ask("POST", "/v1/sql", b"SELECT 1", (("Content-Type", advised),))
    assert again.json["rows"] == [[1]]


def test_a_link_without_a_statement_names_the_parameter(lake: Lake) -> None:
    other = refused(lake.ask("GET", "/v1/sql?sql=SELECT+1"), 400, "invalid_request")
    assert other.json["detail"] == "unknown parameter: sql; known are as_of, format, profile, q"
    answer = refused(lake.ask("GET", "/v1/sql"), 400, "sql_error")
    assert answer.json["detail"] == "the statement is empty; it is the parameter q"


def test_a_bare_statement_takes_format_and_as_of_in_the_query(lake: Lake) -> None:
    seq = lake.ask("POST", "/v1/ingest?name=bare", b"a\n1\n").json["seq"]
    lake.ask("POST", "/v1/ingest?name=bare&mode=append", b"a\n2\n")
    statement, text = b"SELECT count(*) AS n FROM bare", {"Content-Type": "text/plain"}
    assert lake.ask("POST", f"{SQL}?as_of={seq}&format=csv", statement, text).body == b"n\n1\n"
    assert lake.ask("POST", f"{SQL}?format=csv", statement, text).body == b"n\n2\n"
    refused(lake.ask("POST", f"{SQL}?as_of=never", statement, text), 400, "invalid_request")
    refused(lake.ask("POST", f"{SQL}?format=xls", statement, text), 406, "not_acceptable")


def test_members_of_a_body_override_the_query(lake: Lake) -> None:
    seq = lake.ask("POST", "/v1/ingest?name=twofold", b"a\n1\n").json["seq"]
    last = lake.ask("POST", "/v1/ingest?name=twofold&mode=append", b"a\n2\n").json["seq"]
    asked = {"sql": "SELECT count(*) AS n FROM twofold"}
    path = f"{SQL}?as_of={seq}&format=csv"
    assert lake.ask("POST", path, json.dumps(asked)).body == b"n\n1\n"
    answer = lake.ask("POST", path, json.dumps(asked | {"as_of": last, "format": "json"}))
    assert answer.json["rows"] == [[2]]


def test_a_bare_statement_is_utf_8(lake: Lake) -> None:
    answer = lake.ask("POST", SQL, b"SELECT '\xff'", {"Content-Type": "text/plain"})
    refused(answer, 400, "invalid_request")


def test_a_dataset_named_with_a_word_of_sql_brings_how_to_write_it(lake: Lake) -> None:
    lake.ask("POST", "/v1/ingest?name=Order", b"a\n1\n")
    detail = refused(lake.sql("SELECT *\nFROM order"), 400, "sql_error").json["detail"]
    assert detail.startswith(
        'Parser Error: syntax error at or near "order"\nIf you meant the dataset, write "order" in '
        "double quotes.\n\nLINE 2: FROM order\n"
    )
    assert lake.sql('FROM "order"').json["rows"] == [[1]]
    detail = refused(lake.sql("FROM group"), 400, "sql_error").json["detail"]
    assert "double quotes" not in detail


def test_a_wrong_name_brings_a_similar_one(lake: Lake) -> None:
    lake.ask("POST", "/v1/ingest?name=Measurements", b"a\n1\n")
    detail = refused(lake.sql("SELECT *\nFROM mesurements"), 400, "sql_error").json["detail"]
    assert detail.startswith(
        "Catalog Error: Table with name mesurements does not exist!\nDid you mean "
        '"Measurements"?\n\nLINE 2: FROM mesurements\n'
    )
    detail = refused(lake.sql("SELECT uper('a')"), 400, "sql_error").json["detail"]
    assert 'Did you mean "upper"?' in detail
    detail = refused(lake.sql("FROM xyzzy"), 400, "sql_error").json["detail"]
    assert "Did you mean" not in detail
