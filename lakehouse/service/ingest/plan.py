"""What is to become of a file. Plain data: it reads nothing and decides nothing."""

import msgspec

from journal.events import RETRIES, Source
from lakehouse.domain.commands import IngestDataset
from lakehouse.formats.options import CSV, REJECT, Options
from lakehouse.formats.source import is_compressed
from lakehouse.process.spool import Spooled

MOST_COLUMNS = 200
"""Of a file that is quick."""


class IngestPlan(msgspec.Struct, frozen=True):
    """What is to become of a file: its dataset, the mode, and how its bytes are read."""

    name: str
    mode: str = "replace"
    options: Options = Options()
    content_encoding: str | None = None
    schema_change: str | None = None
    dedupe: bool = False
    retries: tuple[str, ...] = ()
    """Keys of the dataset's quarantine whose rows the file brings again."""

    def source(self, file: Spooled) -> Source:
        """The file as its event will name it."""
        retries = tuple((RETRIES, key) for key in self.retries)
        return Source(
            file.sha256, file.size_bytes, tuple(sorted(self.options.canonical() + retries))
        )

    def is_quick(self, file: Spooled) -> bool:
        """Whether the file is read in milliseconds, so that others may wait for it.

        Each column costs a fixed time; a compressed file may be of any size.
        """
        content, options = file.content, self.options
        if not isinstance(content, bytes) or is_compressed(content):
            return False
        plain = (options.format, options.on_error) == (CSV, REJECT)
        header = content.lstrip(b"\r\n").partition(b"\n")[0]
        return plain and header.count(options.delimiter.encode()) < MOST_COLUMNS

    def command(self, file: Spooled) -> IngestDataset:
        """The change that is asked for, while the file has not been read."""
        return IngestDataset(
            self.name,
            self.mode,
            self.source(file),
            None,
            None,
            self.schema_change,
            self.dedupe,
            self.retries,
        )
