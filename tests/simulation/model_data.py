"""The plain model of stored objects and of whole datasets: registered, ingested, restored, pinned.

Shares no rule with the product.
"""

from typing import Any

from lakehouse.domain.commands import (
    IngestDataset,
    RegisterDataset,
    StoreObject,
)
from projections.catalog import Dataset
from tests.simulation.model_names import is_view
from tests.simulation.plain_state import PlainState
from tests.simulation.verdicts import Verdict, no


def store(state: PlainState, command: StoreObject) -> Verdict:
    now = state.keys.get(command.key)
    if now and command.only_if_absent:
        return no("key_exists")
    if now and now[0] == command.sha256:
        return ("unchanged", now[2])
    if command.blob is None or state.lost(command.blob):
        return ("again",)
    return ("event", "object_stored", command.key, command.blob)


def forget(state: PlainState, key: str) -> Verdict:
    if key not in state.keys:
        return ("unchanged", state.seq)
    if any(state.keys[key][1] in live["blobs"] for live in state.datasets.values()):
        return no("object_in_use")
    return ("event", "object_forgotten", key)


def register(state: PlainState, command: RegisterDataset) -> Verdict:
    live = state.datasets.get(command.name.lower())
    if (live and live["name"] != command.name) or is_view(state, command.name):
        return no("name_taken")
    if live and live["fingerprint"] != command.schema_fingerprint:
        return no("fingerprint_conflict")
    if any(key not in state.keys for key in command.keys):
        return no("object_missing")
    blobs = [state.keys[key][1] for key in command.keys]
    if live and (live["blobs"], live["rows"]) == (blobs, command.row_count):
        return ("unchanged", live["seq"])
    return ("event", "dataset_registered", command.name, blobs, command.row_count)


def judge_ingest(state: PlainState, command: IngestDataset, read_under: str | None) -> Verdict:
    live = state.datasets.get(command.name.lower())
    if (live and live["name"] != command.name) or is_view(state, command.name):
        return no("name_taken")
    unnamed = _unnamed(live) if live else None
    known = live["sources"] if live else []
    if unnamed is not None and command.earlier_at == unnamed:
        known = [(each.sha256, each.seq) for each in command.earlier] + known
    sha256 = command.source.sha256 if command.source else None
    same = [seq for known_sha256, seq in known if known_sha256 == sha256]
    alone = live is not None and len(live["sources"]) == 1 and not live["edited"]
    if same and (command.dedupe if command.mode == "append" else alone):
        return ("unchanged", same[0])
    if command.dedupe and unnamed not in (None, command.earlier_at):
        return ("again",)
    fingerprint = live["fingerprint"] if live else None
    if read_under != fingerprint:
        return ("again",)
    if fingerprint not in (None, command.table.schema_fingerprint):
        return no("schema_conflict")
    if command.mode == "replace" and command.name.lower() in _derived_from(state, command):
        return no("derivation_cycle")
    blobs = [item.blob for item in command.table.objects]
    if any(map(state.lost, blobs)):
        return ("again",)
    kind = "dataset_appended" if command.mode == "append" else "dataset_registered"
    return ("event", kind, command.name, blobs, command.table.row_count)


def _derived_from(state: PlainState, command: IngestDataset) -> set[str]:
    """All names that a statement's reads lead to, through the statements of datasets."""
    reads = command.derivation.reads if command.derivation else ()
    found = {read.name.lower() for read in reads}
    left = list(found)
    while left:
        live = state.datasets.get(left.pop()) or {"derivation": None}
        further = (live["derivation"] or {"reads": ()})["reads"]
        more = {read["name"].lower() for read in further} - found
        found |= more
        left += more
    return found


def is_as_read(state: PlainState, read: dict[str, Any]) -> bool:
    """Whether nothing but compactions has changed what was read."""
    now = state.datasets.get(read["name"].lower())
    if now is None or now.get("erased", 0) != read.get("erased", 0):
        return False
    return bool(now["changed"] <= read["seq"] <= now["seq"])


def _unnamed(live: dict[str, Any]) -> int | None:
    if not live["sources"]:
        return live["seq"] if live["blobs"] else None
    return next((seq for sha256, seq in live["sources"] if not sha256), None)


def restore(state: PlainState, was: Dataset) -> Verdict:
    live = state.datasets.get(was.name.lower())
    if (live and live["name"] != was.name) or is_view(state, was.name):
        return no("name_taken")
    blobs, rows = _seen_today(state, was)
    brought = _only([each.sha256 for each in was.sources], bool(was.edited_seq))
    if live and (live["blobs"], live["rows"], live["fingerprint"], _source(live)) == (
        blobs,
        rows,
        was.schema_fingerprint,
        brought,
    ):
        return ("unchanged", live["seq"])
    if any(map(state.lost, blobs)):
        return no("objects_collected")
    return ("event", "dataset_restored", was.name, blobs, rows)


def _source(live: dict[str, Any]) -> str | None:
    return _only([sha256 for sha256, _ in live["sources"]], live["edited"])


def _only(sources: list[str], edited: bool) -> str | None:
    """The one source whose rows a dataset holds. It tells two datasets apart of which all was erased."""
    return sources[0] or None if len(sources) == 1 and not edited else None


def _seen_today(state: PlainState, was: Dataset) -> tuple[list[str], int | None]:
    """The blobs and rows of a past version, without what was erased since."""
    blobs, rows = [], was.row_count
    for item in was.objects:
        by, removed = state.erased.get(item.blob, (item.blob, 0))
        rows = None if rows is None else rows - removed
        if by is not None:
            blobs.append(by)
    return blobs, rows


def pin(state: PlainState, as_of_seq: int, was: Dataset) -> Verdict:
    if (pin := state.pins.get((was.name.lower(), as_of_seq))) is not None:
        return ("unchanged", pin[0])
    blobs = list(dict.fromkeys(_seen_today(state, was)[0]))
    if any(map(state.lost, blobs)):
        return no("objects_collected")
    return ("event", "dataset_pinned", was.name, as_of_seq, blobs)
