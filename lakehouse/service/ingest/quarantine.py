"""Quarantine: rows of files that did not fit their dataset, to read, to correct and to ingest again."""

import codecs
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from journal.event_parts import LINES
from journal.events import RETRIES, Object
from journal.threads import in_thread
from lakehouse.api.upkeep.quarantine import QuarantineFile, QuarantineList, QuarantineQuery
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.options import CSV, Options
from lakehouse.formats.quarantine import QuarantinedRow, read_quarantine
from lakehouse.formats.text_encoding import UNDECODABLE
from lakehouse.process.spool import full_disk_refused
from lakehouse.service import snapshot
from lakehouse.service.access.visible import present_for
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.held import Held, chosen_of
from lakehouse.service.objects import VerifiedObjects
from projections import catalog
from projections.catalog import Dataset


class Quarantine:
    """The quarantine files of datasets, and their rows."""

    def __init__(
        self, node: Node, objects: VerifiedObjects, pool: Executor, spool_dir: Path
    ) -> None:
        self._node = node
        self._objects = objects
        self._pool = pool
        self._spool_dir = spool_dir

    async def files(
        self, caller: Caller, name: str, query: QuarantineQuery
    ) -> Versioned[QuarantineList]:
        """The quarantine files of a dataset, or the one with a key.

        Raises RefusedError: `dataset_not_found`, `quarantine_not_found`.
        """
        seq = self._node.state.head.seq
        dataset = self._dataset(caller, name)
        held = chosen_of(dataset.name, self._all(dataset), query.key)
        files = [
            QuarantineFile(each.key, each.row_count, each.seq, [*each.options.canonical()])
            for each in held
        ]
        return Versioned(QuarantineList(dataset.name, files, seq), seq)

    async def held(self, caller: Caller, name: str) -> tuple[str, list[Held]]:
        """The name of a dataset and its quarantine files, oldest first. Raises `dataset_not_found`."""
        dataset = self._dataset(caller, name)
        return dataset.name, self._all(dataset)

    @asynccontextmanager
    async def rows(self, caller: Caller, held: Held) -> AsyncIterator[Iterator[QuarantinedRow]]:
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
        self, caller: Caller, name: str, chosen: Sequence[Held], options: Options
    ) -> AsyncIterator[bytes]:
        """The rows as a file like their source, in pieces: a header, then each row as it was.

        Raises RefusedError `dataset_not_found`, and what `rows` raises.
        """
        dataset = self._dataset(caller, name)
        encoder = codecs.getincrementalencoder(options.encoding)(UNDECODABLE)
        if options.format == CSV and options.header:
            yield encoder.encode(_header(dataset, options))
        for each in chosen:
            async with self.rows(caller, each) as found:
                for aside in found:
                    text = aside.raw.decode(options.encoding, UNDECODABLE)
                    yield encoder.encode(f"{text}\n")

    def _dataset(self, caller: Caller, name: str) -> Dataset:
        check_name(name)
        dataset = catalog.find(present_for(self._node, caller).catalog, name)
        if dataset is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        return dataset

    def _all(self, dataset: Dataset) -> list[Held]:
        return [self._held(dataset, item) for item in dataset.quarantine]

    def _held(self, dataset: Dataset, item: Object) -> Held:
        stored = self._node.state.inventory.blobs[item.blob]
        pairs = next((each.options for each in dataset.sources if each.seq == stored.seq), ())
        options = parse_options([pair for pair in pairs if pair[0] not in (LINES, RETRIES)])
        if isinstance(options, Refused):
            raise RefusedError(options)
        return Held(item.key, item.blob, item.row_count or 0, stored.seq, options)


def _header(dataset: Dataset, options: Options) -> str:
    line = io.StringIO()
    names = [column.name for column in dataset.schema or ()]
    csv.writer(line, delimiter=options.delimiter, lineterminator="\n").writerow(names)
    return line.getvalue()
