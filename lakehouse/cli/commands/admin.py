"""`lakehouse journal …` commands that write: caches, a copy of the lake, and an operator's two events."""

import argparse
import os

import msgspec

from journal.packs import SLOTS_A_PACK
from lakehouse.admin.export import Progress
from lakehouse.admin.export import export as export_lake
from lakehouse.api.administration import CheckpointMade, PacksMade
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.commands.history.journal import OK, journal_of
from lakehouse.cli.output import printing
from lakehouse.cli.output.progress import counting
from lakehouse.config import Settings
from lakehouse.no_lake import NoLake
from lakehouse.wiring import bucket_of, stores_of
from projections.states.checkpointing import has_pack, store_pack, store_state
from projections.states.follower import Follower


async def checkpoint(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal checkpoint`: stores the current state."""
    async with journal_of(settings) as journal:
        state = await Follower(journal).open()
        key = await store_state(journal, state, None) if state.head.position > 0 else None
    printing.body(CheckpointMade(key), as_json=arguments.json)
    return OK


async def pack(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal pack`: stores the full packs that are missing."""
    written: list[str] = []
    async with journal_of(settings) as journal:
        last = (await Follower(journal).open()).head.position
        with counting("slots packed", last) as progress:
            for first in range(1, last - SLOTS_A_PACK + 2, SLOTS_A_PACK):
                if not await has_pack(journal, first):
                    written.append(await store_pack(journal, first, None))
                progress(first + SLOTS_A_PACK - 1)
    printing.body(PacksMade(written), as_json=arguments.json)
    return OK


async def export(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal export URL`: copies the lake; resumes an interrupted copy."""
    done = Progress(0, 0, 0)
    elsewhere = msgspec.structs.replace(settings, bucket=arguments.target)
    async with (
        journal_of(settings) as journal,
        bucket_of(elsewhere, os.environ, no_lake=NoLake.CREATE) as (target, _),
        stores_of(settings, os.environ, journal) as over,
    ):
        with counting("objects and slots copied or compared") as progress:
            async for done in export_lake(journal, target, over):
                progress(done.objects + done.slots)
    printing.body(done, as_json=arguments.json)
    return OK


async def adopt(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal adopt`: records that this lake continues from a restored copy."""
    seq, sha256 = arguments.previous
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, arguments.subcommand)
        found = await service.administration.adopt(caller, seq, sha256, arguments.note)
    printing.body(found.body, as_json=arguments.json)
    return OK


async def raise_format(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal raise-format`: to be run once every process has been upgraded."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, arguments.subcommand)
        found = await service.administration.raise_format(caller, arguments.slot)
    printing.body(found.body, as_json=arguments.json)
    return OK


COMMANDS = {
    "checkpoint": checkpoint,
    "pack": pack,
    "export": export,
    "adopt": adopt,
    "raise-format": raise_format,
}
