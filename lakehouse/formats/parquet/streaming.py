"""Parquet files that are read batch by batch. Memory holds a piece of each column and one batch.

Arrow's defaults read the row groups ahead, all of a file of 365 MB. Must never map a file into memory: its
pages count as the memory of the process.
"""

from pathlib import Path

import pyarrow.parquet as pq

READ_BYTES = 256 * 1024
"""Of a column at once."""


def opened_for_streaming(
    path: Path | str,
    *,
    metadata: pq.FileMetaData | None = None,
    page_checksum_verification: bool = False,
) -> pq.ParquetFile:
    """The file, whose `iter_batches` holds little whatever its size. `metadata`: its footer, if known.

    Raises pa.ArrowException, OSError.
    """
    return pq.ParquetFile(
        path,
        metadata=metadata,
        buffer_size=READ_BYTES,
        pre_buffer=False,
        page_checksum_verification=page_checksum_verification,
    )
