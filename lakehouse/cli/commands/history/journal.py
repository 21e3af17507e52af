"""`lakehouse journal head`, `events`, `verify` and `replay`: read the slots, never a cache."""

import argparse
import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import msgspec

from journal.bucket.port import Bucket
from journal.bucket.removal import remove
from journal.clock import SystemClock
from journal.events import Event
from journal.log import Journal, find_journal
from journal.slot import Head, JournalCorrupt, Slot, format_at
from journal.verify import verify as verify_slots
from lakehouse.admin.inspection import (
    CacheDifference,
    ObjectFault,
    damaged_caches,
    differences,
    object_faults,
    replayed,
    without,
)
from lakehouse.admin.repair import repair
from lakehouse.api.administration import (
    ImpossibleEvent,
    ReplayedState,
    VerifiedHead,
    WhatIfReport,
)
from lakehouse.cli.output import printing, progress
from lakehouse.cli.output.diff_table import print_diff
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.diff import diff
from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.domain.points_in_time import point_in_time
from lakehouse.service.presentation import EMPTY_HEAD, journal_event, journal_head
from lakehouse.wiring import bucket_of, stores_of
from projections import history
from projections.codec import state_root
from projections.fold import counts
from projections.states.follower import Follower

OK = 0
CACHE_REMEDY = (
    "It is a cache, which is ignored now; the slots hold everything. "
    "`lakehouse journal replay --repair` replaces it"
)


