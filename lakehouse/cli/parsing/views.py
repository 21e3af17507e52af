"""The arguments of `lakehouse view` and `profile`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import (
    Commands,
    Parser,
    add_as_of,
    add_change,
    add_command,
    add_pager,
)


def add_views(commands: "Commands[Parser]") -> None:
    """`view put`, `show`, `list` and `drop`."""
    view = add_command(commands, "view", "Make, show, list and drop views")
    inner = view.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    put = add_command(inner, "put", "Make or replace a view")
    put.add_argument("name", metavar="NAME", help="name of the view")
    put.add_argument("sql", metavar="STATEMENT", nargs="?", help="the statement of the view")
    put.add_argument(
        "--safe",
        metavar="JSON",
        help="instead of a statement: of, masks, rows and unmasked as in PUT /v1/catalog/view",
    )
    put.add_argument("--comment", metavar="TEXT", help="a note to show with the view")
    add_change(put)
    show = add_command(inner, "show", "Show the definition of a view")
    show.add_argument("name", metavar="NAME", help="name of the view")
    add_as_of(show)
    listed = add_command(inner, "list", "List the views")
    add_as_of(listed)
    add_pager(listed)
    drop = add_command(inner, "drop", "Drop a view")
    drop.add_argument("name", metavar="NAME", help="name of the view")
    add_change(drop)


def add_profiles(commands: "Commands[Parser]") -> None:
    """`profile put`, `show`, `list` and `drop`."""
    profile = add_command(commands, "profile", "Make, show, list and drop profiles")
    inner = profile.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    put = add_command(inner, "put", "Make or replace a profile")
    put.add_argument("name", metavar="NAME", help="name of the profile")
    put.add_argument(
        "definition",
        metavar="JSON",
        help='{"names": {ALIAS: {"to": NAME, "as_of": …}}, "others": "visible" or "hidden"}',
    )
    add_change(put)
    show = add_command(inner, "show", "Show the definition of a profile")
    show.add_argument("name", metavar="NAME", help="name of the profile")
    add_pager(add_command(inner, "list", "List the profiles"))
    drop = add_command(inner, "drop", "Drop a profile")
    drop.add_argument("name", metavar="NAME", help="name of the profile")
    add_change(drop)
