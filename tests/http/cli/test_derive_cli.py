"""`lakehouse derive` and `refresh`, alone and a chain in the right order."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine, csv

from lakehouse.cli.main import main

CHAIN = ("z", "y", "x", "w", "v")
"""In the order in which they read each other: each the one before it, against the alphabet."""


@pytest.fixture
def chained(lakehouse: CommandLine) -> CommandLine:
    lakehouse("ingest", csv("n\n1\n2\n", "base.csv"))
    for before, name in zip(("base", *CHAIN), CHAIN, strict=False):
        lakehouse("derive", name, "--sql", f"SELECT n + 1 AS n FROM {before}")
    return lakehouse


def outcomes(lakehouse: CommandLine) -> list[tuple[str, str]]:
    found = json.loads(lakehouse("refresh", "--all", "--json"))
    return [(each["name"], each["outcome"]) for each in found["results"]]


def test_a_dataset_is_derived_and_refreshed(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("n\n1\n2\n", "base.csv"))
    Path("s.sql").write_text("SELECT n FROM base WHERE n >= $least")
    words = ("derive", "big", "-f", "s.sql", "--params", '{"least": 2}')
    assert "create at event 1" in lakehouse(*words, "--dry-run")
    assert lakehouse(*words) == "big: 1 row, 1 in total, event 2\n"
    assert lakehouse("refresh", "big") == "big: unchanged, 1 in total, event 2\n"
    lakehouse("ingest", csv("n\n5\n", "base.csv"), "--mode", "append")
    receipt = json.loads(lakehouse("refresh", "big", "--json"))
    assert (receipt["row_count"], receipt["reads"][0]["seq"], receipt["seq"]) == (2, 3, 4)
    assert "cannot_refresh" in lakehouse("refresh", "base", code=1)
    assert "usage" in lakehouse("refresh", code=2)
    select = (*words[:2], "--sql", "SELECT 1")
    assert "--params: not JSON: Expecting" in lakehouse(*select, "--params", "{", code=2)
    assert "--params: Expected" in lakehouse(*select, "--params", "7", code=2)
    assert "usage: mode=merge and key" in lakehouse(*select, "--mode", "merge", code=2)
    staged = lakehouse("derive", "other", "--sql", "SELECT 1 AS a", "--stage")
    assert len(staged.strip()) > 64


def test_a_chain_of_five_is_refreshed_in_order_by_one_command(chained: CommandLine) -> None:
    assert outcomes(chained) == [(name, "unchanged") for name in CHAIN]
    chained("ingest", csv("n\n10\n", "base.csv"))
    assert outcomes(chained) == [(name, "refreshed") for name in CHAIN]
    assert chained("sql", "SELECT n FROM v", "--format", "csv") == "n\n15\n"
    assert outcomes(chained) == [(name, "unchanged") for name in CHAIN]


def test_what_reads_a_refused_one_is_skipped(chained: CommandLine) -> None:
    chained("derive", "apart", "--sql", "SELECT n FROM base")
    chained("derive", "y", "--sql", "SELECT n AS n, missing FROM (SELECT n, 1 AS missing FROM z)",
            "--schema-change", "replace")  # fmt: skip
    chained("drop", "z")
    chained("ingest", csv("n\n10\n", "base.csv"))
    assert main(["refresh", "--all", "--json"]) == 1
    found = json.loads(chained.read())
    assert {each["name"]: each["outcome"] for each in found["results"]} == {
        "apart": "refreshed",
        "y": "refused",
        "x": "skipped",
        "w": "skipped",
        "v": "skipped",
    }
