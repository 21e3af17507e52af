"""What is to become of a file. Plain data: it reads nothing and decides nothing."""

import msgspec

from journal.events import RETRIES, Source
from lakehouse.commands import IngestDataset
from lakehouse.ingest import Options
from lakehouse.spool import Spooled


class Plan(msgspec.Struct, frozen=True):
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
