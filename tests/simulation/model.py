"""The plain model: the journal read by plain code, and what each command ought to do to it.

Shares no code with the product: JSON by the standard library, dicts for state, one function a command.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    CommitStaged,
    DropDataset,
    DropProfile,
    DropView,
    ForgetObject,
    IngestDataset,
    PinDataset,
    PutProfile,
    PutView,
    RegisterDataset,
    RenameDataset,
    RestoreDataset,
    StoreObject,
    SwapDatasets,
)
from projections.catalog import Dataset

GRACE_S = 20.0
REMEMBERED_EVENTS = 25
"""The product's own are a day and 100,000 events: a run would never meet them."""

Verdict = tuple[Any, ...]
"""("event", type, essentials…), ("unchanged", seq), ("replayed", seq), ("refused", code), ("again",)."""


@dataclass
class PlainSlot:
    """One slot as plain JSON."""

    body: bytes
    header: dict[str, Any]
    events: list[dict[str, Any]]
    landed_at: float

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass
class PlainState:
    """What is, after event `seq`. Datasets by lower-case name."""

    seq: int = 0
    keys: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """Key → (sha256, blob, seq)."""
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """(Actor, key) → (request, seq)."""
    known: frozenset[str] = frozenset()
    """Blobs that may still be read."""
    marked: frozenset[str] = frozenset()
    gone: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """(Seq, blobs) of the removals that are remembered."""
    horizon: int = 0
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    pins: dict[tuple[str, int], tuple[int, list[str]]] = field(default_factory=dict)
    """(Name, as of) → (seq, blobs)."""

    def lost(self, blob: str) -> bool:
        """Whether nothing may refer to it any more."""
        if blob in self.marked or any(blob in blobs for _, blobs in self.gone):
            return True
        return blob not in self.known and _minted(blob) < self.horizon

    def referred(self) -> set[str]:
        """Every blob that something refers to, a pin included."""
        found = {blob for _, blob, _ in self.keys.values()}
        for live in self.datasets.values():
            found.update(live["blobs"])
        for _, blobs in self.pins.values():
            found.update(blobs)
        return found


def read_slots(objects: dict[str, bytes], landed_at: dict[str, float]) -> list[PlainSlot]:
    """The slots from 1 to the first gap."""
    found: list[PlainSlot] = []
    while (key := f"_journal/slots/{len(found) + 1:020d}.ndjson") in objects:
        header, *events = map(json.loads, objects[key].splitlines())
        found.append(PlainSlot(objects[key], header, events, landed_at[key]))
    return found


def states_of(slots: list[PlainSlot]) -> list[PlainState]:
    """The state after each event; [0] is the empty one."""
    states = [PlainState()]
    for slot in slots:
        for event in slot.events:
            states.append(_after(states[-1], event))
    return states


def _minted(blob: str) -> int:
    return int(blob.removesuffix(".parquet").split("-")[-2])


def _after(state: PlainState, event: dict[str, Any]) -> PlainState:
    now = _copy(state)
    now.seq = event["seq"]
    if event["key"] is not None:
        now.requests[event["actor"], event["key"]] = (event["request"], event["seq"])
    for change in changes_of(event):
        _change(now, change["type"], change["data"], event["seq"])
    return now


