"""The rules of sources: their definitions, and that each content comes in once. Pure; a part of `decide`.

Must never trust a process's own memory: what came in is in the state.
"""

from typing import assert_never

import msgspec

from journal.definition_events import SourceChange, SourceDropped, SourcePut
from journal.event_records import Source
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.sources.commands import AnySourceCommand, DropSource, PutSource, Sighting
from projections import history, sources
from projections.fold import State
from projections.sources import Sources, WatchedSource

MAX_SOURCES = 1_000


def decide(state: State, command: AnySourceCommand) -> Decision:
    """What becomes of a command about a source."""
    match command:
        case PutSource():
            return _put(state.sources, command)
        case DropSource():
            live = sources.find(state.sources, command.name)
            return _absent(command.name) if live is None else SourceDropped(live.name)
    assert_never(command)


def _put(now: Sources, command: PutSource) -> Decision:
    live = sources.find(now, command.name)
    if live is None and len(now.live) >= MAX_SOURCES:
        return Refused("invalid_request", f"a lake has at most {MAX_SOURCES:,} sources")
    if live is not None and live.name != command.name:
        detail = f"{command.name} differs only in case from the existing source {live.name}"
        return Refused("name_taken", detail)
    data = SourcePut(*msgspec.structs.astuple(command))
    if live is not None and _same(live, data):
        return Unchanged(live.seq)
    return data


def received(
    now: Sources, dataset: str, mode: str, source: Source, sighting: Sighting | None
) -> Unchanged | Refused | None:
    """Why the file of a source does not come in: it is in already, or something changed meanwhile.

    None of a file that comes in. `sighting` is None where the event is decided again (what-if).
    """
    file = source.file
    if file is None:
        return None
    live = sources.find(now, file.source)
    if sighting is not None and (live is None or live.seq != sighting.put_seq):
        return Refused("source_not_found", f"{file.source} was dropped or changed meanwhile")
    was = sources.received(now, file.source, dataset, file.key)
    if was is not None and was.identity == file.identity:
        return Unchanged(was.seq)
    if sighting is not None and sighting.received_seq != (was.seq if was else None):
        return Unchanged(None)
    since = sources.content_seq(now, file.source, dataset, source.sha256)
    if since is not None and is_repeated(mode, was, source.sha256):
        return Unchanged(since)
    return None


def is_repeated(mode: str, was: sources.Received | None, sha256: str) -> bool:
    """Whether content that came in before stays out.

    With `append` always. In the other modes a file that changed back is as new: its rows were replaced.
    """
    return mode == "append" or was is None or was.sha256 == sha256


def inverse(data: SourceChange, before: Sources) -> AnySourceCommand:
    """The command that undoes an event of a source; `before` are the sources that it met."""
    was = sources.find(before, data.name)
    return _put_again(was) if was else DropSource(data.name)


def changed_since(state: State, seq: int, data: SourceChange) -> Refused | None:
    """The refusal to undo an event of a source that a later one follows."""
    link = state.history.links.get(history.source_entity(data.name))
    if link is None or link[1] == seq:
        return None
    detail = f"event {link[1]} changed source {data.name} after event {seq}"
    return Refused("undo_conflict", f"{detail}; undo that first")


def command_of(data: SourceChange) -> AnySourceCommand:
    """The command of an event of a source, as a client would send it again."""
    match data:
        case SourcePut():
            return PutSource(*msgspec.structs.astuple(data))
        case SourceDropped():
            return DropSource(data.name)
    assert_never(data)


def _absent(name: str) -> Refused:
    return Refused("source_not_found", f"there is no source {name}")


def _put_again(was: WatchedSource) -> PutSource:
    terms = [getattr(was, name) for name in PutSource.__struct_fields__]
    return PutSource(*terms)


def _same(live: WatchedSource, data: SourcePut) -> bool:
    return all(getattr(live, name) == getattr(data, name) for name in data.__struct_fields__)
