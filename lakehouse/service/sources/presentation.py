"""A source as answers and system views show it. Pure."""

from typing import Any, cast

import msgspec

from lakehouse.api.sources import (
    Mode,
    SetAsideFile,
    SkippedFile,
    Source,
    SourceError,
    SourceStatus,
)
from lakehouse.service.sources.memory import MAX_SHOWN, Memory
from lakehouse.service.sources.options import object_of
from projections import sources
from projections.sources import Sources, WatchedSource


def source_body(now: Sources, source: WatchedSource, memory: Memory) -> Source:
    """A source with what came in from it, and what a process remembers of it."""
    intake = sources.intake(now, source.name, source.dataset)
    return Source(
        source.name,
        source.uri,
        source.pattern,
        source.dataset,
        cast("Mode", source.mode),
        object_of(source.options),
        source.every_s,
        intake.files if intake else 0,
        intake.last_at if intake else None,
        status_of(memory),
        source.created_at,
        source.updated_at,
        source.seq,
    )


def status_of(memory: Memory) -> SourceStatus:
    """What a process remembers of a source."""
    aside = [
        SetAsideFile(each.entry.key, each.code, each.detail, each.tries, each.next_try_at)
        for _, each in sorted(memory.aside.items())[:MAX_SHOWN]
    ]
    return SourceStatus(
        memory.looked_at,
        memory.listed,
        sorted(memory.waiting)[:MAX_SHOWN],
        len(memory.waiting),
        aside,
        len(memory.aside),
        [SkippedFile(each.key, each.detail) for each in memory.skipped],
        memory.skipped_count,
        SourceError(*memory.error) if memory.error else None,
    )


def row(source: Source) -> dict[str, Any]:
    """A row of `lake.sources`. It belongs to no principal: only a caller who sees everything sees it."""
    status = source.status
    shown = {name: getattr(source, name) for name in source.__struct_fields__ if name != "status"}
    return shown | {
        "principal": "",
        "options": msgspec.json.encode(source.options).decode(),
        "looked_at": status.looked_at,
        "listed": status.listed,
        "waiting": status.waiting_count,
        "set_aside": [msgspec.structs.asdict(each) for each in status.set_aside],
        "skipped": status.skipped_count,
        "error": status.error.detail if status.error else None,
    }
