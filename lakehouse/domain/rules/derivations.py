"""The rules about datasets that are results of statements: what has changed, what would be a cycle.

Pure; a part of `decide`. Only a derivation that can be refreshed is followed: one without `as_of`, whose
result are all rows of its dataset.
"""

from collections.abc import Iterator

from journal.events import Derivation, Read
from lakehouse.domain.commands import IngestDataset
from lakehouse.domain.errors import Refused
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State

PROFILE = "profile:"
"""Before the name of a profile among the names that were read."""


def has_changed(state: State, derivation: Derivation) -> bool:
    """Whether the version of anything that the statement read has changed.

    Past versions never change.
    """
    return derivation.as_of is None and any(_is_other(state, read) for read in moving(derivation))


def moving(derivation: Derivation) -> Iterator[Read]:
    """What the statement reads as it is at the time, without what it reads as of a moment."""
    return (read for read in derivation.reads if read.as_of is None)


def cycle(state: State, command: IngestDataset) -> Refused | None:
    """The refusal of a replacement whose statement reads what is derived from its own result."""
    derivation = command.derivation
    if derivation is None or command.mode != "replace" or derivation.as_of is not None:
        return None
    path = _path(state, derivation, command.name.lower())
    if path is None:
        return None
    chain = " reads ".join((command.name, *path))
    return Refused("derivation_cycle", f"{command.name} would be derived from itself: {chain}")


def _path(state: State, derivation: Derivation, target: str) -> tuple[str, ...] | None:
    """The names by which a derivation leads to `target`, the last of them; None if it does not."""
    waiting: list[tuple[Derivation, tuple[str, ...]]] = [(derivation, ())]
    seen: set[str] = set()
    while waiting:
        current, path = waiting.pop()
        for read in moving(current):
            name = read.name.lower()
            if name == target:
                return (*path, read.name)
            live = catalog.find(state.catalog, name)
            if name in seen or live is None or live.derivation is None:
                continue
            seen.add(name)
            if live.derivation.as_of is None:
                waiting.append((live.derivation, (*path, live.name)))
    return None


def _is_other(state: State, read: Read) -> bool:
    if read.name.startswith(PROFILE):
        profile = catalog.find_profile(state.catalog, read.name.removeprefix(PROFILE))
        return profile is None or profile.seq != read.seq
    live = catalog.find(state.catalog, read.name) or catalog.find_view(state.catalog, read.name)
    # A system view is another one with every event, that of the derivation included.
    if isinstance(live, Dataset):
        # A compaction since then has changed nothing that the statement read.
        same = catalog.last_change(live) <= read.seq <= live.seq
        return not same or live.erased != read.erased
    return live is None or live.seq != read.seq


def refresh_order(state: State) -> tuple[str, ...]:
    """The names of the datasets that can be refreshed, each after those that it reads.

    Names are in order of code points where nothing else decides; a cycle, which a rename can close, is
    entered at its first name.
    """
    ordered: dict[str, str] = {}
    for first in catalog.in_name_order(state.catalog):
        waiting = [(first.name.lower(), False)]
        under_way: set[str] = set()
        while waiting:
            name, reads_done = waiting.pop()
            live = catalog.find(state.catalog, name)
            if live is None or live.derivation is None or name in ordered:
                continue
            if reads_done:
                ordered[name] = live.name
            elif name not in under_way:
                under_way.add(name)
                waiting.append((name, True))
                waiting += [(read.name.lower(), False) for read in moving(live.derivation)]
    return tuple(ordered.values())