async def head(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal head`: reads to the end of the journal."""
    async with journal_of(settings) as journal:
        state = await Follower(journal).open()
    printing.body(journal_head(state.head), as_json=arguments.json)
    return OK


async def events(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal events`: one JSON object per line; with --follow also later events."""
    left, position = arguments.limit, 0
    async with journal_of(settings) as journal:
        while True:
            async for slot in journal.slots(position + 1):
                for event in _selected(slot, arguments):
                    if left == 0:
                        return OK
                    printing.document(journal_event(slot.header, event))
                    left = left - 1 if left is not None else None
                position = slot.header.position
            if not arguments.follow or left == 0:
                return OK
            sys.stdout.flush()
            await asyncio.sleep(settings.poll_interval_s)


def _selected(slot: Slot, arguments: argparse.Namespace) -> Iterator[Event]:
    """The events of a slot that pass the filters."""
    entity = history.dataset_entity(arguments.dataset) if arguments.dataset else None
    for event in slot.events:
        if event.seq <= arguments.after or arguments.type not in (None, event.type):
            continue
        if entity is None or any(each.entity == entity for each in event.about):
            yield event


async def verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal verify`: names the first bad slot, and then ends with 4.

    Damaged checkpoints and packs are named on standard error. They are caches: the journal is whole.
    """
    verified, expected = EMPTY_HEAD, arguments.expect
    async with journal_of(settings) as journal:
        with progress.counting("slots verified") as reached:
            async for good in verify_slots(journal):
                verified = journal_head(good)
                reached(good.position)
                if expected is not None and good.seq == expected[0]:
                    _check_hash(good, expected[1])
                    expected = None
        if expected is not None:
            detail = f"no slot ends with event {expected[0]}, the expected head"
            raise JournalCorrupt(0, detail)
        faults = await _object_faults(settings, journal) if arguments.objects else []
        damaged = [key async for key in damaged_caches(journal)]
    for key in damaged:
        printing.message(f"{key} is damaged. {CACHE_REMEDY}")
    if faults:
        code = "object_damaged" if any(each.is_damage for each in faults) else "object_lost"
        detail = f"{counted(len(faults), 'object')} missing or different from the journal"
        raise RefusedError(Refused(code, detail, _rows(faults)))
    body = VerifiedHead(**msgspec.structs.asdict(verified), verified=True, damaged_caches=damaged)
    printing.body(body, as_json=arguments.json, left_out="damaged_caches")
    return OK


async def replay(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal replay`: the state computed from the slots alone."""
    seq, at = _end_point(arguments.to)
    if arguments.without is not None:
        return await _what_if(arguments, settings, seq, at)
    if arguments.repair:
        return await _repair(arguments, settings)
    async with journal_of(settings) as journal:
        with progress.counting("slots replayed") as reached:
            state = await replayed(journal, seq, at, reached)
        _check_reached(seq, state.head.seq)
        found = await _differences(journal) if arguments.diff else []
    if found:
        detail = f"{counted(len(found), 'cache')} different from the slots"
        raise RefusedError(Refused("cache_differs", detail, _rows(found)))
    body = msgspec.structs.asdict(journal_head(state.head)) | counts(state)
    printing.body(ReplayedState(**body, state_root=state_root(state)), as_json=arguments.json)
    return OK


async def _what_if(
    arguments: argparse.Namespace, settings: Settings, seq: int | None, at: str | None
) -> int:
    """Compare the catalog with the one without some events. Writes nothing."""
    async with journal_of(settings) as journal:
        sides = await without(journal, arguments.without, seq, at)
        _check_reached(seq, sides.was.head.seq)
    beyond = [each for each in arguments.without if not 0 < each <= sides.was.head.seq]
    if beyond:
        raise RefusedError(Refused("event_not_found", f"there is no event {min(beyond)}"))
    differs = diff(sides.was, sides.now)
    if arguments.json:
        refused = [ImpossibleEvent(each.seq, each.type, each.code, each.why) for each in sides.left]
        printing.document(WhatIfReport(sides.was.head.seq, differs, refused))
        return OK
    for row in sides.left:
        printing.line(
            f"event {row.seq}, {row.type}, would have been refused: {row.code}: {row.why}"
        )
    print_diff(differs)
    return OK


def _end_point(to: str | None) -> tuple[int | None, str | None]:
    """`--to` as an event number or a time. Raises RefusedError `as_of_in_future`."""
    point = point_in_time(to) if to is not None else None
    if not isinstance(point, datetime):
        return point, None
    if point > SystemClock().now():
        raise RefusedError(Refused("as_of_in_future", f"{to} is in the future"))
    return None, format_at(point)


def _check_reached(seq: int | None, head: int) -> None:
    if seq is not None and seq > head:
        raise RefusedError(
            Refused("as_of_in_future", f"event {seq} does not exist; the last is {head}")
        )


COMMANDS = {"head": head, "events": events, "verify": verify, "replay": replay}


@asynccontextmanager
async def journal_of(settings: Settings) -> AsyncIterator[Journal]:
    """The bucket's journal. Raises RefusedError `lake_not_found`; creates nothing."""
    async with bucket_of(settings, os.environ) as (bucket, _):
        yield await _found(settings, bucket)


async def _found(settings: Settings, bucket: Bucket) -> Journal:
    journal = await find_journal(bucket, SystemClock(), random.SystemRandom())
    if journal is None:
        raise RefusedError(Refused("lake_not_found", f"{settings.bucket}: it holds no lake"))
    return journal


def _check_hash(found: Head, sha256: str) -> None:
    if found.sha256 != sha256:
        detail = "its hash differs from the expected head"
        raise JournalCorrupt(found.position, detail, sha256, found.sha256)


async def _repair(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.to is not None or arguments.diff:
        raise RefusedError(Refused("usage", "--repair cannot be combined with --to or --diff"))
    async with bucket_of(settings, os.environ) as (bucket, s3):
        journal = await _found(settings, bucket)
        with progress.counting("slots read") as reached:
            done = await repair(journal, partial(remove, bucket.url, s3), reached)
    printing.body(done, as_json=arguments.json)
    return OK


async def _differences(journal: Journal) -> list[CacheDifference]:
    with progress.counting("slots compared") as reached:
        return [each async for each in differences(journal, reached)]


async def _object_faults(settings: Settings, journal: Journal) -> list[ObjectFault]:
    with progress.counting("slots replayed") as reached:
        state = await replayed(journal, reached=reached)
    async with stores_of(settings, os.environ, journal) as over:
        opened = over(state).opened
        with progress.counting("objects read", len(state.inventory.blobs)) as reached:
            faults = object_faults(journal.bucket, state, reached, opened)
            return [fault async for fault in faults]


def _rows(found: list[ObjectFault] | list[CacheDifference]) -> tuple[dict[str, Json], ...]:
    return tuple(msgspec.to_builtins(each) for each in found)
