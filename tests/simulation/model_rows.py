"""The plain model of changes inside datasets: rewritten, refreshed, compacted, erased.

Shares no rule with the product.
"""

from lakehouse.domain.commands import EraseRows, RefreshDataset, RewriteDataset
from lakehouse.domain.rows.commands import CompactDataset
from tests.simulation.model_data import is_as_read, judge_ingest
from tests.simulation.plain_state import PlainState
from tests.simulation.verdicts import Verdict, no


def judge_rows(
    state: PlainState, command: RewriteDataset | RefreshDataset | CompactDataset
) -> Verdict:
    match command:
        case RewriteDataset():
            return _rewrite(state, command)
        case RefreshDataset():
            return _refresh(state, command)
        case CompactDataset():
            return _compact(state, command)


def _rewrite(state: PlainState, command: RewriteDataset) -> Verdict:
    """Of objects that the dataset has now, all of which were searched."""
    live, work = state.datasets.get(command.name.lower()), command.rewritten
    if live is None:
        return no("dataset_not_found")
    if work is None or work.read_under != live["fingerprint"]:
        return ("again",)
    gone = [blob for each in work.replaced for blob in each.blobs]
    if not set(live["blobs"]) <= work.examined or not set(gone) <= set(live["blobs"]):
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


def _refresh(state: PlainState, command: RefreshDataset) -> Verdict:
    live = state.datasets.get(command.name.lower())
    if live is None:
        return no("dataset_not_found")
    if live["derivation"] is None:
        return no("cannot_refresh")
    if all(is_as_read(state, read) for read in live["derivation"]["reads"]):
        return ("unchanged", live["seq"])
    if command.ingest is None or command.read_at != live["seq"]:
        return ("again",)
    return judge_ingest(state, command.ingest, command.ingest.read_under)


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


def erase(state: PlainState, command: EraseRows) -> Verdict:
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
