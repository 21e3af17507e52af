"""How many threads of DuckDB read objects ahead of a query: none where all their blocks are at hand.

Owns that one setting. Python runs each read, so threads that wait for nothing only wait for each other's
lock: a grouping over 500,000 rows took 21.6 ms of CPU time with eight of them, 18.2 ms without. A
read that waits for the server is another matter: then eight at once are four times as fast as one.
"""

from collections.abc import Iterable

import duckdb

from lakehouse.objects.extents import SCHEME, parse_object_url
from lakehouse.query.worker.objects.blocks import ObjectBlocks
from projections.view_sql.datasets import View

AHEAD_THREADS = 8
SETTING = "async_threads"


class ReadAhead:
    """The threads of one worker; DuckDB begins with AHEAD_THREADS."""

    def __init__(self, blocks: ObjectBlocks) -> None:
        self._blocks = blocks
        self.threads = AHEAD_THREADS

    def prepare(self, cursor: duckdb.DuckDBPyConnection, views: Iterable[View]) -> None:
        """Set the threads for a statement that reads these views."""
        urls = [url for view in views for url in view.objects if url.startswith(SCHEME)]
        if not urls:
            return
        wanted = (
            0 if all(self._blocks.has(*parse_object_url(url)) for url in urls) else AHEAD_THREADS
        )
        if wanted != self.threads:
            cursor.execute(f"SET GLOBAL {SETTING} = {wanted}")
            self.threads = wanted
