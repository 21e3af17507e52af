"""The rules about ingesting a file: reuse, the dataset's contract, what is uploaded. Pure.

Part of `decide`. Names in `NeedsData` the one step that a command still needs; the service does that
step and never works the condition out again.
"""

import re
from typing import Any, assert_never

from journal.events import (
    Data,
    DatasetAppended,
    DatasetRegistered,
    DatasetRewritten,
    Replacement,
)
from lakehouse.domain.commands import IngestDataset, RefreshDataset, Table
from lakehouse.domain.decision import DataStep, Decision, NeedsData, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules import derivations as derivation_rules
from lakehouse.domain.rules.datasets import dataset_id, name_conflict
from lakehouse.domain.rules.objects import uploaded_again
from lakehouse.domain.rules.schemas import depends_on_values, may_change, schema_conflict
from lakehouse.domain.sources import rules as source_rules
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State

_NESTED = re.compile(r"(?:large_|fixed_size_)?list|struct|map|(?:dense_|sparse_)?union")
"""How the names of Arrow's types without single values begin."""
_SHOWN_COLUMNS = 20


def decide(state: State, command: IngestDataset | RefreshDataset) -> Decision:
    """What becomes of a file, or of the result of a statement."""
    match command:
        case IngestDataset():
            return ingest(state, command)
        case RefreshDataset():
            return refresh(state, command)
    assert_never(command)


def ingest(state: State, command: IngestDataset) -> Decision:
    """The file's rows become the dataset, or are added to it."""
    live = catalog.find(state.catalog, command.name)
    if refused := name_conflict(state, command.name):
        return refused
    if (known := _known(state, live, command)) is not None:
        return known
    if (
        live is not None
        and command.dedupe
        and catalog.unnamed(live) not in (None, command.earlier_at)
    ):
        return NeedsData(DataStep.FIND_SOURCES, "the restored dataset's sources are not known yet")
    if unknown := _not_in_quarantine(live, command.retries):
        return Refused("quarantine_not_found", f"{command.name} has no quarantine {unknown!r}")
    if command.table is None:
        return NeedsData(DataStep.READ_FILE, "the file is not read yet")
    unfit = _contract_fault(live, command, command.table)
    if unfit is not None or (unfit := derivation_rules.cycle(state, command)) is not None:
        return unfit
    return _with_rows(state, live, command, command.table)


def _with_rows(
    state: State, live: Dataset | None, command: IngestDataset, table: Table
) -> Decision:
    """What becomes of a file that was read under the dataset's present contract."""
    if command.statement is not None and (missing := _unfound(live, command, table)):
        return missing
    if live is not None and _changes_nothing(live, command, table):
        return Unchanged(live.seq)
    if not table.uploaded:
        return NeedsData(DataStep.UPLOAD, "the objects are not uploaded yet")
    if needs := uploaded_again(state, uploaded_blobs(command, table)):
        return needs
    return _event(live, command, table)


def uploaded_blobs(command: IngestDataset, table: Table) -> tuple[str, ...]:
    """All objects that were uploaded for the command."""
    replaced = command.rewritten.replaced if command.rewritten else ()
    rewritten = (item for each in replaced for item in each.by)
    return tuple(item.blob for item in (*table.objects, *table.quarantine, *rewritten))


def refresh(state: State, command: RefreshDataset) -> Decision:
    """The rows become the result of the dataset's statement on what is there now."""
    live = catalog.find(state.catalog, command.name)
    if live is None:
        return Refused("dataset_not_found", f"there is no dataset {command.name}")
    if live.derivation is None:
        detail = f"the rows of {live.name} are not the result of a statement alone"
        return Refused("cannot_refresh", f"{detail} (event {live.seq} changed it last)")
    if not derivation_rules.has_changed(state, live.derivation):
        return Unchanged(live.seq)
    if command.ingest is None or command.read_at != live.seq:
        return NeedsData(DataStep.READ_FILE, "the statement was not run on what is there now")
    return ingest(state, command.ingest)


def _contract_fault(
    live: Dataset | None, command: IngestDataset, table: Table
) -> NeedsData | Refused | None:
    """Why the file as it was read does not fit the dataset as it is now, or None."""
    if command.read_under != (live.schema_fingerprint if live else None):
        return NeedsData(DataStep.READ_UNDER_CONTRACT, "the dataset's contract has changed")
    if live is None or live.schema_fingerprint == table.schema_fingerprint:
        return None
    if not may_change(live, command, table):
        return schema_conflict(live, table)
    checked = command.mode == "replace" or command.read_at == live.seq
    if not checked and depends_on_values(live, table):
        return NeedsData(DataStep.CHECK_VALUES, "the dataset's values have changed")
    return None


