"""Where a dataset's rows come from: the uploads, with the event, the file and the objects of each."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from journal.slot import format_at
from lakehouse.api.history import provenance as answers
from lakehouse.api.history.provenance import OriginEvent, OriginFile, UploadedRows, WhyQuery
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import permissions
from lakehouse.service.access.visible import sees_all
from lakehouse.service.caller import Caller
from lakehouse.service.provenance.lineage import Lineage, Range, Rows, Upload, all_rows
from lakehouse.service.provenance.origins import Origin
from lakehouse.service.rows.finder import RowFinder
from projections.catalog import Dataset
from projections.fold import State

MAX_RANGES = 10_000
"""In one answer."""
_WHERE = re.compile(r"\s*where\b", re.IGNORECASE)


class Provenance:
    """Reads the journal, and for a condition the objects."""

    def __init__(self, node: Node, finder: RowFinder) -> None:
        self._node = node
        self._finder = finder

    async def why(self, caller: Caller, name: str, query: WhyQuery) -> Versioned[answers.Lineage]:
        """The uploads behind the rows of a dataset, or behind those that fulfil a condition.

        The condition is SQL, with or without its WHERE. Costs the history of the dataset and of all
        that it was derived from. Raises RefusedError: `dataset_not_found`, `too_large`, and what
        queries raise.
        """
        check_name(name)
        held = permissions(self._node, caller)
        state = await snapshot.state_as_of(self._node, query.as_of)
        if not held.sees(name):
            raise RefusedError(snapshot.no_dataset(state, name))
        dataset = snapshot.dataset_in(state, name)
        rows = all_rows(dataset)
        if query.where is not None:
            finder = self._finder.for_caller(caller, held, name)
            rows = await _matching(
                finder, state, dataset, RowSearch(_WHERE.sub("", query.where, count=1), self._now())
            )
        lineage = Lineage(self._node)
        await lineage.add(state, dataset, rows)
        # What the caller may not read is not shown.
        seen = [each for each in lineage.uploads() if sees_all(each.origin.event, held)]
        uploads = [_upload(each) for each in seen]
        _check_size(uploads)
        return Versioned(answers.Lineage(dataset.name, state.head.seq, uploads), state.head.seq)

    def _now(self) -> str:
        return format_at(self._node.clock.now())


async def _matching(finder: RowFinder, state: State, dataset: Dataset, search: RowSearch) -> Rows:
    """The rows that fulfil the condition, by the blobs of the objects that hold any."""
    found = await finder.find(state, dataset, dataset.objects, search)
    return {blob: _ranges(rows.array()) for blob, rows in found.rows.items()}


def _ranges(rows: pa.Array) -> tuple[Range, ...]:
    """Ascending positions as ranges. Raises RefusedError `too_large` for too many."""
    gaps = pc.indices_nonzero(pc.not_equal(pc.pairwise_diff(rows), 1)).to_pylist()
    if len(gaps) >= MAX_RANGES:
        raise RefusedError(_too_many(len(gaps) + 1))
    firsts, lasts = [0, *gaps], [*(gap - 1 for gap in gaps), len(rows) - 1]
    return tuple(
        (rows[first].as_py(), rows[last].as_py() + 1)
        for first, last in zip(firsts, lasts, strict=True)
    )


def _check_size(uploads: list[answers.Upload]) -> None:
    count = sum(len(each.rows) for upload in uploads for each in upload.objects)
    if count > MAX_RANGES:
        raise RefusedError(_too_many(count))


def _too_many(count: int) -> Refused:
    detail = f"the rows are {count:,} ranges; at most {MAX_RANGES:,} are answered"
    return Refused("too_large", f"{detail}: ask for fewer rows")


def _upload(found: Upload) -> answers.Upload:
    return answers.Upload(
        _event(found.origin),
        _file(found.origin),
        [UploadedRows(key, [*rows]) for key, rows in found.objects.items()],
    )


def _event(origin: Origin) -> OriginEvent:
    event = origin.event
    return OriginEvent(
        *(event.seq, origin.header.at, event.type, event.actor, event.reason, event.correlation)
    )


def _file(origin: Origin) -> OriginFile | None:
    source = origin.source
    return OriginFile(source.sha256, source.size_bytes, [*source.options]) if source else None
