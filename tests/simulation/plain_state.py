"""The plain state: the journal read and folded by plain code.

Shares no code with the product: JSON by the standard library, dicts for state.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

GRACE_S = 20.0
REMEMBERED_EVENTS = 25
"""The product's own are a day and 100,000 events: a run would never meet them."""


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
    """(Owner, key) → (request, seq); the owner is "" while there is no principal."""
    known: frozenset[str] = frozenset()
    """Blobs that may still be read."""
    named: dict[str, int] = field(default_factory=dict)
    """Blob → seq of the event that first named it."""
    marked: frozenset[str] = frozenset()
    gone: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """(Seq, blobs) of the removals that are remembered."""
    horizon: int = 0
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    principals: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Id → name of the principal."""
    grants: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """(Principal, pattern) → the grant."""
    pins: dict[tuple[str, int], tuple[int, list[str]]] = field(default_factory=dict)
    """(Name, as of) → (seq, blobs)."""
    erased: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    """Blob → (the last blob in its place, how many rows were erased)."""

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
    now = copy_of(state)
    now.seq = event["seq"]
    if event["key"] is not None:
        owner = event["actor"] if state.principals else ""
        now.requests[owner, event["key"]] = (event["request"], event["seq"])
    for change in changes_of(event):
        apply_change(now, change["type"], change["data"], event["seq"])
    return now


def changes_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes of an event: of a set each, else itself."""
    if event["type"] != "change_set_committed":
        return [event]
    changes: list[dict[str, Any]] = event["data"]["changes"]
    return changes


def copy_of(state: PlainState) -> PlainState:
    return replace(
        state,
        keys=dict(state.keys),
        datasets={name: dict(each) for name, each in state.datasets.items()},
        requests=dict(state.requests),
        views=dict(state.views),
        profiles=dict(state.profiles),
        sources=dict(state.sources),
        principals=dict(state.principals),
        tokens=dict(state.tokens),
        grants=dict(state.grants),
        pins=dict(state.pins),
        named=dict(state.named),
        erased=dict(state.erased),
    )


def apply_change(now: PlainState, type_: str, data: dict[str, Any], seq: int) -> None:
    _collection(now, type_, data, seq)
    _copies(now, type_, data, seq)
    _definition(now, type_, data, seq)
    _access(now, type_, data, seq)
    if type_ == "rows_erased":
        _erase(now, data, seq)
    match type_:
        case "object_stored":
            now.keys[data["key"]] = (data["sha256"], data["blob"], seq)
        case "object_forgotten":
            del now.keys[data["key"]]
        case "dataset_dropped":
            now.datasets.pop(data["name"].lower(), None)
        case "dataset_renamed":
            if was := now.datasets.pop(data["name"].lower(), None):
                now.datasets[data["to"].lower()] = was | {
                    "name": data["to"],
                    "seq": seq,
                    "changed": seq,
                }
            _move_pins(now, {data["name"].lower(): data["to"].lower()})
        case "datasets_swapped":
            a, b = data["a"].lower(), data["b"].lower()
            was_a, was_b = now.datasets.get(a), now.datasets.get(b)
            if was_a and was_b:
                now.datasets[a] = was_b | {"name": was_a["name"], "seq": seq, "changed": seq}
                now.datasets[b] = was_a | {"name": was_b["name"], "seq": seq, "changed": seq}
            _move_pins(now, {a: b, b: a})
        case "dataset_registered" | "dataset_restored" | "dataset_rewritten" | "dataset_appended":
            key = data["name"].lower()
            now.datasets[key] = _content(now.datasets.get(key), type_, data, seq)


def _content(
    was: dict[str, Any] | None, type_: str, data: dict[str, Any], seq: int
) -> dict[str, Any]:
    if type_ == "dataset_rewritten":
        return _rewritten(was, data, seq)
    more = _dataset(data, seq)
    if type_ != "dataset_appended":
        return more
    return (_joined(was, more) if was else more) | {"derivation": None}


