"""The plain model: what each command ought to do to the plain state.

Shares no rule with the product: one function a command.
"""

from typing import Any

import msgspec

from lakehouse.domain.access.commands import (
    DropGrant,
    DropPrincipal,
    IssueToken,
    PutGrant,
    PutPrincipal,
    RevokeToken,
)
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    CommitStaged,
    DropDataset,
    DropProfile,
    DropView,
    EraseRows,
    ForgetObject,
    IngestDataset,
    PinDataset,
    PutProfile,
    PutView,
    RefreshDataset,
    RegisterDataset,
    RenameDataset,
    RestoreDataset,
    RewriteDataset,
    StoreObject,
    SwapDatasets,
)
from lakehouse.domain.rows.commands import CompactDataset
from lakehouse.domain.sources.commands import DropSource, PutSource
from tests.simulation.model_access import judge_access
from tests.simulation.model_data import forget, judge_ingest, pin, register, restore, store
from tests.simulation.model_names import judge_definition, judge_source, rename, swap
from tests.simulation.model_rows import erase, judge_rows
from tests.simulation.plain_state import PlainState, apply_change, copy_of
from tests.simulation.verdicts import Verdict, no


def judge(
    state: PlainState, command: Command, actor: str, key: str | None, request: str | None
) -> Verdict:
    """What ought to become of a command on this state."""
    if key is not None and (found := _keyed(state, actor, key, request)) is not None:
        seen, seq = found
        return ("replayed", seq) if seen == request else ("refused", "idempotency_key_reused")
    return _judge(state, command)


def _keyed(state: PlainState, actor: str, key: str, request: str | None) -> tuple[str, int] | None:
    """The request that had the key: anyone's while nobody needs a token, then the actor's own."""
    shared = state.requests.get(("", key))
    if not state.principals:
        return shared
    if (actor, key) in state.requests:
        return state.requests[actor, key]
    return shared if shared is not None and shared[0] == request else None


def _judge(state: PlainState, command: Command) -> Verdict:
    match command:
        case StoreObject():
            return store(state, command)
        case ForgetObject():
            return forget(state, command.key)
        case RegisterDataset():
            return register(state, command)
        case IngestDataset():
            return judge_ingest(state, command, command.read_under)
        case RewriteDataset() | RefreshDataset() | CompactDataset():
            return judge_rows(state, command)
        case EraseRows():
            return erase(state, command)
        case DropDataset(name):
            live = state.datasets.get(name.lower())
            return ("event", "dataset_dropped", live["name"]) if live else no("dataset_not_found")
        case RestoreDataset(as_of_seq, was):
            return restore(state, was)
        case PinDataset(as_of_seq, was):
            return pin(state, as_of_seq, was)
    return _judge_names(state, command)


def _judge_names(state: PlainState, command: Command) -> Verdict:
    match command:
        case RenameDataset(name, to):
            return rename(state, name, to)
        case SwapDatasets(a, b):
            return swap(state, a, b)
        case PutView() | DropView() | PutProfile() | DropProfile():
            return judge_definition(state, command)
        case PutSource() | DropSource():
            return judge_source(state, command)
        case CommitStaged(_, ingest):
            return _staged(state, ingest)
        case CommitChangeSet(changes, expect):
            return _set(state, changes, expect)
    return judge_access(state, command)


def _staged(state: PlainState, ingest: IngestDataset) -> Verdict:
    blobs = [item.blob for item in ingest.table.objects]
    if any(blob in state.known or state.lost(blob) for blob in blobs):
        return no("staged_not_found")
    live = state.datasets.get(ingest.name.lower())
    verdict = judge_ingest(state, ingest, live["fingerprint"] if live else None)
    return no("expectation_failed") if verdict == ("again",) else verdict


def _set(
    state: PlainState, changes: tuple[Command, ...], expect: tuple[tuple[str, int | None], ...]
) -> Verdict:
    """Each change on what the ones before it leave, by a plain application of what it becomes."""
    for name, seq in expect:
        live = state.datasets.get(name.lower()) or state.views.get(name.lower())
        if seq != (live["seq"] if live else None):
            return no("expectation_failed")
    running, made = copy_of(state), list[Verdict]()
    for command in changes:
        verdict = _judge(running, command)
        if verdict[0] in ("refused", "again"):
            return verdict
        if verdict[0] == "event":
            made.append(verdict)
            apply_change(running, verdict[1], _data(command, verdict), state.seq + 1)
    return ("event", "change_set_committed", made) if made else ("unchanged", state.seq)


def _data(command: Command, verdict: Verdict) -> dict[str, Any]:
    """As much of an event's data as this model reads."""
    match command:
        case PutView():
            return {"name": command.name, "sql": command.sql, "reads": command.reads}
        case PutProfile():
            return {"name": command.name, "others": command.others}
        case PutSource():
            return msgspec.to_builtins(command)
        case DropDataset(name) | DropView(name) | DropProfile(name) | DropSource(name):
            return {"name": name}
        case RenameDataset(name, to):
            return {"name": name, "to": to}
        case SwapDatasets(a, b):
            return {"a": a, "b": b}
        case PutPrincipal() | DropPrincipal() | IssueToken() | PutGrant() | DropGrant():
            return msgspec.to_builtins(command)
        case RevokeToken(id_):
            return {"id": id_}
        case ForgetObject(key):
            return {"key": key}
    ingest = command.ingest if isinstance(command, CommitStaged) else None
    return {
        "name": verdict[2],
        "schema_fingerprint": (
            ingest.table.schema_fingerprint if ingest else command.schema_fingerprint
        ),
        "objects": [{"blob": blob} for blob in verdict[3]],
        "row_count": verdict[4],
        "source": {"sha256": ingest.source.sha256} if ingest else None,
    }
