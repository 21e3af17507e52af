"""One lake for each module of tests: a server and a connection to it."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from lake_server import Lake as Server
from lake_server import running_lake

import lakehouse
from lakehouse.client.lake import Lake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared by the tests of a module: each uses names of its own."""
    with running_lake(tmp_path_factory.mktemp("lake") / "bucket") as running:
        yield running


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def lake(url: str) -> Iterator[Lake]:
    with lakehouse.connect(url, actor="tester") as connected:
        yield connected


@pytest.fixture(scope="module")
def fresh() -> Callable[[], str]:
    """A name that no other test of the module has."""
    numbers = itertools.count(1)
    return lambda: f"fresh_{next(numbers)}"