def _erase(now: PlainState, data: dict[str, Any], seq: int) -> None:
    """The last blob in each one's place, everywhere and for ever."""
    found = {
        each["blob"]: (each["by"]["blob"] if each["by"] else None, each["rows"])
        for each in data["replaced"]
    }
    for blob, (by, _) in found.items():
        now.marked |= {blob}
        if by is not None:
            now.known |= {by}
            now.named[by] = now.named[blob]
    for live in now.datasets.values():
        if found.keys() & {*live["blobs"]}:
            live["erased"] = seq
            rows = sum(found[blob][1] for blob in live["blobs"] if blob in found)
            live["rows"] = None if live["rows"] is None else live["rows"] - rows
            live["blobs"] = _placed(live["blobs"], found)
    now.pins = {of: (at, _placed(blobs, found)) for of, (at, blobs) in now.pins.items()}
    for blob, (by, rows) in list(now.erased.items()):
        if by in found:
            now.erased[blob] = (found[by][0], rows + found[by][1])
    now.erased |= found


def _placed(blobs: list[str], found: dict[str, tuple[str | None, int]]) -> list[str]:
    now = (found.get(blob, (blob, 0))[0] for blob in blobs)
    return [blob for blob in now if blob is not None]


def _copies(now: PlainState, type_: str, data: dict[str, Any], seq: int) -> None:
    if type_ == "copies_collected":
        keys = tuple(key for key in data["keys"] if key not in now.known)
        now.gone = (*now.gone, (seq, keys))


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
        case "source_put":
            now.sources[data["name"]] = data | {"seq": seq}
        case "source_dropped":
            now.sources.pop(data["name"], None)


def _access(now: PlainState, type_: str, data: dict[str, Any], seq: int) -> None:
    match type_:
        case "principal_put":
            now.principals[data["name"]] = data | {"seq": seq}
        case "principal_dropped":
            name = data["name"]
            del now.principals[name]
            now.tokens = {id_: whose for id_, whose in now.tokens.items() if whose != name}
            now.grants = {of: grant for of, grant in now.grants.items() if of[0] != name}
        case "token_issued":
            now.tokens[data["id"]] = data["principal"]
        case "token_revoked":
            del now.tokens[data["id"]]
        case "grant_put":
            now.grants[data["principal"], data["on"]] = data | {"seq": seq}
        case "grant_dropped":
            del now.grants[data["principal"], data["on"]]


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
        case "dataset_rewritten":
            now.known |= {item["blob"] for each in data["replaced"] for item in each["by"]}
    for blob in now.known - now.named.keys():
        now.named[blob] = seq
    for removed_at, blobs in now.gone:
        if removed_at <= seq - REMEMBERED_EVENTS:
            now.horizon = max([now.horizon, *(_minted(blob) + 1 for blob in blobs)])
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
        "changed": seq,
        "edited": False,
        "derivation": data.get("derivation"),
    }


def _rewritten(was: Any, data: dict[str, Any], seq: int) -> dict[str, Any]:
    blobs = list(was["blobs"])
    for each in data["replaced"]:
        place = blobs.index(each["blobs"][0]) if each["blobs"][0] in blobs else len(blobs)
        blobs[place : place + 1] = [item["blob"] for item in each["by"]]
        blobs = [blob for blob in blobs if blob not in each["blobs"][1:]]
    return was | {
        "blobs": blobs,
        "rows": data["row_count"],
        "sources": was["sources"] or ([("", was["seq"])] if was["blobs"] else []),
        "seq": seq,
        "edited": was["edited"] or any(each["rows_removed"] for each in data["replaced"]),
        "derivation": was["derivation"] if data["kind"] == "compact" else None,
        "changed": was["changed"] if data["kind"] == "compact" else seq,
    }


def _joined(was: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    # Objects that no source can be named for have one that no file is.
    named = was["sources"] or ([("", was["seq"])] if was["blobs"] else [])
    return more | {
        "blobs": was["blobs"] + more["blobs"],
        "rows": None if None in (was["rows"], more["rows"]) else was["rows"] + more["rows"],
        "sources": named + more["sources"],
        "erased": was.get("erased", 0),
        "edited": was["edited"],
    }
