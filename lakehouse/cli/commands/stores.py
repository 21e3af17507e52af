"""`lakehouse store …`: stores, and copying and moving objects between them."""

import argparse
from typing import TYPE_CHECKING

import msgspec

from lakehouse.api.stores import CopyReport, CopyRequest, PutStoreRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller

if TYPE_CHECKING:
    from lakehouse.service.service import Service


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse store …`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, f"store {arguments.subcommand}")
        await _COMMANDS[arguments.subcommand](service, caller, arguments)
    return 0


async def _put(service: "Service", caller: Caller, arguments: argparse.Namespace) -> None:
    request = PutStoreRequest(arguments.store_url, arguments.credentials)
    found = await service.stores.put(caller, arguments.id, request)
    printing.answer(found.body, f"{found.body.id}: put, event {found.seq}", as_json=arguments.json)


async def _show(service: "Service", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await service.stores.show(caller, arguments.id)
    printing.answer(found.body, msgspec.json.encode(found.body).decode(), as_json=arguments.json)


async def _list(service: "Service", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await service.stores.list_all(caller)
    if arguments.json:
        printing.document(found.body)
        return
    columns = ("id", "url", "credentials", "copies", "size_bytes", "released")
    cells = [
        ["" if (value := getattr(each, name)) is None else str(value) for name in columns]
        for each in found.body.stores
    ]
    print_table(columns, cells, pager=not arguments.no_pager)


async def _drop(service: "Service", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await service.stores.drop(caller, arguments.id)
    text = f"{found.body.id}: dropped, event {found.seq}"
    printing.answer(found.body, text, as_json=arguments.json)


async def _doctor(service: "Service", caller: Caller, arguments: argparse.Namespace) -> None:
    found = (await service.stores.doctor(caller, arguments.id)).body
    if arguments.json:
        printing.document(found)
    for each in () if arguments.json else found.promises:
        printing.line(f"{each.promise}: {each.verdict}: {each.why}")
    if not found.fit:
        broken = [each.promise for each in found.promises if each.verdict != "holds"]
        raise RefusedError(Refused("store_unfit", f"{found.id} does not keep: {', '.join(broken)}"))


async def _copy(service: "Service", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await service.copying.copy(caller, _request(arguments))
    printing.answer(found.body, _copied(found.body), as_json=arguments.json)


async def _move(service: "Service", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await service.copying.move(caller, _request(arguments))
    text = f"{_copied(found.body)}; {counted(found.body.released, 'copy', 'copies')} left to gc"
    printing.answer(found.body, text, as_json=arguments.json)


def _request(arguments: argparse.Namespace) -> CopyRequest:
    return CopyRequest(arguments.from_store, arguments.to_store, arguments.on)


def _copied(done: CopyReport) -> str:
    copied = counted(done.copied, "object")
    return f"{copied} of {done.objects:,} copied to {done.to}, {done.copied_bytes:,} bytes"


_COMMANDS = {
    "put": _put,
    "show": _show,
    "list": _list,
    "drop": _drop,
    "doctor": _doctor,
    "copy": _copy,
    "move": _move,
}
COMMANDS = {"store": run}
