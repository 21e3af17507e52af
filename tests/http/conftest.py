"""A server for each module that only adds to it, one for each test that needs its own; their logs."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, csv
from documented_answers import Documented
from lake_server import Lake, running_lake
from server_logs import captured_logs
from structlog.testing import LogCapture


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Shared by the tests of a module: each uses names of its own."""
    with running_lake(tmp_path_factory.mktemp("lake") / "bucket") as server:
        yield server


@pytest.fixture
def own_lake(tmp_path: Path) -> Iterator[Lake]:
    """One test's own, empty, without SQL."""
    with running_lake(tmp_path / "bucket", queries=False) as server:
        yield server


@pytest.fixture(scope="module")
def fresh() -> Callable[[], str]:
    """A name that no other test of the module has."""
    numbers = itertools.count(1)
    return lambda: f"fresh_{next(numbers)}"


@pytest.fixture(scope="module")
def documented(lake: Lake) -> Documented:
    """Compares answers of the module's lake with the structs that the route table declares."""
    return Documented(lake)


@pytest.fixture
def base(lake: Lake, fresh: Callable[[], str]) -> str:
    """The name of a new dataset with the rows (1, n, 10), (2, s, 20) and (3, n, 30)."""
    name = fresh()
    ingested = lake.ingest(f"name={name}", b"id,region,amount\n1,n,10\n2,s,20\n3,n,30\n")
    assert ingested.status == 200, ingested.body
    return name


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty directory, and without settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def lakehouse(elsewhere: None, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line."""
    return CommandLine(capsys)


@pytest.fixture
def emptied(lakehouse: CommandLine) -> CommandLine:
    """The command line on a bucket that holds a lake without a dataset, at event 2."""
    lakehouse("ingest", csv("a\n1\n", "first.csv"))
    lakehouse("drop", "first")
    return lakehouse


@pytest.fixture(autouse=True)
def logged() -> Iterator[LogCapture]:
    """What is logged during one test. A bug fails it, unless the test clears the entries."""
    with captured_logs() as log:
        yield log