def changes_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes of an event: of a set each, else itself."""
    if event["type"] != "change_set_committed":
        return [event]
    changes: list[dict[str, Any]] = event["data"]["changes"]
    return changes


def _copy(state: PlainState) -> PlainState:
    return replace(
        state,
        keys=dict(state.keys),
        datasets=dict(state.datasets),
        requests=dict(state.requests),
        views=dict(state.views),
        profiles=dict(state.profiles),
        pins=dict(state.pins),
    )


def _change(now: PlainState, type_: str, data: dict[str, Any], seq: int) -> None:
    _collection(now, type_, data, seq)
    _definition(now, type_, data, seq)
    match type_:
        case "object_stored":
            now.keys[data["key"]] = (data["sha256"], data["blob"], seq)
        case "object_forgotten":
            del now.keys[data["key"]]
        case "dataset_dropped":
            now.datasets.pop(data["name"].lower(), None)
        case "dataset_renamed":
            if was := now.datasets.pop(data["name"].lower(), None):
                now.datasets[data["to"].lower()] = was | {"name": data["to"], "seq": seq}
            _move_pins(now, {data["name"].lower(): data["to"].lower()})
        case "datasets_swapped":
            a, b = data["a"].lower(), data["b"].lower()
            was_a, was_b = now.datasets.get(a), now.datasets.get(b)
            if was_a and was_b:
                now.datasets[a] = was_b | {"name": was_a["name"], "seq": seq}
                now.datasets[b] = was_a | {"name": was_b["name"], "seq": seq}
            _move_pins(now, {a: b, b: a})
        case "dataset_registered" | "dataset_restored":
            now.datasets[data["name"].lower()] = _dataset(data, seq)
        case "dataset_appended":
            was, more = now.datasets.get(data["name"].lower()), _dataset(data, seq)
            now.datasets[data["name"].lower()] = _joined(was, more) if was else more


def _definition(now: PlainState, type_: str, data: dict[str, Any], seq: int) -> None:
    match type_:
        case "view_put":
            now.views[data["name"].lower()] = data | {"seq": seq}
        case "view_dropped":
            now.views.pop(data["name"].lower(), None)
        case "profile_put":
            now.profiles[data["name"].lower()] = data | {"seq": seq}
        case "profile_dropped":
            now.profiles.pop(data["name"].lower(), None)


def _move_pins(now: PlainState, names: dict[str, str]) -> None:
    moved = sorted((place, pin) for place, pin in now.pins.items() if place[0] in names)
    for place, _ in moved:
        del now.pins[place]
    for (name, as_of), (seq, blobs) in moved:
        was_seq, was_blobs = now.pins.get((names[name], as_of), (0, []))
        kept = list(dict.fromkeys([*was_blobs, *blobs]))
        now.pins[names[name], as_of] = (max(was_seq, seq), kept)


def _collection(now: PlainState, type_: str, data: dict[str, Any], seq: int) -> None:
    """What a change means for blobs: known, marked, gone, forgotten, pinned."""
    match type_:
        case "object_stored":
            now.known |= {data["blob"]}
        case "objects_marked":
            now.marked |= set(data["blobs"])
        case "objects_collected":
            now.known -= set(data["blobs"])
            now.marked -= set(data["blobs"])
            now.gone = (*now.gone, (seq, tuple(data["blobs"])))
        case "dataset_pinned":
            now.pins[data["name"].lower(), data["as_of_seq"]] = (seq, data["blobs"])
        case "dataset_registered" | "dataset_appended" | "dataset_restored":
            now.known |= {item["blob"] for item in data["objects"]}
    for removed_at, blobs in now.gone:
        if removed_at <= seq - REMEMBERED_EVENTS:
            now.horizon = max(now.horizon, *(_minted(blob) + 1 for blob in blobs))
    now.gone = tuple(each for each in now.gone if each[0] > seq - REMEMBERED_EVENTS)


def _dataset(data: dict[str, Any], seq: int) -> dict[str, Any]:
    source = data["source"]
    return {
        "name": data["name"],
        "fingerprint": data["schema_fingerprint"],
        "blobs": [item["blob"] for item in data["objects"]],
        "rows": data["row_count"],
        "sources": [(source["sha256"], seq)] if source else [],
        "seq": seq,
    }


def _joined(was: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    # Objects that no source can be named for have one that no file is.
    named = was["sources"] or ([("", was["seq"])] if was["blobs"] else [])
    return more | {
        "blobs": was["blobs"] + more["blobs"],
        "rows": None if None in (was["rows"], more["rows"]) else was["rows"] + more["rows"],
        "sources": named + more["sources"],
    }


def essentials(event: dict[str, Any]) -> Verdict:
    """An event as a verdict: its type and what it is about."""
    data = event["data"]
    match event["type"]:
        case "object_stored":
            return ("event", event["type"], data["key"], data["blob"])
        case "object_forgotten":
            return ("event", event["type"], data["key"])
        case "dataset_dropped":
            return ("event", event["type"], data["name"])
        case "dataset_renamed":
            return ("event", event["type"], data["name"], data["to"])
        case "datasets_swapped":
            return ("event", event["type"], data["a"], data["b"])
        case "view_dropped" | "profile_dropped" | "profile_put":
            return ("event", event["type"], data["name"])
        case "view_put":
            return ("event", event["type"], data["name"], list(data["reads"]))
        case "change_set_committed":
            return ("event", event["type"], [essentials(each) for each in data["changes"]])
        case "dataset_pinned":
            return ("event", event["type"], data["name"], data["as_of_seq"], data["blobs"])
    blobs = [item["blob"] for item in data["objects"]]
    return ("event", event["type"], data["name"], blobs, data["row_count"])


def judge(
    state: PlainState, command: Command, actor: str, key: str | None, request: str | None
) -> Verdict:
    """What ought to become of a command on this state."""
    if key is not None and (actor, key) in state.requests:
        seen, seq = state.requests[actor, key]
        return ("replayed", seq) if seen == request else ("refused", "idempotency_key_reused")
    return _judge(state, command)


def _judge(state: PlainState, command: Command) -> Verdict:
    match command:
        case StoreObject():
            return _store(state, command)
        case ForgetObject():
            return _forget(state, command.key)
        case RegisterDataset():
            return _register(state, command)
        case IngestDataset():
            return _ingest(state, command, command.read_under)
        case DropDataset(name):
            live = state.datasets.get(name.lower())
            return ("event", "dataset_dropped", live["name"]) if live else _no("dataset_not_found")
        case RestoreDataset(as_of_seq, was):
            return _restore(state, was)
        case PinDataset(as_of_seq, was):
            return _pin(state, as_of_seq, was)
    return _judge_names(state, command)


def _judge_names(state: PlainState, command: Command) -> Verdict:
    match command:
        case RenameDataset(name, to):
            return _rename(state, name, to)
        case SwapDatasets(a, b):
            return _swap(state, a, b)
        case PutView() | DropView() | PutProfile() | DropProfile():
            return _judge_definition(state, command)
        case CommitStaged(_, ingest):
            return _staged(state, ingest)
        case CommitChangeSet(changes, expect):
            return _set(state, changes, expect)
    return ("again",)


def _judge_definition(state: PlainState, command: Command) -> Verdict:
    name = command.name.lower()
    view, profile = state.views.get(name), state.profiles.get(name)
    match command:
        case PutView():
            if name in state.datasets or (view and view["name"] != command.name):
                return _no("name_taken")
            if name in _reached(state, command.reads):
                return _no("view_cycle")
            if view and (view["sql"], tuple(view["reads"])) == (command.sql, command.reads):
                return ("unchanged", view["seq"])
            return ("event", "view_put", command.name, list(command.reads))
        case DropView():
            return ("event", "view_dropped", view["name"]) if view else _no("view_not_found")
        case PutProfile():
            if profile and (profile["name"], profile["others"]) == (command.name, command.others):
                return ("unchanged", profile["seq"])
            return ("event", "profile_put", command.name)
    if profile is None:
        return _no("profile_not_found")
    return ("event", "profile_dropped", profile["name"])


def _reached(state: PlainState, reads: tuple[str, ...]) -> set[str]:
    """All names that these lead to through views."""
    found, left = set(reads), list(reads)
    while left:
        more = set(state.views.get(left.pop(), {"reads": ()})["reads"]) - found
        found |= more
        left += more
    return found


def _is_view(state: PlainState, name: str) -> bool:
    return name.lower() in state.views


def _rename(state: PlainState, name: str, to: str) -> Verdict:
    live, taken = state.datasets.get(name.lower()), state.datasets.get(to.lower())
    if live is None:
        return _no("dataset_not_found")
    if live["name"] == to:
        return ("unchanged", live["seq"])
    if (taken is not None and taken is not live) or _is_view(state, to):
        return _no("name_taken")
    return ("event", "dataset_renamed", live["name"], to)


def _swap(state: PlainState, a: str, b: str) -> Verdict:
    live_a, live_b = state.datasets.get(a.lower()), state.datasets.get(b.lower())
    if live_a is None or live_b is None:
        return _no("dataset_not_found")
    if live_a is live_b:
        return _no("invalid_request")
    return ("event", "datasets_swapped", live_a["name"], live_b["name"])


def _staged(state: PlainState, ingest: IngestDataset) -> Verdict:
    blobs = [item.blob for item in ingest.table.objects]
    if any(blob in state.known or state.lost(blob) for blob in blobs):
        return _no("staged_not_found")
    live = state.datasets.get(ingest.name.lower())
    verdict = _ingest(state, ingest, live["fingerprint"] if live else None)
    return _no("expectation_failed") if verdict == ("again",) else verdict


def _set(
    state: PlainState, changes: tuple[Command, ...], expect: tuple[tuple[str, int | None], ...]
) -> Verdict:
    """Each change on what the ones before it leave, by a plain application of what it becomes."""
    for name, seq in expect:
        live = state.datasets.get(name.lower())
        if seq != (live["seq"] if live else None):
            return _no("expectation_failed")
    running, made = _copy(state), list[Verdict]()
    for command in changes:
        verdict = _judge(running, command)
        if verdict[0] in ("refused", "again"):
            return verdict
        if verdict[0] == "event":
            made.append(verdict)
            _change(running, verdict[1], _data(command, verdict), state.seq + 1)
    return ("event", "change_set_committed", made) if made else ("unchanged", state.seq)


def _data(command: Command, verdict: Verdict) -> dict[str, Any]:
    """As much of an event's data as this model reads."""
    match command:
        case PutView():
            return {"name": command.name, "sql": command.sql, "reads": command.reads}
        case PutProfile():
            return {"name": command.name, "others": command.others}
        case DropDataset(name) | DropView(name) | DropProfile(name):
            return {"name": name}
        case RenameDataset(name, to):
            return {"name": name, "to": to}
        case SwapDatasets(a, b):
            return {"a": a, "b": b}
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


