"""`lakehouse transaction` and `rename`: several changes as one, and names."""

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec

from lakehouse.api.catalog.change_sets import ChangeResult, RenameRequest, TransactionRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.catalog.change_sets import of_malformed

STDIN = "-"


async def transaction(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse transaction FILE.json|-`."""
    body = await asyncio.to_thread(_read, arguments.changes)
    request = _request(arguments.changes, body)
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "transaction")
        found = await service.change_sets.transaction(caller, request, body)
    if arguments.json:
        printing.document(found.body)
        return 0
    for result in found.body.results:
        printing.line(_words(result))
    printing.line(f"{counted(len(found.body.results), 'change')}, event {found.seq}")
    return 0


async def rename(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse rename NAME TO`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "rename")
        request = RenameRequest(arguments.name, arguments.to)
        found = await service.change_sets.rename(caller, request)
    text = f"{found.body.name}: renamed to {found.body.to}, event {found.seq}"
    printing.answer(found.body, text, as_json=arguments.json)
    return 0


COMMANDS = {"transaction": transaction, "rename": rename}


def _read(name: str) -> bytes:
    """The file's bytes. Blocks. Raises RefusedError `missing_file`."""
    try:
        return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise RefusedError(Refused("missing_file", f"{name}: {error.strerror}")) from error


def _request(name: str, body: bytes) -> TransactionRequest:
    try:
        return msgspec.json.decode(body, type=TransactionRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refused = Refused("invalid_request", f"{name}: {error}")
        raise RefusedError(of_malformed(refused)) from error


def _words(result: ChangeResult) -> str:
    to = f" to {result.to}" if result.op == "rename" else f" with {result.to}" if result.to else ""
    return f"{result.op} {result.name}{to}"
