"""Each role alone: its own routes without `/v1`, what it says of itself, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lake_server import Lake, running_lake
from refusals import refused

from lakehouse.roles import ROLES, answers, without_prefix
from lakehouse.web.routes import ROUTES

EXAMPLES = {
    "storage": "/storage/list",
    "catalog": "/catalog/list",
    "ingest": "/ingest",
    "sql": "/queries",
}


@pytest.fixture(scope="module", params=[*ROLES])
def alone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Lake]]:
    role: str = request.param
    bucket: Path = tmp_path_factory.mktemp("alone") / "bucket"
    with running_lake(bucket, role=role, queries=role == "sql") as lake:
        yield role, lake


def test_it_names_itself(alone: tuple[str, Lake]) -> None:
    role, lake = alone
    assert lake.ask("GET", "/health").json == {"status": "ok", "service": role}
    assert lake.ask("GET", "/ready").json == {"status": "ready", "seq": 0}
    assert lake.ask("GET", "/metrics").status == 200


def test_it_answers_its_own_routes_without_the_prefix_and_no_others(
    alone: tuple[str, Lake],
) -> None:
    role, lake = alone
    for owner, path in EXAMPLES.items():
        found = lake.ask("OPTIONS", path)
        refused(found, *((405, "method_not_allowed") if owner == role else (404, "not_found")))
        refused(lake.ask("OPTIONS", f"/v1{path}"), 404, "not_found")


def test_every_route_of_the_table_is_answered_by_its_role_alone(alone: tuple[str, Lake]) -> None:
    role, lake = alone
    for route in ROUTES:
        path = (
            without_prefix(route.path)
            .replace("{key}", "k")
            .replace("{name}", "n")
            .replace("{id}", "i")
        )
        assert (lake.ask("OPTIONS", path).status == 405) == answers(role, route.path), route.path


def test_an_absolute_target_is_a_role_s_too(alone: tuple[str, Lake]) -> None:
    role, lake = alone
    refused(lake.ask("OPTIONS", f"http://{lake.host}{EXAMPLES[role]}"), 405, "method_not_allowed")


def test_all_in_one_names_the_lakehouse(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        assert lake.ask("GET", "/health").json == {"status": "ok", "service": "lakehouse"}
        refused(lake.ask("GET", "/storage/list"), 404, "not_found")
