"""`lakehouse access …`: principals, tokens and grants."""

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from lakehouse.api.access import (
    IssuedToken,
    IssueTokenRequest,
    Limits,
    Me,
    PutGrantRequest,
    PutPrincipalRequest,
)
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.cli.parsing.access import LIMITS
from lakehouse.config import Settings
from lakehouse.service.caller import Caller

if TYPE_CHECKING:
    from lakehouse.service.access.use_case import Access
from lakehouse.no_lake import NoLake


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse access …`."""
    action = getattr(arguments, "action", None)
    words = " ".join(filter(None, (arguments.subcommand, action)))
    no_lake = NoLake.CREATE if arguments.subcommand == "init" else NoLake.REFUSE
    async with service_for(settings, no_lake=no_lake) as service:
        caller = caller_of(service, arguments, f"access {words}")
        await _COMMANDS[words](service.access, caller, arguments)
    return 0


async def _init(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.init(caller, arguments.admin, recover=arguments.recover)
    _print_token(arguments, found.body)


async def _put_principal(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    limits = Limits(**{name: getattr(arguments, name) for name in LIMITS})
    request = PutPrincipalRequest(
        arguments.kind, arguments.admin, arguments.profile, arguments.disabled, limits
    )
    found = await access.put_principal(caller, arguments.name, request)
    printing.answer(
        found.body, f"{found.body.name}: put, event {found.seq}", as_json=arguments.json
    )


async def _show_principal(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.show_principal(caller, arguments.name)
    printing.answer(found.body, msgspec.json.encode(found.body).decode(), as_json=arguments.json)


async def _list_principals(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.list_principals(caller)
    _print_rows(
        arguments, found.body, ("name", "kind", "admin", "profile", "disabled"),
        found.body.principals,
    )  # fmt: skip


async def _drop_principal(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.drop_principal(caller, arguments.name)
    printing.answer(
        found.body, f"{found.body.name}: dropped, event {found.seq}", as_json=arguments.json
    )


async def _issue_token(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    request = IssueTokenRequest(arguments.principal, arguments.expires_in, arguments.note)
    found = await access.tokens.issue(caller, request)
    _print_token(arguments, found.body)


async def _list_tokens(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.tokens.list(caller)
    columns = ("id", "principal", "expires_at", "expired", "note", "issued_at")
    _print_rows(arguments, found.body, columns, found.body.tokens)


async def _revoke_token(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.tokens.revoke(caller, arguments.id)
    printing.answer(
        found.body, f"{found.body.id}: revoked, event {found.seq}", as_json=arguments.json
    )


async def _put_grant(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    request = PutGrantRequest(arguments.principal, arguments.on, arguments.can)
    found = await access.put_grant(caller, request)
    can = ", ".join(found.body.can)
    printing.answer(
        found.body, f"{found.body.principal} may {can} {found.body.on}", as_json=arguments.json
    )


async def _list_grants(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.list_grants(caller, arguments.principal)
    _print_rows(arguments, found.body, ("principal", "on", "can"), found.body.grants)


async def _drop_grant(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.drop_grant(caller, arguments.principal, arguments.on)
    text = f"{found.body.principal}: no rights on {found.body.on}, event {found.seq}"
    printing.answer(found.body, text, as_json=arguments.json)


async def _me(access: "Access", caller: Caller, arguments: argparse.Namespace) -> None:
    found = await access.me(caller)
    printing.answer(found.body, _who(found.body), as_json=arguments.json)


_COMMANDS = {
    "init": _init,
    "principals put": _put_principal,
    "principals show": _show_principal,
    "principals list": _list_principals,
    "principals drop": _drop_principal,
    "tokens issue": _issue_token,
    "tokens list": _list_tokens,
    "tokens revoke": _revoke_token,
    "grants put": _put_grant,
    "grants list": _list_grants,
    "grants drop": _drop_grant,
    "me": _me,
}
COMMANDS = {"access": run}


def _who(me: Me) -> str:
    if me.principal is None:
        return f"no principal: {'it may do everything' if me.admin else 'it may do nothing'}"
    rights = ", ".join(f"{'+'.join(each.can)} {each.on}" for each in me.grants)
    return f"{me.principal}, {me.kind}: " + ("admin" if me.admin else rights or "no rights")


def _print_token(arguments: argparse.Namespace, issued: IssuedToken) -> None:
    """The token alone on its line, so that a script can take it."""
    text = issued.token or f"{issued.id}: issued before under this idempotency key"
    printing.answer(issued, text, as_json=arguments.json)


def _print_rows(
    arguments: argparse.Namespace,
    body: msgspec.Struct,
    columns: Sequence[str],
    rows: Iterable[msgspec.Struct],
) -> None:
    if arguments.json:
        printing.document(body)
        return
    cells = [[_cell(getattr(row, name)) for name in columns] for row in rows]
    print_table(tuple(columns), cells, pager=not arguments.no_pager)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(value) if isinstance(value, list) else str(value or "")