def _no(code: str) -> Verdict:
    return ("refused", code)


def _store(state: PlainState, command: StoreObject) -> Verdict:
    now = state.keys.get(command.key)
    if now and command.only_if_absent:
        return _no("key_exists")
    if now and now[0] == command.sha256:
        return ("unchanged", now[2])
    if command.blob is None or state.lost(command.blob):
        return ("again",)
    return ("event", "object_stored", command.key, command.blob)


def _forget(state: PlainState, key: str) -> Verdict:
    if key not in state.keys:
        return ("unchanged", state.seq)
    if any(state.keys[key][1] in live["blobs"] for live in state.datasets.values()):
        return _no("object_in_use")
    return ("event", "object_forgotten", key)


def _register(state: PlainState, command: RegisterDataset) -> Verdict:
    live = state.datasets.get(command.name.lower())
    if (live and live["name"] != command.name) or _is_view(state, command.name):
        return _no("name_taken")
    if live and live["fingerprint"] != command.schema_fingerprint:
        return _no("fingerprint_conflict")
    if any(key not in state.keys for key in command.keys):
        return _no("object_missing")
    blobs = [state.keys[key][1] for key in command.keys]
    if live and (live["blobs"], live["rows"]) == (blobs, command.row_count):
        return ("unchanged", live["seq"])
    return ("event", "dataset_registered", command.name, blobs, command.row_count)