def _known(
    state: State, live: Dataset | None, command: IngestDataset
) -> Unchanged | Refused | None:
    """That the file is in already, or None. Of a watched source's file its events alone decide."""
    if command.source is not None and command.source.file is not None:
        return source_rules.received(
            *(state.sources, command.name, command.mode, command.source), command.sighting
        )
    since = _reused(live, command) if live is not None else None
    return None if since is None else Unchanged(since)


def _reused(live: Dataset, command: IngestDataset) -> int | None:
    """The seq of the event that ingested the same source, if nothing needs to change."""
    if command.source is None:
        return None
    if command.mode == "replace" and (len(live.sources) != 1 or live.edited_seq):
        return None
    if command.mode != "replace" and not command.dedupe:
        return None
    known = command.earlier_at is not None and command.earlier_at == catalog.unnamed(live)
    same = [
        each.seq
        for each in (command.earlier if known else ()) + live.sources
        if (each.sha256, each.options) == (command.source.sha256, command.source.options)
    ]
    return same[0] if same else None


def _not_in_quarantine(live: Dataset | None, keys: tuple[str, ...]) -> str | None:
    """The first of these keys that names nothing in the dataset's quarantine now."""
    held = {item.key for item in live.quarantine} if live else set()
    return next((key for key in keys if key not in held), None)


def _unfound(
    live: Dataset | None, command: IngestDataset, table: Table
) -> NeedsData | Refused | None:
    """Why it is not known yet which rows the file's replace, or None: they were found everywhere."""
    if (fault := _key_fault(command, table)) is not None:
        return fault
    work = command.rewritten
    if work is None or work.read_under != table.schema_fingerprint:
        return NeedsData(DataStep.FIND_ROWS, "the rows to replace are not found yet")
    if live is not None and any(item.blob not in work.examined for item in live.objects):
        return NeedsData(DataStep.FIND_ROWS, "the dataset has other objects")
    if not work.uploaded:
        return NeedsData(DataStep.UPLOAD, "the objects are not uploaded yet")
    return None


def _key_fault(command: IngestDataset, table: Table) -> Refused | None:
    """The refusal of a key that names a column which is absent, or has no single values."""
    types = {column.name: column.type for column in table.schema}
    for name in command.statement.key if command.statement else ():
        if name not in types:
            known = ", ".join(list(types)[:_SHOWN_COLUMNS])
            detail = f"key names {name!r}, which is no column of {command.name}; there are {known}"
            return Refused("invalid_request", detail)
        if _NESTED.match(types[name]):
            detail = f"key names {name!r}, of type {types[name]}; a key has scalar columns only"
            return Refused("invalid_request", detail)
    return None


def _changes_nothing(live: Dataset, command: IngestDataset, table: Table) -> bool:
    """Whether a merge or an overwrite brings no row and removes none."""
    if command.statement is None or table.row_count or table.quarantine or command.retries:
        return False
    return live.schema_fingerprint == table.schema_fingerprint and not _replaced(live, command)


def _replaced(live: Dataset, command: IngestDataset) -> tuple[Replacement, ...]:
    """What is replaced of the objects that the dataset has now."""
    held = {item.blob for item in live.objects}
    found = command.rewritten.replaced if command.rewritten else ()
    return tuple(each for each in found if held.issuperset(each.blobs))


def _event(live: Dataset | None, command: IngestDataset, table: Table) -> Data:
    if command.mode == "replace":
        return DatasetRegistered(*_content(command, table))
    if live is None or command.statement is None:
        return DatasetAppended(*_content(command, table))
    replaced = _replaced(live, command)
    removed = sum(each.rows_removed for each in replaced)
    return DatasetRewritten(
        live.dataset_id,
        live.name,
        command.mode,
        table.schema_fingerprint,
        table.schema,
        replaced,
        None if live.row_count is None else live.row_count - removed + table.row_count,
        tuple(item for item in table.objects if item.row_count),
        command.source,
        table.renamed,
        table.quarantine,
        table.rounded,
        command.statement,
        command.derivation,
    )


def _content(command: IngestDataset, table: Table) -> tuple[Any, ...]:
    """What the file adds, in the order of an event's Content."""
    return (
        dataset_id(command.name),
        command.name,
        table.schema_fingerprint,
        table.schema,
        table.objects,
        table.row_count,
        command.source,
        table.renamed,
        table.quarantine,
        table.rounded,
        command.derivation,
    )
