"""The rules of change sets and staged files: all changes or none, in order. Pure; a part of `decide`.

Must never read a time: whether a staged file has expired shows in its objects, which gc has marked.
"""

from collections.abc import Callable
from typing import assert_never

import msgspec

from journal.event_parts import changes_of
from journal.events import ChangeSetCommitted, TypedChange
from lakehouse.domain.commands import Command, CommitChangeSet, CommitStaged, Rewritten
from lakehouse.domain.decision import DataStep, Decision, NeedsData, Replayed, Unchanged
from lakehouse.domain.errors import Json, Refused
from lakehouse.domain.rules import ingest as ingest_rules
from projections import catalog, history, inventory
from projections.catalog import Dataset
from projections.fold import State, apply_change
from projections.moment import Moment

MAX_CHANGES = 1_000

Judge = Callable[[State, Command], Decision]


def commit(state: State, command: CommitChangeSet, judge: Judge) -> Decision:
    """All of the changes, each judged on what the ones before it leave, or the first refusal."""
    if not 0 < len(command.changes) <= MAX_CHANGES:
        detail = f"{len(command.changes):,} changes; 1 to {MAX_CHANGES:,} are allowed"
        return Refused("invalid_request", detail)
    if refused := unexpected(state, command.expect):
        return refused
    moment = Moment(state.head.position + 1, state.head.seq + 1, state.head.at)
    running, made = state, list[TypedChange]()
    for index, each in enumerate(command.changes):
        decision = judge(running, each)
        match decision:
            case Refused():
                return of_change(index, decision)
            case NeedsData(step, detail):
                return NeedsData(step, f"change {index}: {detail}")
            case Unchanged() | Replayed():
                continue
        for change in changes_of(decision):
            running = apply_change(running, change, moment)
            made.append(TypedChange(change.TYPE, change))
    return ChangeSetCommitted(tuple(made)) if made else Unchanged(None)


def commit_staged(state: State, command: CommitStaged) -> Decision:
    """What the staged file was read for, if the dataset as it is now takes it as it was read."""
    ingest = command.ingest
    table = ingest.table if ingest else None
    if ingest is None or table is None:
        return _not_staged(command.staged)
    blobs = ingest_rules.uploaded_blobs(ingest, table)
    if any(blob in state.inventory.blobs for blob in blobs) or _lost(state, blobs):
        return _not_staged(command.staged)
    live = catalog.find(state.catalog, ingest.name)
    if ingest.rewritten is not None and _has_changed(live, ingest.rewritten):
        return _changed(ingest.name, "the rows to replace were found before that")
    fingerprint = live.schema_fingerprint if live else None
    decision = ingest_rules.ingest(state, msgspec.structs.replace(ingest, read_under=fingerprint))
    if isinstance(decision, NeedsData):
        return _out_of_date(ingest.name, decision)
    return decision


def of_change(index: int, refused: Refused) -> Refused:
    """The refusal of a set because of one of its changes: each of its rows names the change."""
    rows: tuple[dict[str, Json], ...] = refused.errors or ({"detail": refused.detail},)
    errors = tuple({"change": index, **row} for row in rows)
    return msgspec.structs.replace(
        refused, detail=f"change {index}: {refused.detail}", errors=errors
    )


def unexpected(state: State, expect: tuple[tuple[str, int | None], ...]) -> Refused | None:
    """The refusal that lists each name whose last event is not the one that the caller expects."""
    rows: list[dict[str, Json]] = []
    for name, expected in expect:
        seqs = _last_seqs(state, name)
        if expected not in seqs:
            rows.append({"name": name, "expected": expected, "actual": seqs[0]})
    if not rows:
        return None
    detail = f"{len(rows)} of {len(expect)} names have changed: {rows[0]['name']} is the first"
    return Refused("expectation_failed", detail, tuple(rows))


def _last_seqs(state: State, name: str) -> tuple[int | None, ...]:
    """The seq of the last change of what has the name, and of its last event, which may be a pin.

    Datasets and views have one name space.
    """
    live = catalog.find(state.catalog, name) or catalog.find_view(state.catalog, name)
    if live is None:
        return (None,)
    link = state.history.links.get(history.dataset_entity(name))
    return (live.seq, link[1]) if link else (live.seq,)


def _has_changed(live: Dataset | None, work: Rewritten) -> bool:
    """Whether the dataset is another one than when the rows to replace were found."""
    return bool(work.examined) if live is None else live.seq > work.read_at


def _lost(state: State, blobs: tuple[str, ...]) -> bool:
    return any(inventory.lost_to(state.inventory, blob) is not None for blob in blobs)


def _not_staged(staged: str) -> Refused:
    detail = f"nothing is staged as {staged[:128]!r}: it is unknown, was used, or has expired"
    return Refused("staged_not_found", detail)


def _changed(name: str, why: str) -> Refused:
    detail = f"{name} has changed since the file was staged: {why}"
    return Refused("expectation_failed", detail)


def _out_of_date(name: str, needs: NeedsData) -> Refused:
    match needs.step:
        case DataStep.UPLOAD_AGAIN | DataStep.UPLOAD | DataStep.READ_FILE:
            return Refused(
                "staged_not_found", f"the staged file is no longer available: {needs.detail}"
            )
        case DataStep.CHECK_VALUES | DataStep.READ_UNDER_CONTRACT | DataStep.FIND_ROWS:
            return _changed(name, needs.detail)
        case DataStep.PLAN_AGAIN | DataStep.REBUILD:
            raise ValueError(f"a staged file has no step {needs.step}")
        case DataStep.FIND_SOURCES | DataStep.FIND_LAST_CHANGE:
            detail = f"{name} was restored after the file was staged"
            return Refused("expectation_failed", detail)
    assert_never(needs.step)
