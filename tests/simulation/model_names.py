"""The plain model of names: renames, swaps, views, profiles and sources.

Shares no rule with the product.
"""

from lakehouse.domain.commands import Command, DropView, PutProfile, PutView
from lakehouse.domain.sources.commands import DropSource, PutSource
from tests.simulation.plain_state import PlainState
from tests.simulation.verdicts import Verdict, no


def judge_definition(state: PlainState, command: Command) -> Verdict:
    name = command.name.lower()
    view, profile = state.views.get(name), state.profiles.get(name)
    match command:
        case PutView():
            if name in state.datasets or (view and view["name"] != command.name):
                return no("name_taken")
            if name in _reached(state, command.reads):
                return no("view_cycle")
            if view and (view["sql"], tuple(view["reads"])) == (command.sql, command.reads):
                return ("unchanged", view["seq"])
            return ("event", "view_put", command.name, list(command.reads))
        case DropView():
            return ("event", "view_dropped", view["name"]) if view else no("view_not_found")
        case PutProfile():
            if profile and (profile["name"], profile["others"]) == (command.name, command.others):
                return ("unchanged", profile["seq"])
            return ("event", "profile_put", command.name)
    if profile is None:
        return no("profile_not_found")
    return ("event", "profile_dropped", profile["name"])


def judge_source(state: PlainState, command: PutSource | DropSource) -> Verdict:
    live = state.sources.get(command.name)
    if isinstance(command, DropSource):
        return ("event", "source_dropped", command.name) if live else no("source_not_found")
    if live and (live["dataset"], live["every_s"]) == (command.dataset, command.every_s):
        return ("unchanged", live["seq"])
    return ("event", "source_put", command.name)


def _reached(state: PlainState, reads: tuple[str, ...]) -> set[str]:
    """All names that these lead to through views."""
    found, left = set(reads), list(reads)
    while left:
        more = set(state.views.get(left.pop(), {"reads": ()})["reads"]) - found
        found |= more
        left += more
    return found


def is_view(state: PlainState, name: str) -> bool:
    return name.lower() in state.views


def rename(state: PlainState, name: str, to: str) -> Verdict:
    live, taken = state.datasets.get(name.lower()), state.datasets.get(to.lower())
    if live is None:
        return no("dataset_not_found")
    if live["name"] == to:
        return ("unchanged", live["seq"])
    if (taken is not None and taken is not live) or is_view(state, to):
        return no("name_taken")
    return ("event", "dataset_renamed", live["name"], to)


def swap(state: PlainState, a: str, b: str) -> Verdict:
    live_a, live_b = state.datasets.get(a.lower()), state.datasets.get(b.lower())
    if live_a is None or live_b is None:
        return no("dataset_not_found")
    if live_a is live_b:
        return no("invalid_request")
    return ("event", "datasets_swapped", live_a["name"], live_b["name"])
