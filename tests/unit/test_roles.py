"""Roles: each route belongs to exactly one, and a path without `/v1` is the path that it was."""

import pytest

from lakehouse.roles import (
    ALL,
    OF_PROCESS,
    ROLES,
    answers,
    is_abandonable,
    role_of,
    with_prefix,
    without_prefix,
)
from lakehouse.web.routes import ROUTES

PATHS = sorted({route.path for route in ROUTES})


@pytest.mark.parametrize("path", PATHS)
def test_each_route_belongs_to_one_role_or_to_every_process(path: str) -> None:
    roles = [role for role in ROLES if answers(role, path)]
    assert roles == ([*ROLES] if path in OF_PROCESS else [role_of(path)])
    assert answers(ALL, path)


@pytest.mark.parametrize("path", [*PATHS, "/iceberg/v1/config", "/mcp"])
def test_a_path_without_the_prefix_stands_for_one_path(path: str) -> None:
    assert with_prefix(without_prefix(path)) == path


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/storages/list", "/v1/sqlite", "/", "/v2/storage/list"]
)
def test_a_path_of_no_role_is_nobody_s(path: str) -> None:
    assert role_of(path) is None


def test_a_prefixed_path_is_not_a_role_s() -> None:
    assert with_prefix("/v1/storage/list") == "/v1/v1/storage/list"


def test_the_gateway_knows_which_work_a_client_that_leaves_cancels() -> None:
    known = {route.path for route in ROUTES if is_abandonable(route.path)}
    assert known == {route.path for route in ROUTES if route.abandonable}
