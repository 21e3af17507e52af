"""What to do with a file: its dataset, the mode, how its bytes are read. Data alone; it decides nothing."""

import msgspec

from journal.events import RETRIES, Source
from lakehouse.domain.commands import IngestDataset
from lakehouse.formats.options import CSV, REJECT, Options
from lakehouse.formats.source import is_compressed
from lakehouse.process.spool import Spooled

MOST_COLUMNS = 200
"""How many columns a quick file has at most."""


class IngestPlan(msgspec.Struct, frozen=True):
    """What to do with a file."""

    name: str
    mode: str = "replace"
    options: Options = Options()
    content_encoding: str | None = None
    schema_change: str | None = None
    dedupe: bool = False
    resolves: tuple[str, ...] = ()
    """Keys of quarantine files of the dataset whose rows the file contains, corrected."""

    def source(self, file: Spooled) -> Source:
        """The file as its event names it."""
        resolved = tuple((RETRIES, key) for key in self.resolves)
        return Source(
            file.sha256, file.size_bytes, tuple(sorted(self.options.canonical() + resolved))
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
        """The command, before the file is read."""
        return IngestDataset(
            self.name,
            self.mode,
            self.source(file),
            None,
            None,
            self.schema_change,
            self.dedupe,
            self.resolves,
        )
