"""DuckDB's threads for reading ahead: none where every block of a statement's objects is at hand."""

import socket
from collections.abc import Callable, Iterator

import duckdb
import pytest

from journal.block_hashes import BLOCK_BYTES
from lakehouse.objects.extents import BlocksReady, Extent, object_url
from lakehouse.query.worker.objects.blocks import ObjectBlocks
from lakehouse.query.worker.objects.read_ahead import AHEAD_THREADS, SETTING, ReadAhead
from projections.view_sql.datasets import View

SIZE_BYTES = BLOCK_BYTES + 1


class NothingRuns:
    """No query to interrupt, and a server that may end."""

    def interrupt(self, number: int, stop_reads: Callable[[], None]) -> None: ...

    def abandon(self) -> None: ...


@pytest.fixture
def blocks() -> Iterator[ObjectBlocks]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ObjectBlocks(theirs, NothingRuns())
        ours.shutdown(socket.SHUT_RDWR)


def view(*urls: str) -> View:
    return View("v", urls, ())


def learn(blocks: ObjectBlocks, blob: str, stop: int) -> None:
    blocks._learn(blob, BlocksReady(1, (Extent(0, stop, "/x", 0, (1, 2, 3, 4)),)))


def test_threads_read_ahead_until_every_block_is_known(blocks: ObjectBlocks) -> None:
    session = duckdb.connect(config={SETTING: str(AHEAD_THREADS)})
    ahead = ReadAhead(blocks)

    def threads(*views: View) -> int:
        ahead.prepare(session, views)
        [found] = session.execute(f"SELECT current_setting('{SETTING}')").fetchone() or ()
        assert found == ahead.threads
        return int(found)

    first, second = (view(object_url(blob, SIZE_BYTES)) for blob in ("a", "b"))
    assert threads(first) == AHEAD_THREADS
    learn(blocks, "a", BLOCK_BYTES)
    assert threads(first) == AHEAD_THREADS, "its last block is unknown"
    learn(blocks, "a", SIZE_BYTES)
    assert threads(first) == 0
    assert threads(view("/a/file.parquet")) == 0, "a file of the server's own changes nothing"
    assert threads(first, second) == AHEAD_THREADS
    learn(blocks, "b", SIZE_BYTES)
    assert threads(first, second) == 0
    blocks._forget("b", 0, SIZE_BYTES)
    assert threads(first, second) == AHEAD_THREADS
