"""`lakehouse profile put`, `show`, `list` and `drop`: names that stand for other relations."""

import argparse

import msgspec

from lakehouse.api.catalog.definitions import Profile, PutProfileRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.errors import Refused, RefusedError


async def put(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse profile put NAME JSON`."""
    try:
        request = msgspec.json.decode(arguments.definition, type=PutProfileRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(Refused("invalid_request", f"the profile: {error}")) from error
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "profile put")
        found = await service.profiles.put(caller, arguments.name, request)
    printing.answer(
        found.body, f"{found.body.name}: put, event {found.seq}", as_json=arguments.json
    )
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse profile show NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "profile show")
        found = await service.profiles.show(caller, arguments.name)
    printing.answer(found.body, _definition(found.body), as_json=arguments.json)
    return 0


async def list_profiles(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse profile list`."""
    async with service_for(settings) as service:
        found = await service.profiles.list(caller_of(service, arguments, "profile list"))
    if arguments.json:
        printing.document(found.body)
        return 0
    cells = [[each.name, _definition(each), each.updated_at] for each in found.body.profiles]
    print_table(("name", "definition", "updated_at"), cells, pager=not arguments.no_pager)
    return 0


async def drop(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse profile drop NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "profile drop")
        found = await service.profiles.drop(caller, arguments.name)
    printing.answer(
        found.body, f"{found.body.name}: dropped, event {found.seq}", as_json=arguments.json
    )
    return 0


async def profile(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse profile …`."""
    commands = {"put": put, "show": show, "list": list_profiles, "drop": drop}
    return await commands[arguments.subcommand](arguments, settings)


COMMANDS = {"profile": profile}


def _definition(found: Profile) -> str:
    return msgspec.json.encode(PutProfileRequest(found.names, found.others)).decode()
