"""What if: the commands for events that added, changed or removed rows of a dataset. Pure.

Must never read an object: an event's objects are uploaded already.
"""

from typing import assert_never

import msgspec

from journal.event_records import REPLACING_ROWS
from journal.events import (
    COMPACT,
    RETRIES,
    DatasetAppended,
    DatasetRegistered,
    DatasetRewritten,
    Object,
    RowsErased,
    Source,
)
from lakehouse.domain.commands import (
    Command,
    IngestDataset,
    RewriteDataset,
    Rewritten,
    Table,
)
from lakehouse.domain.erasure import rules as erasure_rules
from lakehouse.domain.rows.commands import CompactDataset, Retyped
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State


def command_of(
    data: DatasetRegistered | DatasetAppended | DatasetRewritten | RowsErased,
    before: State,
    now: State,
) -> Command:
    """The command that would make such an event of the dataset as it is `now`.

    `before` is the state that the event met.
    """
    match data:
        case RowsErased():
            return erasure_rules.command_of(data, before, now)
        case DatasetRegistered() | DatasetAppended():
            return _ingest(data, before, now)
        case DatasetRewritten():
            return _rewrite(data, before, now)
    assert_never(data)


def _ingest(
    data: DatasetRegistered | DatasetAppended | DatasetRewritten, before: State, now: State
) -> IngestDataset:
    """The file or result, uploaded and read under the contract that the dataset has now."""
    met, live = catalog.find(before.catalog, data.name), catalog.find(now.catalog, data.name)
    replaces = isinstance(data, DatasetRegistered)
    changed = met is not None and met.schema_fingerprint != data.schema_fingerprint
    source = data.source
    if source is None and data.derivation is None:
        source = Source("", 0, ())
    return IngestDataset(
        data.name,
        _mode(data),
        source,
        _table(data),
        live.schema_fingerprint if live else None,
        ("replace" if replaces else "widen") if changed else None,
        retries=tuple(
            value for name, value in (source.options if source else ()) if name == RETRIES
        ),
        read_at=live.seq if live else None,
        derivation=data.derivation,
    )


def _mode(data: DatasetRegistered | DatasetAppended | DatasetRewritten) -> str:
    match data:
        case DatasetRegistered():
            return "replace"
        case DatasetAppended():
            return "append"
        case DatasetRewritten():
            return data.kind
    assert_never(data)


def _rewrite(
    data: DatasetRewritten, before: State, now: State
) -> RewriteDataset | IngestDataset | CompactDataset:
    """The same rows of the same objects: without these the event is left out, unless a file adds rows."""
    live = catalog.find(now.catalog, data.name)
    if data.kind == COMPACT:
        return _compaction(data, live)
    merges = data.kind in REPLACING_ROWS
    under = live.schema_fingerprint if live and not merges else data.schema_fingerprint
    rewritten = Rewritten(
        now.head.seq,
        under,
        frozenset(item.blob for item in live.objects) if live else frozenset(),
        data.replaced,
        uploaded=True,
    )
    if not merges:
        return RewriteDataset(data.name, data.kind, data.statement, rewritten)
    file = _ingest(data, before, now)
    return msgspec.structs.replace(file, statement=data.statement, rewritten=rewritten)


def _table(data: DatasetRegistered | DatasetAppended | DatasetRewritten) -> Table:
    objects, row_count = _added(data)
    return Table(
        data.schema or (),
        data.schema_fingerprint,
        objects,
        row_count,
        data.renamed,
        uploaded=True,
        quarantine=data.quarantine,
        rounded=data.rounded,
    )


def _added(
    data: DatasetRegistered | DatasetAppended | DatasetRewritten,
) -> tuple[tuple[Object, ...], int]:
    if not isinstance(data, DatasetRewritten):
        return data.objects, data.row_count or 0
    return data.added, sum(item.row_count or 0 for item in data.added)


def _compaction(data: DatasetRewritten, live: Dataset | None) -> CompactDataset:
    (only,) = data.replaced
    others = frozenset(item.blob for item in live.objects) if live else frozenset[str]()
    return CompactDataset(
        data.name,
        live.schema_fingerprint if live else data.schema_fingerprint,
        only.blobs,
        only.rows,
        only.by,
        Retyped(data.schema, data.schema_fingerprint, others) if data.schema else None,
    )
