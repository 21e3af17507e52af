"""`lakehouse derive` and `refresh`: datasets that are results of statements."""

import argparse
import json
from typing import Any

import msgspec

from lakehouse.api.catalog.derivation import (
    DeriveDryRun,
    DeriveReceipt,
    DeriveRequest,
    RefreshedAll,
    RefreshRequest,
)
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.commands.ingest import arguments_judged, print_staged
from lakehouse.cli.commands.sql import statement_of
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.ingest.plan import IngestPlan, check_plan, key_columns

QUERY_ID = "cli"


async def derive(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse derive NAME --sql STATEMENT|-f FILE`."""
    request = await _request(arguments)
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "derive")
        if request.dry_run:
            found = await service.derivations.dry_run(caller, request, QUERY_ID)
            return _print_dry_run(arguments, found.body)
        if request.stage:
            staged = await service.derivations.stage(caller, request, QUERY_ID)
            return print_staged(arguments, staged.body)
        payload = msgspec.json.encode(request)
        receipt = await service.derivations.derive(caller, request, QUERY_ID, payload)
    return _print_receipt(arguments, receipt.body)


async def refresh(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse refresh NAME|--all`."""
    if (arguments.name is None) != arguments.all:
        raise RefusedError(Refused("usage", "refresh one dataset by NAME, or --all"))
    if arguments.all and arguments.schema_change:
        raise RefusedError(Refused("usage", "--schema-change is for one dataset"))
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "refresh")
        if arguments.all:
            every = RefreshRequest(all=True)
            done = await service.derivations.refresh_all(caller, every, QUERY_ID)
            return _print_all(arguments, done.body)
        request = RefreshRequest(arguments.name, arguments.schema_change)
        receipt = await service.derivations.refresh(caller, request, QUERY_ID)
    return _print_receipt(arguments, receipt.body)


COMMANDS = {"derive": derive, "refresh": refresh}


async def _request(arguments: argparse.Namespace) -> DeriveRequest:
    with arguments_judged():
        key, change = key_columns(arguments.key or ()), arguments.schema_change
        check_plan(IngestPlan(arguments.name, arguments.mode, schema_change=change, key=key))
    return DeriveRequest(
        name=arguments.name,
        sql=await statement_of(arguments),
        params=_params(arguments.params),
        mode=arguments.mode,
        key=key,
        as_of=arguments.as_of,
        profile=arguments.profile,
        schema_change=change,
        dry_run=arguments.dry_run,
        stage=arguments.stage,
    )


def _params(text: str | None) -> list[Any] | dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=list[Any] | dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise RefusedError(Refused("usage", f"--params: {_fault(text) or error}")) from error


def _fault(text: str) -> str | None:
    """Where a text is not JSON, or None."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"not JSON: {error}"
    except RecursionError:
        return None
    return None


def _print_receipt(arguments: argparse.Namespace, body: DeriveReceipt) -> int:
    if arguments.json:
        printing.document(body)
        return 0
    detail = "unchanged" if body.reused else counted(body.rows_ingested, "row")
    printing.line(f"{body.name}: {detail}, {body.row_count} in total, event {body.seq}")
    return 0


def _print_dry_run(arguments: argparse.Namespace, body: DeriveDryRun) -> int:
    if arguments.json:
        printing.document(body)
        return 0
    printing.line(f"{body.name}: {body.outcome} at event {body.seq}; dry run, no change made")
    for name in ("rows_ingested", "schema", "refused"):
        value = getattr(body, name)
        if value is not None:
            printing.line(f"{name}: {msgspec.json.encode(value).decode()}")
    return 0


def _print_all(arguments: argparse.Namespace, body: RefreshedAll) -> int:
    """Print what became of each. Exit code 1 if one was refused."""
    if arguments.json:
        printing.document(body)
    else:
        names = ("name", "outcome", "seq", "row_count", "detail")
        cells = [[getattr(row, name) for name in names] for row in body.results]
        print_table(names, cells, pager=False)
    return int(any(row.outcome == "refused" for row in body.results))
