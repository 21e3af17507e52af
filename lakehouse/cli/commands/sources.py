"""`lakehouse source put`, `show`, `list`, `drop` and `run`: what is watched."""

import argparse
from typing import TypeVar

import msgspec

from lakehouse.api.sources import PutSourceRequest, RunSourceRequest, Source, SourceRun
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError


async def put(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse source put NAME URI`."""
    request = _request(arguments)
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "source put")
        found = await service.sources.put(caller, arguments.name, request)
    text = f"{found.body.name}: put, event {found.seq}"
    printing.answer(found.body, text, as_json=arguments.json)
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse source show NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "source show")
        found = await service.sources.show(caller, arguments.name)
    printing.answer(found.body, _described(found.body), as_json=arguments.json)
    return 0


async def list_sources(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse source list`."""
    async with service_for(settings) as service:
        found = await service.sources.list(caller_of(service, arguments, "source list"))
    if arguments.json:
        printing.document(found.body)
        return 0
    names = ("name", "uri", "pattern", "dataset", "mode", "every", "files", "waiting", "set aside")
    cells = [
        [
            *(each.name, each.uri, each.pattern, each.dataset, each.mode, str(each.every)),
            *(str(each.files_received), str(each.status.waiting_count)),
            str(each.status.set_aside_count),
        ]
        for each in found.body.sources
    ]
    print_table(names, cells, pager=not arguments.no_pager)
    return 0


async def drop(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse source drop NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "source drop")
        found = await service.sources.drop(caller, arguments.name)
    text = f"{found.body.name}: dropped, event {found.seq}"
    printing.answer(found.body, text, as_json=arguments.json)
    return 0


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse source run NAME`; exit code 1 if a file is set aside."""
    request = _checked({"wait": arguments.wait}, RunSourceRequest)
    # A merge finds the rows to replace by a query.
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "source run")
        found = await service.sources.run(caller, arguments.name, request)
    printing.answer(found.body, _outcome(found.body), as_json=arguments.json)
    return 1 if found.body.status.set_aside_count else 0


async def source(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse source …`."""
    commands = {"put": put, "show": show, "list": list_sources, "drop": drop, "run": run}
    return await commands[arguments.subcommand](arguments, settings)


T = TypeVar("T")
COMMANDS = {"source": source}


def _request(arguments: argparse.Namespace) -> PutSourceRequest:
    options: dict[str, list[str]] = {}
    for each in arguments.options:
        name, equals, value = each.partition("=")
        if not equals:
            raise RefusedError(Refused("invalid_request", f"--option {each!r} is not NAME=VALUE"))
        options.setdefault(name, []).append(value)
    given = {
        "uri": arguments.uri,
        "dataset": arguments.dataset or arguments.name,
        "pattern": arguments.pattern,
        "mode": arguments.mode,
        "options": options,
        "every": arguments.every,
    }
    return _checked(given, PutSourceRequest)


def _checked(given: dict[str, object], kind: type[T]) -> T:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise RefusedError(Refused("invalid_request", str(error))) from error


def _described(found: Source) -> str:
    definition = f"{found.name}: {found.uri} {found.pattern}, {found.mode} into {found.dataset}"
    lines = [f"{definition}, every {found.every} s"]
    lines.append(f"{counted(found.files_received, 'file')} received, last {found.received_at}")
    status = found.status
    lines.append(f"{status.listed} listed {status.looked_at or ''}, {status.waiting_count} waiting")
    lines += [
        f"set aside: {each.file}: {each.code}: {each.detail} (next try {each.next_try_at})"
        for each in status.set_aside
    ]
    lines += [f"skipped: {each.file}: {each.detail}" for each in status.skipped]
    if status.error:
        lines.append(f"error: {status.error.code}: {status.error.detail}")
    return "\n".join(lines)


def _outcome(found: SourceRun) -> str:
    status = found.status
    lines = [f"{each.file}: event {each.seq}" for each in found.received]
    lines += [f"set aside: {each.file}: {each.code}: {each.detail}" for each in status.set_aside]
    lines += [f"waiting: {each}" for each in status.waiting]
    summary = f"{counted(found.received_count, 'file')} came in, {status.waiting_count} waiting"
    return "\n".join([*lines, f"{summary}, {status.set_aside_count} set aside"])
