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
from projections.catalog import Dataset
from tests.simulation.plain_state import PlainState, apply_change, copy_of

Verdict = tuple[Any, ...]
"""("event", type, essentials…), ("unchanged", seq), ("replayed", seq), ("refused", code), ("again",)."""


def essentials(event: dict[str, Any]) -> Verdict:
    """An event as a verdict: its type and what it is about."""
    return _access_essentials(event["type"], event["data"]) or _essentials(event)


def _essentials(event: dict[str, Any]) -> Verdict:
    data = event["data"]
    match event["type"]:
        case "object_stored":
            return ("event", event["type"], data["key"], data["blob"])
        case "object_forgotten":
            return ("event", event["type"], data["key"])
        case "dataset_dropped" | "view_dropped" | "profile_dropped" | "profile_put":
            return ("event", event["type"], data["name"])
        case "dataset_renamed":
            return ("event", event["type"], data["name"], data["to"])
        case "datasets_swapped":
            return ("event", event["type"], data["a"], data["b"])
        case "view_put":
            return ("event", event["type"], data["name"], list(data["reads"]))
        case "change_set_committed":
            return ("event", event["type"], [essentials(each) for each in data["changes"]])
        case "dataset_pinned":
            return ("event", event["type"], data["name"], data["as_of_seq"], data["blobs"])
    return _content_essentials(event["type"], data)


def _content_essentials(type_: str, data: dict[str, Any]) -> Verdict:
    if type_ == "rows_erased":
        erased = [
            (each["blob"], each["by"]["blob"] if each["by"] else None) for each in data["replaced"]
        ]
        return ("event", type_, list(data["names"]), erased)
    if type_ == "dataset_rewritten":
        pairs = [
            (list(each["blobs"]), [item["blob"] for item in each["by"]])
            for each in data["replaced"]
        ]
        return ("event", type_, data["name"], pairs, data["row_count"])
    blobs = [item["blob"] for item in data["objects"]]
    return ("event", type_, data["name"], blobs, data["row_count"])


def _access_essentials(type_: str, data: dict[str, Any]) -> Verdict | None:
    match type_:
        case "principal_put" | "principal_dropped":
            return ("event", type_, data["name"])
        case "token_issued" | "token_revoked":
            return ("event", type_, data["id"], data["principal"])
        case "grant_put":
            return ("event", type_, data["principal"], data["on"], tuple(data["can"]))
        case "grant_dropped":
            return ("event", type_, data["principal"], data["on"])
    return None


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
        case RewriteDataset() | RefreshDataset() | CompactDataset():
            return _judge_rows(state, command)
        case EraseRows():
            return _erase(state, command)
        case DropDataset(name):
            live = state.datasets.get(name.lower())
            return ("event", "dataset_dropped", live["name"]) if live else _no("dataset_not_found")
        case RestoreDataset(as_of_seq, was):
            return _restore(state, was)
        case PinDataset(as_of_seq, was):
            return _pin(state, as_of_seq, was)
    return _judge_names(state, command)


def _judge_rows(
    state: PlainState, command: RewriteDataset | RefreshDataset | CompactDataset
) -> Verdict:
    match command:
        case RewriteDataset():
            return _rewrite(state, command)
        case RefreshDataset():
            return _refresh(state, command)
        case CompactDataset():
            return _compact(state, command)


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
    return _judge_access(state, command)


def _judge_access(state: PlainState, command: Command) -> Verdict:
    match command:
        case PutPrincipal():
            return _put_principal(state, command)
        case DropPrincipal(name):
            if name not in state.principals:
                return _no("principal_not_found")
            last = _only_admin(state, name)
            return _no("last_admin") if last else ("event", "principal_dropped", name)
        case IssueToken(id_, name):
            if name not in state.principals:
                return _no("principal_not_found")
            taken = id_ in state.tokens
            return _no("invalid_request") if taken else ("event", "token_issued", id_, name)
        case RevokeToken(id_):
            whose = state.tokens.get(id_)
            return ("event", "token_revoked", id_, whose) if whose else _no("token_not_found")
        case PutGrant(name, on) | DropGrant(name, on):
            return _grant(state, command, name, on)
    return ("again",)


def _put_principal(state: PlainState, command: PutPrincipal) -> Verdict:
    live = state.principals.get(command.name)
    if command.first and state.principals:
        return _no("already_initialised")
    if (command.disabled or not command.admin) and _only_admin(state, command.name):
        return _no("last_admin")
    wanted = (command.kind, command.admin, command.disabled)
    if live and (live["kind"], live["admin"], live["disabled"]) == wanted:
        return ("unchanged", live["seq"])
    return ("event", "principal_put", command.name)


def _only_admin(state: PlainState, name: str) -> bool:
    admins = [each for each, is_ in state.principals.items() if is_["admin"] > is_["disabled"]]
    return admins == [name]


