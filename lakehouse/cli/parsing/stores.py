"""The arguments of `lakehouse store`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import Commands, Parser, add_change, add_command, add_pager


def add_stores(commands: "Commands[Parser]") -> None:
    """`store put`, `show`, `list`, `drop`, `doctor`, `copy` and `move`."""
    store = add_command(commands, "store", "Manage stores, and copy and move objects between them")
    inner = store.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    put = _of_one(inner, "put", "Make a store, after examining its place")
    put.add_argument("store_url", metavar="URL", help="s3://name[/prefix] or file:///directory")
    put.add_argument(
        "--credentials",
        metavar="NAME",
        help="table [stores.NAME] in the secrets file (default: the process's own credentials)",
    )
    add_change(put)
    _of_one(inner, "show", "Show a store, and how much it holds")
    add_pager(add_command(inner, "list", "List the stores"))
    add_change(_of_one(inner, "drop", "Drop a store that holds no copy"))
    _of_one(inner, "doctor", "Examine the place of a store")
    for name, summary in (
        ("copy", "Copy objects to another store"),
        ("move", "Move objects to another store; gc deletes what they leave behind"),
    ):
        command = add_command(inner, name, summary)
        command.add_argument(
            "from_store", metavar="FROM", help="the store that has them: main, cold"
        )
        command.add_argument("to_store", metavar="TO", help="the store that gets them")
        command.add_argument(
            "on",
            metavar="PATTERN",
            help="a dataset, 'sales_*', 'storage:raw/*' for keys, or '*' for all",
        )
        add_change(command)


def _of_one(commands: "Commands[Parser]", name: str, summary: str) -> Parser:
    command = add_command(commands, name, summary)
    command.add_argument("id", metavar="ID", help="id of the store")
    return command
