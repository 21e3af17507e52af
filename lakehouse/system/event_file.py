"""One Parquet file of `lake.events`: takes slots, checks the hash links between them, writes row groups.

Owns a file that is being written. Must never hold more than one row group of the journal.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from journal.slot import Head, SealedSlot, check_link, seal_slot
from lakehouse.system.events import EVENTS, events
from lakehouse.system.lens import CLEAR, Lens

GROUP_ROWS = 122_880
"""DuckDB's own default: one thread reads a row group, and each row group has a fixed cost."""
GROUP_BYTES = 64 * 1024 * 1024
_REPEATING = ["type", "v", "dataset", "actor", "reason", "position", "at"]
"""Columns written with a dictionary; the values of the others differ from event to event."""
_FILTERED = {name: {"ndv": GROUP_ROWS, "fpp": 0.01} for name in ("dataset", "key", "command")}
"""One Bloom filter per row group: a search for one value skips the row groups without it."""

Numbered = tuple[int, bytes]
"""A slot's position and its bytes."""


class EventFile:
    """Writes the events of slots of the lake `lake`, given in order, up to `through_seq`."""

    def __init__(self, path: Path, lake: str, through_seq: int | None, lens: Lens = CLEAR) -> None:
        self._lake = lake
        self._lens = lens
        self._through_seq = through_seq
        self._before: Head | None = None
        self._waiting: list[pa.Table] = []
        self._writer = pq.ParquetWriter(
            path,
            EVENTS,
            compression="zstd",
            use_dictionary=_REPEATING,
            bloom_filter_options=_FILTERED,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._writer:
            if error is None:
                self._write()

    def add(self, slots: Sequence[Numbered]) -> None:
        """Add slots that follow those added before. Raises JournalCorrupt, UpgradeRequired."""
        sealed = [self._linked(seal_slot(body, position)) for position, body in slots]
        self._waiting.append(events(sealed, self._through_seq, self._lens))
        rows = sum(table.num_rows for table in self._waiting)
        if rows >= GROUP_ROWS or sum(table.nbytes for table in self._waiting) >= GROUP_BYTES:
            self._write()

    def _linked(self, slot: SealedSlot) -> SealedSlot:
        if self._before and self._before.position + 1 == slot.header.position:
            check_link(self._before, slot, self._lake)
        self._before = slot.head
        return slot

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
            self._waiting = []
