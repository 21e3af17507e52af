"""Row groups of one Parquet file, encoded by several threads, to the bytes that one writer makes.

Arrow encodes the columns of a row group one after the other, and its Python API lends it no threads. Here
each row group is encoded as a file of its own, in memory, and its bytes are copied in order: pages do not
know where they are, only the footer does. Owns how many row groups are in memory at once. Must never choose
an encoding: the caller does, once for the file.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.parquet.rewriting.splicing import SplicedFile, footer_of

_MOST_GROWTH, _MOST_HEADERS = 2, 4096
"""A row group as Parquet takes less than so many times its size in Arrow, dictionaries included, and so many
bytes for each column."""

_Waiting = deque[tuple[Future[bytes], int]]
"""Row groups in order, each with the most bytes that it takes."""


def write_in_parallel(
    sink: pa.NativeFile,
    groups: Iterable[pa.Table],
    options: Mapping[str, Any],
    threads: int,
    file_bytes: int,
) -> int:
    """Write row groups as one file, and return how many rows it has; there must be a row group.

    Takes no further row group once the file has `file_bytes`. At most `threads` row groups are encoded
    or wait to be copied, beside the one that `groups` makes.
    """
    output = _Output(sink)
    waiting = _Waiting()
    with ThreadPoolExecutor(threads) as pool:
        for group in groups:
            most_bytes = _MOST_GROWTH * group.nbytes + _MOST_HEADERS * group.num_columns
            waiting.append((pool.submit(encode_group, group, options), most_bytes))
            del group
            # The next one is begun only where those before it cannot fill the file.
            while len(waiting) >= threads or _may_fill(sink, waiting, file_bytes):
                output.add(waiting.popleft()[0].result())
            if sink.tell() >= file_bytes:
                break
        while waiting:
            output.add(waiting.popleft()[0].result())
    return output.finish()


def _may_fill(sink: pa.NativeFile, waiting: _Waiting, file_bytes: int) -> bool:
    return bool(waiting) and sink.tell() + sum(most for _, most in waiting) >= file_bytes


def encode_group(group: pa.Table, options: Mapping[str, Any]) -> bytes:
    """A Parquet file of one row group."""
    memory = pa.BufferOutputStream()
    with pq.ParquetWriter(memory, group.schema, **options) as writer:
        writer.write_table(group, row_group_size=max(1, group.num_rows))
    body: bytes = memory.getvalue().to_pybytes()
    return body


class _Output:
    """The file, once its first row group is encoded."""

    def __init__(self, sink: pa.NativeFile) -> None:
        self._sink = sink
        self._spliced: SplicedFile | None = None

    def add(self, body: bytes) -> None:
        """Copy the row group of a file."""
        with BytesIO(body) as file:
            if self._spliced is None:
                self._spliced = SplicedFile(footer_of(file), self._sink)
            self._spliced.add_all(file)

    def finish(self) -> int:
        """Write the footer; the number of rows."""
        if self._spliced is None:
            raise ValueError("a Parquet file needs a row group")
        # Arrow's writer has none.
        return self._spliced.finish(ordinals=False)