def _ingest(state: PlainState, command: IngestDataset, read_under: str | None) -> Verdict:
    live = state.datasets.get(command.name.lower())
    if (live and live["name"] != command.name) or _is_view(state, command.name):
        return _no("name_taken")
    unnamed = _unnamed(live) if live else None
    known = live["sources"] if live else []
    if unnamed is not None and command.earlier_at == unnamed:
        known = [(each.sha256, each.seq) for each in command.earlier] + known
    same = [seq for sha256, seq in known if sha256 == command.source.sha256]
    if same and (command.dedupe if command.mode == "append" else len(live["sources"]) == 1):
        return ("unchanged", same[0])
    if command.dedupe and unnamed not in (None, command.earlier_at):
        return ("again",)
    fingerprint = live["fingerprint"] if live else None
    if read_under != fingerprint:
        return ("again",)
    if fingerprint not in (None, command.table.schema_fingerprint):
        return _no("schema_conflict")
    blobs = [item.blob for item in command.table.objects]
    if any(map(state.lost, blobs)):
        return ("again",)
    kind = "dataset_appended" if command.mode == "append" else "dataset_registered"
    return ("event", kind, command.name, blobs, command.table.row_count)


def _unnamed(live: dict[str, Any]) -> int | None:
    if not live["sources"]:
        return live["seq"] if live["blobs"] else None
    return next((seq for sha256, seq in live["sources"] if not sha256), None)


def _restore(state: PlainState, was: Dataset) -> Verdict:
    live = state.datasets.get(was.name.lower())
    if (live and live["name"] != was.name) or _is_view(state, was.name):
        return _no("name_taken")
    blobs = [item.blob for item in was.objects]
    if live and (live["blobs"], live["rows"], live["fingerprint"]) == (
        blobs,
        was.row_count,
        was.schema_fingerprint,
    ):
        return ("unchanged", live["seq"])
    if any(map(state.lost, blobs)):
        return _no("objects_collected")
    return ("event", "dataset_restored", was.name, blobs, was.row_count)


def _pin(state: PlainState, as_of_seq: int, was: Dataset) -> Verdict:
    if (pin := state.pins.get((was.name.lower(), as_of_seq))) is not None:
        return ("unchanged", pin[0])
    blobs = list(dict.fromkeys(item.blob for item in was.objects))
    if any(map(state.lost, blobs)):
        return _no("objects_collected")
    return ("event", "dataset_pinned", was.name, as_of_seq, blobs)
