"""The rules of views and profiles: their names, and cycles among views. Pure; a part of `decide`.

Must never bind a view: what it reads and shows was found before, and may be otherwise when it is asked.
"""

from typing import assert_never

import msgspec

from journal.events import ProfileDropped, ProfilePut, ViewDropped, ViewPut
from lakehouse.domain.commands import DropProfile, DropView, PutProfile, PutView
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_not_absent
from projections import catalog
from projections.fold import State


def decide(state: State, command: PutView | DropView | PutProfile | DropProfile) -> Decision:
    """What becomes of a command about a view or a profile."""
    match command:
        case PutView():
            return _put_view(state, command)
        case DropView():
            return _drop_view(state, command)
        case PutProfile():
            return _put_profile(state, command)
        case DropProfile():
            return _drop_profile(state, command)
    assert_never(command)


def _put_view(state: State, command: PutView) -> Decision:
    live = catalog.find_view(state.catalog, command.name)
    if refused := dataset_not_absent(state, command.name):
        return refused
    if live is not None and live.name != command.name:
        detail = f"{command.name} differs only in case from the existing view {live.name}"
        return Refused("name_taken", detail)
    if cycle := _cycle(state, command.name.lower(), command.reads):
        detail = f"{command.name} would read itself: {' reads '.join(cycle)}"
        return Refused("view_cycle", detail)
    data = ViewPut(*msgspec.structs.astuple(command))
    if live is not None and _same(live, data):
        return Unchanged(live.seq)
    return data


def _drop_view(state: State, command: DropView) -> Decision:
    live = catalog.find_view(state.catalog, command.name)
    if live is None:
        return Refused("view_not_found", f"there is no view {command.name}")
    return ViewDropped(live.name)


def _put_profile(state: State, command: PutProfile) -> Decision:
    live = catalog.find_profile(state.catalog, command.name)
    data = ProfilePut(command.name, command.names, command.others)
    if live is not None and _same(live, data):
        return Unchanged(live.seq)
    return data


def _drop_profile(state: State, command: DropProfile) -> Decision:
    live = catalog.find_profile(state.catalog, command.name)
    if live is None:
        return Refused("profile_not_found", f"there is no profile {command.name}")
    return ProfileDropped(live.name)


def _same(live: msgspec.Struct, data: ViewPut | ProfilePut) -> bool:
    return all(getattr(live, name) == getattr(data, name) for name in data.__struct_fields__)


def _cycle(state: State, name: str, reads: tuple[str, ...]) -> list[str]:
    """The names by which a view leads back to itself, its own first and last; empty if it does not."""
    paths = [[name, each] for each in reads]
    seen = set[str]()
    while paths:
        path = paths.pop()
        if path[-1] == name:
            return path
        view = state.catalog.views.get(path[-1])
        if view is not None and path[-1] not in seen:
            seen.add(path[-1])
            paths += [[*path, each] for each in view.reads]
    return []
