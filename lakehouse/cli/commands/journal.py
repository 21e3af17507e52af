"""`lakehouse journal …`: the tools that trust nothing but the slots."""

import argparse
import asyncio
import os
import random
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import msgspec

from journal.bucket.removal import remove
from journal.clock import SystemClock
from journal.events import Event
from journal.log import Journal, find_journal
from journal.slot import Head, JournalCorrupt, Slot, format_at
from journal.verify import verify as verify_slots
from lakehouse.admin.inspection import (
    CacheDifference,
    ObjectFault,
    differences,
    object_faults,
    replayed,
    without,
)
from lakehouse.admin.repair import Repaired, repair
from lakehouse.api import receipts
from lakehouse.cli import printing, progress
from lakehouse.cli.differences import tell_differences
from lakehouse.config import Settings
from lakehouse.domain.diff import diff
from lakehouse.domain.errors import Body, Json, Refused, RefusedError
from lakehouse.service.snapshot import point_in_time
from lakehouse.wiring import bucket_of
from projections import history
from projections.codec import state_root
from projections.fold import counts
from projections.follower import Follower

OK = 0
NOTHING: Body = {"seq": 0, "slot": 0, "sha256": None, "at": None}


async def head(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal head`: reads to the journal's end."""
    async with journal_of(settings) as journal:
        state = await Follower(journal).open() if journal else None
    tell(arguments, _head(state.head) if state else NOTHING)
    return OK


async def events(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal events`: one JSON object a line; with --follow what comes, too."""
    left, position = arguments.limit, 0
    while True:
        async with journal_of(settings) as journal:
            while journal is not None:
                async for slot in journal.slots(position + 1):
                    for event in _wanted(slot, arguments):
                        if left == 0:
                            return OK
                        printing.document(receipts.event(slot.header, event))
                        left = left - 1 if left is not None else None
                    position = slot.header.position
                if not arguments.follow or left == 0:
                    return OK
                sys.stdout.flush()
                await asyncio.sleep(settings.poll_interval_s)
        if not arguments.follow:
            return OK
        # There is no journal yet: somebody may begin one.
        await asyncio.sleep(settings.poll_interval_s)


def _wanted(slot: Slot, arguments: argparse.Namespace) -> Iterator[Event]:
    """Which of a slot's events pass the filters."""
    entity = history.dataset_entity(arguments.dataset) if arguments.dataset else None
    for event in slot.events:
        if event.seq <= arguments.after or arguments.type not in (None, event.type):
            continue
        if entity is None or any(each.entity == entity for each in event.about):
            yield event


async def verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal verify`: names the first bad slot, and ends with 4 if there is one."""
    found = NOTHING
    expected = noted(arguments.expect) if arguments.expect is not None else None
    async with journal_of(settings) as journal:
        if journal is not None:
            with progress.counting("slots verified") as reached:
                async for good in verify_slots(journal):
                    found = _head(good)
                    reached(good.position)
                    if expected is not None and good.seq == expected[0]:
                        _compare(good, expected[1])
                        expected = None
        if expected is not None:
            raise JournalCorrupt(0, f"no slot ends with event {expected[0]}, which was noted")
        faults = await _object_faults(journal) if arguments.objects and journal else []
    if faults:
        detail = f"{len(faults)} objects are not what the journal says"
        raise RefusedError(Refused("object_lost", detail, _rows(faults)))
    tell(arguments, found | {"verified": True})
    return OK


async def replay(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal replay`: the state that the facts give, past every cache."""
    seq, at = _until(arguments.to)
    if arguments.without is not None:
        return await _what_if(arguments, settings, seq, at)
    if arguments.repair:
        return await _repair(arguments, settings)
    async with journal_of(settings) as journal:
        with progress.counting("slots replayed") as reached:
            state = await replayed(journal, seq, at, reached) if journal else None
        _expect_reached(seq, state.head.seq if state else 0)
        found = await _differences(journal) if arguments.diff and journal else []
    if found:
        detail = f"{len(found)} caches say something else than the slots"
        raise RefusedError(Refused("cache_differs", detail, _rows(found)))
    if state is None:
        tell(arguments, NOTHING)
    else:
        tell(arguments, _head(state.head) | counts(state) | {"state_root": state_root(state)})
    return OK


async def _what_if(
    arguments: argparse.Namespace, settings: Settings, seq: int | None, at: str | None
) -> int:
    """The catalog as it would be without some events, against the one that is. Writes nothing."""
    async with journal_of(settings) as journal:
        if journal is None:
            raise RefusedError(Refused("event_not_found", "there is no journal"))
        sides = await without(journal, arguments.without, seq, at)
        _expect_reached(seq, sides.was.head.seq)
    beyond = [each for each in arguments.without if not 0 < each <= sides.was.head.seq]
    if beyond:
        raise RefusedError(Refused("event_not_found", f"there is no event {min(beyond)}"))
    differs: list[Json] = [*diff(sides.was, sides.now)]
    refused: list[Json] = [msgspec.to_builtins(each) for each in sides.left]
    body: Body = {"seq": sides.was.head.seq, "datasets": differs, "refused": refused}
    if arguments.json:
        printing.document(body)
        return OK
    for row in sides.left:
        printing.line(
            f"event {row.seq}, {row.type}, would have been refused: {row.code}: {row.why}"
        )
    tell_differences(differs)
    return OK


def _until(to: str | None) -> tuple[int | None, str | None]:
    """What `--to` means: an event's number, or a time. Raises RefusedError `as_of_in_future`."""
    point = point_in_time(to) if to is not None else None
    if not isinstance(point, datetime):
        return point, None
    if point > SystemClock().now():
        raise RefusedError(Refused("as_of_in_future", f"{to} has not come yet"))
    return None, format_at(point)


def _expect_reached(seq: int | None, head: int) -> None:
    if seq is not None and seq > head:
        raise RefusedError(Refused("as_of_in_future", f"event {seq} lies beyond the head, {head}"))


COMMANDS = {"head": head, "events": events, "verify": verify, "replay": replay}


@asynccontextmanager
async def journal_of(settings: Settings) -> AsyncIterator[Journal | None]:
    """The bucket's journal, None where there is none: looking must not begin one."""
    async with bucket_of(settings, os.environ, begin=False) as (bucket, _):
        yield await find_journal(bucket, SystemClock(), random.SystemRandom())


def _head(found: Head) -> Body:
    if found.position == 0:
        return NOTHING
    return {"seq": found.seq, "slot": found.position, "sha256": found.sha256, "at": found.at}


def tell(arguments: argparse.Namespace, body: Body) -> None:
    if arguments.json:
        printing.document(body)
        return
    for name, value in body.items():
        printing.line(f"{name}: {'' if value is None else value}")


def noted(text: str) -> tuple[int, str]:
    """A head that was noted elsewhere, SEQ:SHA256."""
    match = re.fullmatch(r"([0-9]{1,16}):([0-9a-f]{64})", text)
    if match is None:
        raise RefusedError(Refused("usage", f"{text!r} is not SEQ:SHA256, as `journal head` tells"))
    return int(match[1]), match[2]


def _compare(found: Head, sha256: str) -> None:
    if found.sha256 != sha256:
        raise JournalCorrupt(found.position, "it is not what was noted", sha256, found.sha256)


async def _repair(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.to is not None or arguments.diff:
        raise RefusedError(Refused("usage", "--repair stands alone: it compares and makes anew"))
    done = Repaired(0, 0, 0)
    async with bucket_of(settings, os.environ, begin=False) as (bucket, s3):
        journal = await find_journal(bucket, SystemClock(), random.SystemRandom())
        if journal is not None:
            with progress.counting("slots read") as reached:
                done = await repair(journal, partial(remove, bucket.url, s3), reached)
    tell(arguments, msgspec.to_builtins(done))
    return OK


async def _differences(journal: Journal) -> list[CacheDifference]:
    with progress.counting("slots compared") as reached:
        return [each async for each in differences(journal, reached)]


async def _object_faults(journal: Journal) -> list[ObjectFault]:
    with progress.counting("slots replayed") as reached:
        state = await replayed(journal, reached=reached)
    with progress.counting("objects read", len(state.inventory.blobs)) as reached:
        return [fault async for fault in object_faults(journal.bucket, state, reached)]


def _rows(found: list[ObjectFault] | list[CacheDifference]) -> tuple[Body, ...]:
    return tuple(msgspec.to_builtins(each) for each in found)
