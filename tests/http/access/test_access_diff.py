"""`diff` shows an admin what has changed of principals, grants and tokens, and nobody else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from principals import closed, principal

from lakehouse.domain.access.difference import diff_access


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        lake.token = closed(lake)
        yield lake


def seq(lake: Lake) -> int:
    found: int = lake.ask("GET", "/v1/journal/head").json["seq"]
    return found


def changes(lake: Lake, first: int, last: int) -> list[tuple[Any, ...]]:
    found = lake.ask("GET", f"/v1/catalog/diff?from={first}&to={last}").json["access"]
    names = ("what", "principal", "change", "from", "to")
    return [tuple(row[name] for name in names) for row in found]


def test_what_changed_of_access(lake: Lake) -> None:
    began = seq(lake)
    bo = principal(lake, "bo", {"sales_*": ["read"]}, limits={"queries": 2})
    made = seq(lake)
    user = {"kind": "user", "limits": {"queries": 2}}
    added = [
        ("principal", "bo", "added", None, user),
        ("grant", "bo", "added", None, {"can": ["read"]}),
        ("token", "bo", "added", None, {}),
    ]
    assert changes(lake, began, made) == added
    lake.ask("PUT", "/v1/access/principals/bo", {"kind": "user", "disabled": True})
    lake.ask("PUT", "/v1/access/grants", {"principal": "bo", "on": "sales_*", "can": ["write"]})
    changed = seq(lake)
    assert changes(lake, made, changed) == [
        ("principal", "bo", "changed", user, {"kind": "user", "disabled": True}),
        ("grant", "bo", "changed", {"can": ["read"]}, {"can": ["write"]}),
    ]
    lake.ask("DELETE", "/v1/access/principals/bo")
    dropped = seq(lake)
    assert [row[:3] for row in changes(lake, changed, dropped)] == [
        ("principal", "bo", "dropped"),
        ("grant", "bo", "dropped"),
        ("token", "bo", "dropped"),
    ]
    assert changes(lake, began, dropped) == []
    assert bo.token is not None
    text = lake.ask("GET", f"/v1/catalog/diff?from={began}&to={changed}").body.decode()
    assert "secret" not in text and bo.token.split("_")[2] not in text


def test_the_same_terms_again_are_no_change(lake: Lake) -> None:
    principal(lake, "bo", {"sales": ["read"]})
    before = seq(lake)
    lake.ask("PUT", "/v1/access/principals/bo", {"kind": "user"})
    assert seq(lake) >= before
    assert changes(lake, before, seq(lake)) == []


def test_others_see_nothing_of_it(lake: Lake) -> None:
    rita = principal(lake, "rita", {"*": ["read", "write", "manage"]})
    answer = rita.ask("GET", "/v1/catalog/diff?from=0")
    assert answer.status == 200 and answer.json["access"] == []


def test_two_states_without_access_do_not_differ(lake: Lake) -> None:
    access = lake.service.node.state.access
    assert diff_access(access, access) == []
