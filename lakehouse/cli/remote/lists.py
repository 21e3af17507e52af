"""The journal's head, events and audit entries of a server, the lists page by page as JSON lines."""

import argparse
import asyncio
import os
import sys
from typing import Any

import msgspec

from lakehouse.api.history.journal import JournalHead
from lakehouse.cli.output import printing
from lakehouse.cli.remote.connection import connected, refused
from lakehouse.client.error import Error
from lakehouse.client.lake import Lake
from lakehouse.client.request import get
from lakehouse.config import Settings

OK = 0
PAGE = 1_000


class _Page(msgspec.Struct):
    """A page of any of these lists, its rows as they came."""

    next: str | int | None
    events: list[msgspec.Raw] = []
    entries: list[msgspec.Raw] = []


async def head(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal head`: the last event that the server has read."""
    with connected(settings, os.environ) as lake:
        found: JournalHead = await _asked(lake, "/v1/journal/head", JournalHead)
    printing.body(found, as_json=arguments.json)
    return OK


async def events(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse journal events`; with --follow also later events."""
    query = {"type": arguments.type, "dataset": arguments.dataset}
    left, after = arguments.limit, arguments.after
    with connected(settings, os.environ) as lake:
        while True:
            left, after = await _pages(lake, "/v1/journal/events", query, left, after)
            if not arguments.follow or left == 0:
                return OK
            sys.stdout.flush()
            await asyncio.sleep(settings.poll_interval_s)


async def entries(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse audit entries`."""
    query = {"format": arguments.format}
    with connected(settings, os.environ) as lake:
        await _pages(lake, "/v1/audit/entries", query, arguments.limit, arguments.after)
    return OK


COMMANDS = {"head": head, "events": events, "entries": entries}


async def _pages(
    lake: Lake, path: str, query: dict[str, Any], left: int | None, after: Any
) -> tuple[int | None, Any]:
    """Print up to `left` rows after `after`. What is left, and the row after which to go on."""
    while left != 0:
        limit = PAGE if left is None else min(PAGE, left)
        page = await _asked(lake, path, _Page, **query, limit=limit, after=after)
        rows = page.events or page.entries
        for row in rows:
            printing.document(row)
        left = left - len(rows) if left is not None else None
        if rows and "seq" in (last := msgspec.json.decode(rows[-1])):
            after = last["seq"]
        if page.next is None:
            break
        after = page.next
    return left, after


async def _asked(lake: Lake, path: str, kind: type[Any], **query: Any) -> Any:
    try:
        return await asyncio.to_thread(lake.http.json, get(path, **query), kind)
    except Error as error:
        raise refused(error) from error
