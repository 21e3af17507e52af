"""`lakehouse journal …`: the tools that trust nothing but the slots."""

import argparse
import os
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from journal.clock import SystemClock
from journal.log import Journal, find_journal
from journal.packs import SLOTS_A_PACK
from journal.slot import Head, JournalCorrupt, format_at
from journal.verify import verify as verify_slots
from lakehouse import receipts
from lakehouse.cli import printing
from lakehouse.config import Settings
from lakehouse.errors import Json, Refused, RefusedError
from lakehouse.inspection import Difference, Fault, differences, object_faults, replayed
from lakehouse.receipts import Body
from lakehouse.service.reading import point_in_time
from lakehouse.wiring import bucket_of
from projections import history
from projections.checkpointing import has_pack, keep_pack, keep_state
from projections.codec import state_root
from projections.fold import counts
from projections.follower import Follower

OK = 0
NOTHING: Body = {"seq": 0, "slot": 0, "sha256": None, "at": None}


async def head(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal head`: reads to the journal's end."""
    async with _journal(settings) as journal:
        state = await Follower(journal).open() if journal else None
    _told(arguments, _head(state.head) if state else NOTHING)
    return OK


async def events(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal events`: one JSON object a line."""
    left = arguments.limit
    entity = history.dataset_entity(arguments.dataset) if arguments.dataset else None
    async with _journal(settings) as journal:
        if journal is None:
            return OK
        async for slot in journal.slots(1):
            for number, event in enumerate(slot.events):
                about = entity is None or any(each.entity == entity for each in event.about)
                if event.seq <= arguments.after or arguments.type not in (None, event.type):
                    continue
                if not about:
                    continue
                if left == 0:
                    return OK
                printing.document(receipts.event(slot, number))
                left = left - 1 if left is not None else None
    return OK


async def verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal verify`: names the first bad slot, and ends with 4 if there is one."""
    found, expected = NOTHING, _expected(arguments.expect)
    async with _journal(settings) as journal:
        if journal is not None:
            async for good in verify_slots(journal):
                found = _head(good)
                if expected is not None and good.seq == expected[0]:
                    _compare(good, expected[1])
                    expected = None
        if expected is not None:
            raise JournalCorrupt(0, f"no slot ends with event {expected[0]}, which was noted")
        faults = await _object_faults(journal) if arguments.objects and journal else []
    if faults:
        told = f"{len(faults)} objects are not what the journal says"
        raise RefusedError(Refused("object_lost", told, _rows(faults)))
    _told(arguments, found | {"verified": True})
    return OK


async def replay(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal replay`: the state that the facts give, past every cache."""
    point = point_in_time(arguments.to) if arguments.to is not None else None
    seq = point if isinstance(point, int) else None
    at = format_at(point) if isinstance(point, datetime) else None
    async with _journal(settings) as journal:
        state = await replayed(journal, seq, at) if journal else None
        found = [each async for each in differences(journal)] if arguments.diff and journal else []
    if found:
        told = f"{len(found)} checkpoints say something else than the slots"
        raise RefusedError(Refused("cache_differs", told, _rows(found)))
    if state is None:
        _told(arguments, NOTHING)
    else:
        _told(arguments, _head(state.head) | counts(state) | {"state_root": state_root(state)})
    return OK


async def checkpoint(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal checkpoint`: keeps the state at the head, so that opening is quick."""
    async with _journal(settings) as journal:
        state = await Follower(journal).open() if journal else None
        kept = journal is not None and state is not None and state.head.position > 0
        key = await keep_state(journal, state, None) if kept and journal and state else None
    _told(arguments, {"checkpoint": key})
    return OK


async def pack(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal pack`: makes the packs that are full and not there."""
    made: list[Json] = []
    async with _journal(settings) as journal:
        last = (await Follower(journal).open()).head.position if journal else 0
        for first in range(1, last - SLOTS_A_PACK + 2, SLOTS_A_PACK):
            if journal is not None and not await has_pack(journal, first):
                made.append(await keep_pack(journal, first, None))
    _told(arguments, {"packs": made})
    return OK


COMMANDS = {
    "head": head,
    "events": events,
    "verify": verify,
    "replay": replay,
    "checkpoint": checkpoint,
    "pack": pack,
}


@asynccontextmanager
async def _journal(settings: Settings) -> AsyncIterator[Journal | None]:
    """The bucket's journal, None where there is none: looking must not begin one."""
    async with bucket_of(settings, os.environ, begin=False) as (bucket, _):
        yield await find_journal(bucket, SystemClock(), random.SystemRandom())


def _head(found: Head) -> Body:
    if found.position == 0:
        return NOTHING
    return {"seq": found.seq, "slot": found.position, "sha256": found.sha256, "at": found.at}


def _told(arguments: argparse.Namespace, body: Body) -> None:
    if arguments.json:
        printing.document(body)
        return
    for name, value in body.items():
        printing.line(f"{name}: {'' if value is None else value}")


def _expected(text: str | None) -> tuple[int, str] | None:
    """A head noted elsewhere, SEQ:SHA256."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,16}):([0-9a-f]{64})", text)
    if match is None:
        raise RefusedError(Refused("usage", "--expect is SEQ:SHA256, as `journal head` tells them"))
    return int(match[1]), match[2]


def _compare(found: Head, sha256: str) -> None:
    if found.sha256 != sha256:
        raise JournalCorrupt(found.position, "it is not what was noted", sha256, found.sha256)


async def _object_faults(journal: Journal) -> list[Fault]:
    state = await replayed(journal)
    return [fault async for fault in object_faults(journal.bucket, state)]


def _rows(found: list[Fault] | list[Difference]) -> tuple[Body, ...]:
    return tuple(msgspec.to_builtins(each) for each in found)
