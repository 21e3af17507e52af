"""`lakehouse journal …`: the tools that trust nothing but the slots."""

import argparse
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from journal.clock import SystemClock
from journal.log import Journal, find_journal
from journal.slot import Head
from journal.verify import verify as verify_slots
from lakehouse import receipts
from lakehouse.cli import printing
from lakehouse.config import Settings
from lakehouse.receipts import Body
from lakehouse.wiring import bucket_of
from projections import history
from projections.codec import state_root
from projections.fold import counts
from projections.follower import Follower

NOTHING: Body = {"seq": 0, "slot": 0, "sha256": None, "at": None}


async def head(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal head`: reads to the journal's end."""
    async with _journal(settings) as journal:
        state = await Follower(journal).catch_up() if journal else None
    _told(arguments, _head(state.head) if state else NOTHING)
    return 0


async def events(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal events`: one JSON object a line."""
    left = arguments.limit
    entity = history.dataset_entity(arguments.dataset) if arguments.dataset else None
    async with _journal(settings) as journal:
        if journal is None:
            return 0
        async for slot in journal.slots(1):
            for number, event in enumerate(slot.events):
                about = entity is None or any(each.entity == entity for each in event.about)
                if event.seq <= arguments.after or arguments.type not in (None, event.type):
                    continue
                if not about:
                    continue
                if left == 0:
                    return 0
                printing.document(receipts.event(slot, number))
                left = left - 1 if left is not None else None
    return 0


async def verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal verify`: names the first bad slot, and ends with 4 if there is one."""
    async with _journal(settings) as journal:
        found = NOTHING
        if journal is not None:
            async for good in verify_slots(journal):
                found = _head(good)
    _told(arguments, found | {"verified": True})
    return 0


async def replay(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal replay`: the state that the facts give, past every cache."""
    async with _journal(settings) as journal:
        state = await Follower(journal).catch_up() if journal else None
    if state is None:
        _told(arguments, NOTHING)
    else:
        _told(arguments, _head(state.head) | counts(state) | {"state_root": state_root(state)})
    return 0


COMMANDS = {"head": head, "events": events, "verify": verify, "replay": replay}


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