def _grant(state: PlainState, command: PutGrant | DropGrant, name: str, on: str) -> Verdict:
    live = state.grants.get((name, on))
    if name not in state.principals:
        return _no("principal_not_found")
    if isinstance(command, DropGrant):
        return ("event", "grant_dropped", name, on) if live else _no("grant_not_found")
    if live and tuple(live["can"]) == command.can:
        return ("unchanged", live["seq"])
    return ("event", "grant_put", name, on, command.can)


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
        case DropDataset(name) | DropView(name) | DropProfile(name):
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
        return _no("schema_conflict")
    if command.mode == "replace" and command.name.lower() in _derived_from(state, command):
        return _no("derivation_cycle")
    blobs = [item.blob for item in command.table.objects]
    if any(map(state.lost, blobs)):
        return ("again",)
    kind = "dataset_appended" if command.mode == "append" else "dataset_registered"
    return ("event", kind, command.name, blobs, command.table.row_count)


def _rewrite(state: PlainState, command: RewriteDataset) -> Verdict:
    """Of objects that the dataset has now, all of which were looked at but those that came since."""
    live, work = state.datasets.get(command.name.lower()), command.rewritten
    if live is None:
        return _no("dataset_not_found")
    if work is None or work.read_under != live["fingerprint"]:
        return ("again",)
    old = {blob for blob in live["blobs"] if state.named[blob] <= work.read_at}
    gone = [blob for each in work.replaced for blob in each.blobs]
    if not old <= work.examined or not set(gone) <= set(live["blobs"]):
        return ("again",)
    if not gone:
        return ("unchanged", state.seq)
    new = [item.blob for each in work.replaced for item in each.by]
    if not work.uploaded or any(map(state.lost, new)):
        return ("again",)
    pairs = [(list(each.blobs), [item.blob for item in each.by]) for each in work.replaced]
    more = sum(each.rows_added - each.rows_removed for each in work.replaced)
    rows = None if live["rows"] is None or live["rows"] + more < 0 else live["rows"] + more
    return ("event", "dataset_rewritten", live["name"], pairs, rows)


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


def _refresh(state: PlainState, command: RefreshDataset) -> Verdict:
    live = state.datasets.get(command.name.lower())
    if live is None:
        return _no("dataset_not_found")
    if live["derivation"] is None:
        return _no("cannot_refresh")
    if all(_is_as_read(state, read) for read in live["derivation"]["reads"]):
        return ("unchanged", live["seq"])
    if command.ingest is None or command.read_at != live["seq"]:
        return ("again",)
    return _ingest(state, command.ingest, command.ingest.read_under)


def _is_as_read(state: PlainState, read: dict[str, Any]) -> bool:
    """Whether nothing but compactions has changed what was read."""
    now = state.datasets.get(read["name"].lower())
    if now is None or now.get("erased", 0) != read.get("erased", 0):
        return False
    return bool(now["changed"] <= read["seq"] <= now["seq"])


def _compact(state: PlainState, command: CompactDataset) -> Verdict:
    """Of objects that the dataset has now, each once, side by side."""
    live, gone = state.datasets.get(command.name.lower()), list(command.blobs)
    if live is None or live["fingerprint"] != command.read_under:
        return ("again",)
    runs = [live["blobs"][place : place + len(gone)] for place in range(len(live["blobs"]))]
    if gone not in runs or any(live["blobs"].count(blob) > 1 for blob in gone):
        return ("again",)
    new = [item.blob for item in command.by]
    if any(map(state.lost, new)):
        return ("again",)
    return ("event", "dataset_rewritten", live["name"], [(gone, new)], live["rows"])


def _unnamed(live: dict[str, Any]) -> int | None:
    if not live["sources"]:
        return live["seq"] if live["blobs"] else None
    return next((seq for sha256, seq in live["sources"] if not sha256), None)


def _restore(state: PlainState, was: Dataset) -> Verdict:
    live = state.datasets.get(was.name.lower())
    if (live and live["name"] != was.name) or _is_view(state, was.name):
        return _no("name_taken")
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
        return _no("objects_collected")
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


def _erase(state: PlainState, command: EraseRows) -> Verdict:
    """Objects that may still be read, by objects that may be referred to."""
    replaced = [(each.blob, each.by.blob if each.by else None) for each in command.replaced]
    if not replaced:
        return ("unchanged", state.seq)
    if any(was not in state.known or was in state.marked for was, _ in replaced):
        return ("again",)
    if any(by is not None and state.lost(by) for _, by in replaced):
        return ("again",)
    gone = {was for was, _ in replaced}
    holders = sorted(each["name"] for each in state.datasets.values() if gone & {*each["blobs"]})
    others = [name for name in holders if name.lower() != command.name.lower()]
    return ("event", "rows_erased", [command.name, *others], replaced)


def _pin(state: PlainState, as_of_seq: int, was: Dataset) -> Verdict:
    if (pin := state.pins.get((was.name.lower(), as_of_seq))) is not None:
        return ("unchanged", pin[0])
    blobs = list(dict.fromkeys(_seen_today(state, was)[0]))
    if any(map(state.lost, blobs)):
        return _no("objects_collected")
    return ("event", "dataset_pinned", was.name, as_of_seq, blobs)
