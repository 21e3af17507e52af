"""The arguments of `lakehouse access`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import (
    Commands,
    Parser,
    add_change,
    add_command,
    add_pager,
    number,
)

LIMITS = ("queries", "waiting", "ingests", "connections", "bytes_per_day")
"""The members of `limits` in PUT /v1/access/principals."""


def add_access(commands: "Commands[Parser]") -> None:
    """`access init`, `principals`, `tokens`, `grants` and `me`."""
    access = add_command(commands, "access", "Manage principals, tokens and grants")
    inner = access.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    init = add_command(
        inner, "init", "Make the first admin; from then on every request needs a token"
    )
    init.add_argument("--admin", required=True, metavar="NAME", help="name of the admin")
    init.add_argument(
        "--recover",
        action="store_true",
        help="issue one more admin token in a lake that has principals; revokes nothing",
    )
    add_change(init)
    _principals(inner)
    _tokens(inner)
    _grants(inner)
    add_command(inner, "me", "Show who runs the command and what it may do")


def _principals(commands: "Commands[Parser]") -> None:
    inner = _group(commands, "principals", "Make, show, list and drop principals")
    put = add_command(inner, "put", "Make or replace a principal")
    put.add_argument("name", metavar="NAME", help="name of the principal")
    put.add_argument(
        "--kind", choices=("user", "service"), default="user", help="a person or a program"
    )
    put.add_argument("--admin", action="store_true", help="may do everything")
    put.add_argument("--profile", metavar="NAME", help="the profile of all its reads")
    put.add_argument("--disabled", action="store_true", help="refuse its tokens")
    for limit in LIMITS:
        name = limit.replace("_", "-")
        put.add_argument(f"--{name}", type=number, metavar="N", help=f"at most N {_MEANING[limit]}")
    add_change(put)
    show = add_command(inner, "show", "Show a principal")
    show.add_argument("name", metavar="NAME", help="name of the principal")
    add_pager(add_command(inner, "list", "List the principals"))
    drop = add_command(inner, "drop", "Drop a principal with its tokens and grants")
    drop.add_argument("name", metavar="NAME", help="name of the principal")
    add_change(drop)


_MEANING = {
    "queries": "queries that run at once",
    "waiting": "queries that wait for a worker",
    "ingests": "files received at once",
    "connections": "requests answered at once",
    "bytes_per_day": "bytes received and sent by a process in 24 hours",
}


def _tokens(commands: "Commands[Parser]") -> None:
    inner = _group(commands, "tokens", "Issue, list and revoke tokens")
    issue = add_command(inner, "issue", "Issue a token; it is printed this once")
    issue.add_argument("principal", metavar="PRINCIPAL", help="whose token")
    issue.add_argument(
        "--expires-in", metavar="SPAN", help="how long it is valid: 30d, 12h (default: for ever)"
    )
    issue.add_argument("--note", metavar="TEXT", help="a note to show with the token")
    add_change(issue)
    add_pager(add_command(inner, "list", "List the tokens, without their secrets"))
    revoke = add_command(inner, "revoke", "Make a token invalid")
    revoke.add_argument("id", metavar="ID", help="id of the token")
    add_change(revoke)


def _grants(commands: "Commands[Parser]") -> None:
    inner = _group(commands, "grants", "Give, list and remove rights")
    put = add_command(inner, "put", "Give a principal exactly these rights on what PATTERN matches")
    put.add_argument("principal", metavar="PRINCIPAL", help="whose rights")
    put.add_argument(
        "on", metavar="PATTERN", help="a name, 'sales_*', '*', or 'storage:raw/*' for keys"
    )
    put.add_argument(
        "can", nargs="+", choices=("read", "write", "manage"), metavar="RIGHT",
        help="read, write, manage",
    )  # fmt: skip
    add_change(put)
    listed = add_command(inner, "list", "List the grants")
    listed.add_argument("principal", nargs="?", metavar="PRINCIPAL", help="only its grants")
    add_pager(listed)
    drop = add_command(inner, "drop", "Remove a grant")
    drop.add_argument("principal", metavar="PRINCIPAL", help="whose rights")
    drop.add_argument("on", metavar="PATTERN", help="the pattern of the grant")
    add_change(drop)


def _group(commands: "Commands[Parser]", name: str, summary: str) -> "Commands[Parser]":
    group = add_command(commands, name, summary)
    return group.add_subparsers(dest="action", required=True, metavar="COMMAND")
