"""`lakehouse ingest --mode merge` and `--mode overwrite`."""

import json

import pytest
from command_line import CommandLine, csv


@pytest.fixture
def people(lakehouse: CommandLine) -> CommandLine:
    lakehouse("ingest", csv("id,name\n1,ann\n2,bob\n"), "--name", "people")
    return lakehouse


def rows(lakehouse: CommandLine) -> str:
    return lakehouse("sql", "SELECT * FROM people", "--format", "csv")


def test_merge_replaces_the_rows_with_the_same_key(people: CommandLine) -> None:
    words = ("ingest", csv("id,name\n2,bea\n3,cy\n"), "--name", "people", "--mode", "merge")
    assert "usage: mode=merge and key" in people(*words, code=2)
    assert "usage: key" in people(*words, "--key", '"id', code=2)
    said = people(*words, "--key", "id")
    assert said == "people: 2 rows in place of 1, 3 in total, event 2\n"
    assert rows(people) == "id,name\n1,ann\n2,bea\n3,cy\n"


def test_a_key_may_have_commas_in_its_names(lakehouse: CommandLine) -> None:
    words = ("ingest", csv('"a,b",c,d\n1,1,x\n1,2,y\n', "odd.csv"), "--mode", "merge")
    lakehouse(*words, "--key", '"a,b"', "--key", "c")
    said = lakehouse(*words, "--key", '"a,b",c')
    assert said == "odd: 2 rows in place of 2, 2 in total, event 2\n"
    sql = ("derive", "odd", "--sql", "SELECT 1 AS \"a,b\", 2 AS c, 'z' AS d", "--mode", "merge")
    lakehouse(*sql, "--key", "c", "--key", '"a,b"')
    assert lakehouse("sql", "SELECT d FROM odd", "--format", "csv") == "d\nx\nz\n"


def test_overwrite_replaces_the_rows_that_match(people: CommandLine) -> None:
    words = ("ingest", csv("id,name\n5,eve\n"), "--name", "people", "--mode", "overwrite")
    dry = json.loads(people(*words, "--where", "id > 1", "--dry-run", "--json"))
    assert (dry["outcome"], dry["rows_removed"]) == ("overwrite", 1)
    receipt = json.loads(people(*words, "--where", "id > 1", "--json"))
    assert (receipt["rows_ingested"], receipt["rows_removed"]) == (1, 1)
    assert rows(people) == "id,name\n1,ann\n5,eve\n"


def test_a_refusal_names_the_lines(people: CommandLine) -> None:
    words = ("ingest", csv("id,name\n2,a\n2,b\n"), "--name", "people", "--mode", "merge")
    assert "duplicate_key: lines 2 and 3 have the same key (id)" in people(
        *words, "--key", "id", code=1
    )


def test_a_staged_merge_is_committed_by_a_transaction(people: CommandLine) -> None:
    words = ("ingest", csv("id,name\n2,bea\n"), "--name", "people", "--mode", "merge")
    staged = people(*words, "--key", "id", "--stage").strip()
    changes = csv(json.dumps({"changes": [{"op": "commit", "staged": staged}]}), "changes.json")
    people("transaction", changes)
    assert rows(people) == "id,name\n1,ann\n2,bea\n"
