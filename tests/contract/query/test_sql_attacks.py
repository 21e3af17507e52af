"""What a stranger may try. Each is refused, and nothing that can be reached has changed."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sql_attacks import attacks
from worker_processes import worker_pids

from lakehouse.domain.errors import CODES, RefusedError

pytestmark = pytest.mark.asyncio(loop_scope="module")


class NothingRuns:
    """The server of this worker end interrupts nothing."""

    def interrupt(self, number: int, stop_reads: Callable[[], None]) -> None:
        raise AssertionError(f"query {number} was interrupted")

    def abandon(self) -> None:
        """The test goes on."""


async def test_every_attack_is_refused_and_changes_nothing(
    make_lake: Callable[..., Any], tmp_path: Path
) -> None:
    lake = await make_lake(workers=2)
    before, pids = lake.fingerprint(), worker_pids()
    texts = attacks(str(lake.bucket), str(lake.folder / "secret.csv"))
    assert len(texts) >= 150 and len(set(texts)) == len(texts)
    answered = {}
    for text in texts:
        code, detail = await outcome(lake, text)
        assert code and 400 <= CODES[code].status < 500, f"{text}: {code} {detail}"
        assert "hunter2" not in detail, text
        answered[text] = code
        assert lake.fingerprint() == before, text
    assert worker_pids() == pids, "an attack took a worker down"
    refused = [text for text, code in answered.items() if code == "statement_not_allowed"]
    assert len(refused) > 150
    assert await lake.rows("SELECT count(*) FROM Sales") == [[4]]


async def test_no_attack_gets_as_far_as_asking_for_a_path(make_lake: Callable[..., Any]) -> None:
    """What looks like a file is a name that does not exist: DuckDB never sees it."""
    lake = await make_lake(workers=1)
    code, detail = await outcome(lake, f"FROM '{lake.bucket}/datasets/Sales/0.parquet'")
    assert code == "sql_error"
    assert detail.startswith("Catalog Error: Table with name ")
    assert "LINE 1: FROM" in detail


async def test_the_sandbox_holds_where_the_guard_is_not_asked(
    make_lake: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A second wall: the locked connection itself opens nothing but the data."""
    from lakehouse.query.engine import _configure
    from lakehouse.query.worker.objects.blocks import ObjectBlocks
    from lakehouse.query.worker.objects.files import ObjectFiles
    from lakehouse.query.worker.sandbox import locked_connections

    lake = await make_lake(workers=1)
    ours, theirs = socket.socketpair()
    objects = ObjectFiles(ObjectBlocks(theirs, NothingRuns()))
    connections = locked_connections(_configure(lake.settings()), objects)
    outside = lake.folder / "secret.csv"
    for sql in (
        f"FROM read_text('{outside}')",
        f"FROM '{outside}'",
        f"FROM read_text('{lake.bucket}/datasets/../../secret.csv')",
        f"FROM glob('{lake.folder}/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/x.csv'",
        f"ATTACH '{tmp_path}/x.db'",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "FROM x",
    ):
        x = "a Python variable, which must not become a table"
        assert x
        for connection in (connections.main, connections.plain):
            with pytest.raises(
                Exception, match=r"Permission|disabled|locked|not exist|cannot|Cannot"
            ):
                connection.execute(sql)
    connections.main.close()
    ours.close()
    theirs.close()


async def test_neither_error_nor_plan_shows_a_path(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1)
    broken = lake.bucket / "datasets" / "states" / "0.parquet"
    broken.write_bytes(b"not a Parquet file at all, though long enough to look like one")
    texts = [
        "FROM states",
        "EXPLAIN FROM Sales",
        "EXPLAIN ANALYZE FROM many",
        "EXPLAIN (FORMAT json) FROM many",
        "EXPLAIN (ANALYZE, FORMAT json) FROM many WHERE part > 1",
        "EXPLAIN ANALYZE FROM many a JOIN many b USING (part)",
        "SELECT filename FROM many",
        "SELECT error(state) FROM Sales",
        "SELECT state::INT FROM Sales",
    ]
    for text in texts:
        try:
            shown = str(await lake.ask(text))
        except RefusedError as error:
            shown = error.refused.detail
        for hidden in (str(lake.folder), str(lake.bucket), "/datasets/", "0.parquet"):
            assert hidden not in shown, f"{text}: {shown}"


async def outcome(lake: Any, sql: str) -> tuple[str, str]:
    try:
        return "", str(await lake.ask(sql, timeout_s=5))
    except RefusedError as error:
        return error.refused.code, error.refused.detail
