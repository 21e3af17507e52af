"""Quarantine: the rows that a dataset's files had and it does not; to look at, and to mend."""

import codecs
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec

from journal.events import RETRIES, Object
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.options import CSV, REJECT, Options
from lakehouse.formats.quarantine import QuarantinedRow, read_quarantine
from lakehouse.formats.text_encoding import UNDECODABLE
from lakehouse.process.spool import full_disk_refused
from lakehouse.service import snapshot
from lakehouse.service.objects import VerifiedObjects
from projections import catalog
from projections.catalog import Dataset


class Held(msgspec.Struct, frozen=True):
    """One quarantine file: `seq` and `at` of the event that set its rows aside, and how its source
    was read."""

    key: str
    blob: str
    row_count: int
    seq: int
    at: str
    options: Options


class Quarantine:
    """What is set aside, dataset by dataset."""

    def __init__(
        self, node: Node, objects: VerifiedObjects, pool: Executor, spool_dir: Path
    ) -> None:
        self._node = node
        self._objects = objects
        self._pool = pool
        self._spool_dir = spool_dir

    def held(self, name: str) -> tuple[Dataset, list[Held]]:
        """A dataset and its quarantine files, oldest first. Raises `dataset_not_found`."""
        check_name(name)
        dataset = catalog.find(self._node.state.catalog, name)
        if dataset is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        return dataset, [self._held(dataset, item) for item in dataset.quarantine]

    @asynccontextmanager
    async def rows(self, held: Held) -> AsyncIterator[Iterator[QuarantinedRow]]:
        """The rows of one file, in the order of its source. Raises what `pieces` raises."""
        stored = self._node.state.inventory.blobs.get(held.blob)
        if stored is None:
            raise RefusedError(snapshot.gone(self._node.state, held.blob))
        with full_disk_refused():
            place = tempfile.TemporaryDirectory(prefix="ingest-", dir=self._spool_dir)
        with place as name:
            path = Path(name) / "quarantine.parquet"
            with full_disk_refused(), path.open("wb") as file:
                async for piece in await self._objects.pieces(stored):
                    await in_thread(self._pool, partial(file.write, piece))
            yield read_quarantine(path)

    async def as_file(
        self, dataset: Dataset, chosen: Sequence[Held], options: Options
    ) -> AsyncIterator[bytes]:
        """The rows as a file like the one that they came in, in pieces: a header, then each as it was."""
        encoder = codecs.getincrementalencoder(options.encoding)(UNDECODABLE)
        if options.format == CSV and options.header:
            yield encoder.encode(_header(dataset, options))
        for each in chosen:
            async with self.rows(each) as found:
                for aside in found:
                    text = aside.raw.decode(options.encoding, UNDECODABLE)
                    yield encoder.encode(f"{text}\n")

    def _held(self, dataset: Dataset, item: Object) -> Held:
        stored = self._node.state.inventory.blobs[item.blob]
        pairs = next((each.options for each in dataset.sources if each.seq == stored.seq), ())
        options = parse_options([pair for pair in pairs if pair[0] != RETRIES])
        if isinstance(options, Refused):
            raise RefusedError(options)
        return Held(item.key, item.blob, item.row_count or 0, stored.seq, stored.at, options)


def options_of(chosen: Sequence[Held]) -> Options:
    """How all the chosen rows' sources were read, for a file that brings them again.

    The dataset's types hold by now, whatever was asked for then. Raises RefusedError
    `quarantine_not_found` for none, `invalid_request` where they were read differently.
    """
    found = {msgspec.structs.replace(each.options, on_error=REJECT, types=()) for each in chosen}
    if not found:
        raise RefusedError(Refused("quarantine_not_found", "nothing is in quarantine"))
    if len(found) > 1:
        detail = "the rows came in files that were read differently: choose one by its key"
        raise RefusedError(Refused("invalid_request", detail))
    return found.pop()


def _header(dataset: Dataset, options: Options) -> str:
    line = io.StringIO()
    names = [column.name for column in dataset.schema or ()]
    csv.writer(line, delimiter=options.delimiter, lineterminator="\n").writerow(names)
    return line.getvalue()
