"""A local lake with a few datasets, and an engine over it."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest_asyncio

from journal.events import Column
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.engine import EngineSettings, Query, QueryEngine
from lakehouse.query.processes.worker_handle import PROGRAM
from projections.view_sql.datasets import View


class Lake:
    """A bucket directory, the views over it, and one question at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bucket = folder / "bucket"
        self.views: dict[str, View] = {}
        self.resolved: list[frozenset[str] | None] = []
        self.engine: QueryEngine
        for inside in ("datasets", "objects", "_journal"):
            (self.bucket / inside).mkdir(parents=True)
        (folder / "temp").mkdir()
        (folder / "secret.csv").write_text("password\nhunter2\n")
        (self.bucket / "_journal" / "1.json").write_text('{"secret": "hunter2"}')

    def settings(self, **changes: Any) -> EngineSettings:
        settings = EngineSettings(
            data_prefixes=(f"{self.bucket}/datasets/", f"{self.bucket}/objects/"),
            temp_directory=str(self.folder / "temp"),
            timeout_s=120.0,
        )
        return msgspec.structs.replace(settings, **changes)

    def add(self, name: str, *tables: pa.Table, known: bool = True) -> View:
        """Store each table as an object of the dataset `name`."""
        paths = []
        for number, table in enumerate(tables):
            path = self.bucket / "datasets" / name / f"{number}.parquet"
            path.parent.mkdir(exist_ok=True)
            pq.write_table(table, path)
            paths.append(str(path))
        schema = tables[-1].schema
        columns = tuple(Column(field.name, str(field.type)) for field in schema)
        self.views[name.lower()] = View(name, tuple(paths), columns if known else None)
        return self.views[name.lower()]

    async def resolve(self, names: frozenset[str] | None) -> Mapping[str, View]:
        self.resolved.append(names)
        wanted = self.views.keys() if names is None else names & self.views.keys()
        return {name: self.views[name] for name in wanted}

    async def ask(self, sql: str, params: Any = None, timeout_s: float | None = None) -> Any:
        """Return the whole answer, decoded."""
        async with self.engine.run(Query(sql, params, timeout_s), self.resolve) as result:
            answer = json.loads(b"".join([chunk async for chunk in result.chunks]))
        assert answer["columns"] == [{"name": c.name, "type": c.type} for c in result.columns]
        return answer

    async def rows(self, sql: str, params: Any = None) -> Any:
        return (await self.ask(sql, params))["rows"]

    def fingerprint(self) -> dict[str, str]:
        """Every file reachable from the lake's folder, spill included, and what is in it."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def small_tables(lake: Lake) -> None:
    sales = {
        "id": [1, 2, 3, 4],
        "state": ["IL", "IL", "NY", None],
        "amount": [10, 20, 30, 40],
        "tags": [["a", "b"], [], None, ["c"]],
    }
    lake.add("Sales", pa.table(sales))
    lake.add("states", pa.table({"state": ["IL", "NY"], "name": ["Illinois", "New York"]}))
    lake.add("many", *(pa.table({"part": [n], "x": [n * 10]}) for n in range(5)))
    lake.views["empty"] = View("empty", (), (Column("a", "int64"), Column("b", "string")))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forks() -> AsyncIterator[ForkServer]:
    """One for a module: to import DuckDB anew takes longer than most tests, whose workers are new anyway."""
    started = ForkServer((PROGRAM,))
    yield started
    await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def make_lake(tmp_path: Path, forks: ForkServer) -> AsyncIterator[Callable[..., Any]]:
    """Starts a lake of its own with changed settings, and closes it."""
    lakes: list[Lake] = []

    async def make(**changes: Any) -> Lake:
        lake = Lake(tmp_path / f"lake{len(lakes)}")
        small_tables(lake)
        lake.engine = QueryEngine(lake.settings(**changes), forks)
        await lake.engine.start()
        lakes.append(lake)
        return lake

    yield make
    for lake in lakes:
        await lake.engine.close()
        assert list((lake.folder / "temp").iterdir()) == []


@pytest_asyncio.fixture(loop_scope="module")
async def lake(make_lake: Callable[..., Any]) -> Lake:
    made: Lake = await make_lake(workers=1)
    return made
