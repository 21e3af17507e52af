"""Watched sources: their definitions, and which files of each have come in. Pure.

What came in is a fold of the ingest events alone. It is kept for each source and dataset, and outlives
both: neither a drop nor an undo lets a file come in again. A rename takes it along.
"""

from typing import assert_never

import msgspec
from immutables import Map

from journal.definition_events import SourceChange, SourceDropped, SourceEvent, SourcePut
from journal.event_records import Source
from journal.events import (
    Change,
    DatasetAppended,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRewritten,
    DatasetsSwapped,
)
from projections.moment import Moment
from projections.overlay import Overlay


class WatchedSource(msgspec.Struct, frozen=True, gc=False):
    """The definition of a source; `seq` and `updated_at` of the event that last put it."""

    name: str
    uri: str
    pattern: str
    dataset: str
    mode: str
    options: tuple[tuple[str, str], ...]
    every_s: int
    created_at: str
    updated_at: str
    seq: int


class Received(msgspec.Struct, frozen=True, gc=False):
    """The last version of a file that came in, and the event that brought it."""

    identity: str
    sha256: str
    seq: int


class Intake(msgspec.Struct, frozen=True, gc=False):
    """What came in from one source into one dataset.

    `id` is that of its files and contents in the state; after a rename two names may share it.
    """

    id: str
    files: int
    last_at: str


class Sources(msgspec.Struct, frozen=True):
    """`live`: by lower-case name. `intakes`: by source and dataset. `files`: by intake and key.
    `contents`: by intake and SHA-256 the first event that brought it."""

    live: Map[str, WatchedSource] = Map()
    intakes: Map[str, Intake] = Map()
    files: Map[str, Received] = Map()
    contents: Map[str, int] = Map()


EMPTY = Sources()


class Draft:
    """The sources while events are folded into them."""

    def __init__(self, sources: Sources) -> None:
        self.live = Overlay(sources.live)
        self.intakes = Overlay(sources.intakes)
        self.files = Overlay(sources.files)
        self.contents = Overlay(sources.contents)

    def finish(self) -> Sources:
        """The sources after the events; the draft must not be used again."""
        return Sources(
            *(self.live.finish(), self.intakes.finish()),
            *(self.files.finish(), self.contents.finish()),
        )


def apply(draft: Draft, data: Change, moment: Moment) -> None:
    """Fold one change into a draft of the sources."""
    if isinstance(data, DatasetRegistered | DatasetAppended | DatasetRewritten):
        if data.source is not None and data.source.file is not None:
            _receive(draft, data.name, data.source, moment)
    elif isinstance(data, SourceEvent):
        _define(draft, data, moment)
    elif isinstance(data, DatasetRenamed):
        _follow(draft, data.name, data.to)
    elif isinstance(data, DatasetsSwapped):
        _exchange(draft, data.a, data.b)


def find(sources: Sources, name: str) -> WatchedSource | None:
    """The source of that name, whatever its case."""
    return sources.live.get(name.lower())


def in_name_order(sources: Sources) -> list[WatchedSource]:
    """All sources, by code point."""
    return sorted(sources.live.values(), key=lambda source: source.name)


def intake(sources: Sources, source: str, dataset: str) -> Intake | None:
    """What came in from a source into a dataset; None if nothing did."""
    return sources.intakes.get(_place(source, dataset))


def received(sources: Sources, source: str, dataset: str, key: str) -> Received | None:
    """The last version of a file that came in; None if none did."""
    found = intake(sources, source, dataset)
    return sources.files.get(f"{found.id}\n{key}") if found else None


def content_seq(sources: Sources, source: str, dataset: str, sha256: str) -> int | None:
    """The event that first brought these bytes from the source into the dataset; None if none did."""
    found = intake(sources, source, dataset)
    return sources.contents.get(f"{found.id}\n{sha256}") if found else None


def _define(draft: Draft, data: SourceChange, moment: Moment) -> None:
    name = data.name.lower()
    match data:
        case SourcePut():
            was = draft.live.find(name)
            created_at = was.created_at if was else moment.at
            terms = (data.uri, data.pattern, data.dataset, data.mode, data.options, data.every_s)
            now = WatchedSource(data.name, *terms, created_at, moment.at, moment.seq)
            draft.live.put(name, now)
        case SourceDropped():
            draft.live.drop(name)
        case _:
            assert_never(data)


def _receive(draft: Draft, dataset: str, source: Source, moment: Moment) -> None:
    file = source.file
    if file is None:
        return
    place = _place(file.source, dataset)
    was = draft.intakes.find(place)
    id_, files = (was.id, was.files) if was else (str(moment.seq), 0)
    draft.intakes.put(place, Intake(id_, files + 1, moment.at))
    draft.files.put(f"{id_}\n{file.key}", Received(file.identity, source.sha256, moment.seq))
    content = f"{id_}\n{source.sha256}"
    if draft.contents.find(content) is None:
        draft.contents.put(content, moment.seq)


def _follow(draft: Draft, name: str, to: str) -> None:
    """Let what came in under a dataset's name count under its new one too."""
    if name.lower() == to.lower():
        return
    for place, found in draft.intakes.items():
        source, _, dataset = place.partition("\n")
        if dataset == name.lower():
            draft.intakes.put(_place(source, to), found)


def _exchange(draft: Draft, a: str, b: str) -> None:
    """Let what came in under one of two names count under the other too, where nothing does."""
    before = dict(draft.intakes.items())
    for place, found in before.items():
        source, _, dataset = place.partition("\n")
        if dataset in (a.lower(), b.lower()):
            other = _place(source, b if dataset == a.lower() else a)
            if other not in before:
                draft.intakes.put(other, found)


def _place(source: str, dataset: str) -> str:
    return f"{source.lower()}\n{dataset.lower()}"
