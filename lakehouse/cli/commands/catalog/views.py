"""`lakehouse view put`, `show`, `list` and `drop`: the definitions of views."""

import argparse

import msgspec

from lakehouse.api.catalog.definitions import PutViewRequest, View, ViewQuery
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.errors import Refused, RefusedError


async def put(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse view put NAME SQL|--safe JSON`."""
    request = _request(arguments)
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "view put")
        found = await service.views.put(caller, arguments.name, request)
    printing.answer(
        found.body, f"{found.body.name}: put, event {found.seq}", as_json=arguments.json
    )
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse view show NAME`."""
    async with service_for(settings) as service:
        caller, query = caller_of(service, arguments, "view show"), ViewQuery(arguments.as_of)
        found = await service.views.show(caller, arguments.name, query)
    printing.answer(found.body, _definition(found.body), as_json=arguments.json)
    return 0


async def list_views(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse view list`."""
    async with service_for(settings) as service:
        caller, query = caller_of(service, arguments, "view list"), ViewQuery(arguments.as_of)
        found = await service.views.list(caller, query)
    if arguments.json:
        printing.document(found.body)
        return 0
    names = ("name", "reads", "definition", "updated_at")
    cells = [
        [each.name, ", ".join(each.reads), _definition(each), each.updated_at]
        for each in found.body.views
    ]
    print_table(names, cells, pager=not arguments.no_pager)
    return 0


async def drop(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse view drop NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "view drop")
        found = await service.views.drop(caller, arguments.name)
    printing.answer(
        found.body, f"{found.body.name}: dropped, event {found.seq}", as_json=arguments.json
    )
    return 0


async def view(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse view …`."""
    commands = {"put": put, "show": show, "list": list_views, "drop": drop}
    return await commands[arguments.subcommand](arguments, settings)


COMMANDS = {"view": view}


def _request(arguments: argparse.Namespace) -> PutViewRequest:
    if (arguments.sql is None) == (arguments.safe is None):
        raise RefusedError(Refused("usage", "a view has a statement or --safe"))
    if arguments.sql is not None:
        return PutViewRequest(sql=arguments.sql, comment=arguments.comment)
    try:
        safe = msgspec.json.decode(arguments.safe, type=PutViewRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(Refused("invalid_request", f"--safe: {error}")) from error
    return msgspec.structs.replace(safe, comment=arguments.comment or safe.comment)


def _definition(found: View) -> str:
    if found.safe is not None:
        return f"safe view: {msgspec.json.encode(found.safe).decode()}"
    return found.sql or ""
