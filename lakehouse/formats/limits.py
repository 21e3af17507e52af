"""Limits of one ingest, and the bytes that the ingests of a process share.

Numbers only: the readers decide what they refuse.
"""

import msgspec

MIB = 1 << 20
AHEAD_BYTES = 32 * MIB
"""Text of CSV that all ingests of a process decode ahead of use: 32 blocks, but no long record."""
SHARED_BYTES = 128 * MIB + AHEAD_BYTES
"""What all ingests of a process decode ahead of use and keep between two readings of a file."""
LARGE_BYTES = 4 * MIB
"""With a longer record, which takes up to 14 times its size while it is read and written, one file at a
time is read in a process."""


class LargeRecordError(Exception):
    """A record is longer than `large_bytes`: the file must be read again, with nothing like it beside it."""


class IngestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one ingest; the defaults suit one machine.

    Memory is about `kept_bytes` and `threads` x (`block_bytes` as bytes and as text) plus a few
    row groups; only a record longer than a block makes a block grow, up to `record_bytes`.
    """

    decoded_bytes: int = 8 << 30
    """Bytes after decompression; one more is `too_large`."""
    columns: int = 10_000
    record_bytes: int = 64 * MIB
    """One record, and so one field, give or take a block: held against the text as it is read,
    before any of the record is decoded."""
    large_bytes: int | None = None
    """A record that is longer, give or take a block and what doubling adds, raises LargeRecordError."""
    block_bytes: int = MIB
    kept_bytes: int = 64 * MIB
    """Text that the first reading keeps for the second; what is beyond is read again."""
    held_bytes: int = MIB
    """Text that may become Parquet in memory, where the source is there already."""
    threads: int = 2
    row_group_rows: int = 122_880
    """DuckDB's own row group, so one row group is one unit of its parallel scan."""
    row_group_bytes: int = 64 * MIB
    """Text in one row group: bounds memory where rows are wide."""
    file_bytes: int = 256 * MIB
    """A Parquet file that has reached this gets no further row group."""

    def check_large(self, record_bytes: int) -> None:
        """Raise LargeRecordError if a record of which so much has been read is too long for now."""
        if self.large_bytes is not None and record_bytes > self.large_bytes:
            raise LargeRecordError
