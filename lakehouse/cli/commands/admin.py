"""`lakehouse journal …` that makes something: caches, a copy, and the two events of an operator."""

import argparse
import os

import msgspec

from journal.packs import SLOTS_A_PACK
from lakehouse.admin.export import export as export_lake
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.commands.journal import OK, journal_of, noted, tell
from lakehouse.cli.progress import counting
from lakehouse.config import Settings
from lakehouse.domain.commands import AdoptLake, RaiseFormat
from lakehouse.domain.errors import Body, Json, Refused, RefusedError
from lakehouse.service.changes import NOTHING_SHA256, settle
from lakehouse.wiring import bucket_of
from projections.checkpointing import has_pack, keep_pack, keep_state
from projections.follower import Follower


async def checkpoint(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal checkpoint`: keeps the state at the head, so that opening is quick."""
    async with journal_of(settings) as journal:
        state = await Follower(journal).open() if journal else None
        kept = journal is not None and state is not None and state.head.position > 0
        key = await keep_state(journal, state, None) if kept and journal and state else None
    tell(arguments, {"checkpoint": key})
    return OK


async def pack(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal pack`: makes the packs that are full and not there."""
    made: list[Json] = []
    async with journal_of(settings) as journal:
        last = (await Follower(journal).open()).head.position if journal else 0
        with counting("slots in packs", last) as reached:
            for first in range(1, last - SLOTS_A_PACK + 2, SLOTS_A_PACK):
                if journal is not None and not await has_pack(journal, first):
                    made.append(await keep_pack(journal, first, None))
                reached(first + SLOTS_A_PACK - 1)
    tell(arguments, {"packs": made})
    return OK


async def export(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal export URL`: copies the lake; run again, it goes on where it was."""
    done: Body = {"objects": 0, "slots": 0, "copied": 0}
    elsewhere = msgspec.structs.replace(settings, bucket=arguments.target)
    async with journal_of(settings) as journal, bucket_of(elsewhere, os.environ) as (target, _):
        if journal is not None:
            with counting("objects and slots compared or copied") as reached:
                async for copied in export_lake(journal, target):
                    done = msgspec.to_builtins(copied)
                    reached(copied.objects + copied.slots)
    tell(arguments, done)
    return OK


async def adopt(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal adopt`: records that the lake goes on from a restored copy."""
    seq, sha256 = noted(arguments.previous)
    return await _change(arguments, settings, AdoptLake(seq, sha256, arguments.note))


async def raise_format(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal raise-format`: once every process has been upgraded."""
    return await _change(arguments, settings, RaiseFormat(arguments.slot))


COMMANDS = {
    "checkpoint": checkpoint,
    "pack": pack,
    "export": export,
    "adopt": adopt,
    "raise-format": raise_format,
}


async def _change(
    arguments: argparse.Namespace, settings: Settings, command: AdoptLake | RaiseFormat
) -> int:
    async with journal_of(settings) as journal:
        if journal is None:
            raise RefusedError(Refused("event_not_found", "there is no journal"))
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, arguments.subcommand)
        settled = await settle(service.node, command, caller, NOTHING_SHA256)
    tell(arguments, {"seq": settled.seq, "recorded": settled.event is not None})
    return OK
