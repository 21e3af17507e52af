"""The arguments of `lakehouse derive`, `refresh` and `why`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import Commands, Parser, add_as_of, add_change, add_command

MODES = ("replace", "append", "merge")


def add_derive(commands: "Commands[Parser]") -> None:
    """`derive`."""
    command = add_command(
        commands,
        "derive",
        "Make a dataset from the result of a statement",
        "The event records the statement and the versions that it read; `refresh` runs it again.",
    )
    command.add_argument("name", metavar="NAME", help="name of the dataset")
    command.add_argument(
        "--sql", metavar="STATEMENT", help="one read-only statement; or use --file"
    )
    command.add_argument(
        "-f",
        "--file",
        dest="statement_file",
        metavar="FILE|-",
        help="read the statement from a file; - reads stdin",
    )
    command.add_argument(
        "--params", metavar="JSON", help="values for ? as a list, or for $name as an object"
    )
    command.add_argument(
        "--mode", choices=MODES, default="replace", help="replace the rows, add to them, or merge"
    )
    command.add_argument(
        "--key",
        action="append",
        metavar="COLUMN,…",
        help="with --mode merge: the columns that identify a row; repeat it, or separate them by "
        "commas ('\"a, b\"' for a name with commas)",
    )
    add_as_of(command)
    command.add_argument("--profile", metavar="NAME", help="profile that resolves the names")
    _add_schema_change(command)
    command.add_argument("--dry-run", action="store_true", help="only report what would happen")
    command.add_argument(
        "--stage",
        action="store_true",
        help="upload only, and print an id for the op commit of transaction",
    )
    add_change(command)


def add_refresh(commands: "Commands[Parser]") -> None:
    """`refresh`."""
    command = add_command(
        commands,
        "refresh",
        "Run the statement of a derived dataset again",
        "Makes no event if nothing that the statement reads has changed.",
    )
    command.add_argument("name", metavar="NAME", nargs="?", help="name of the dataset")
    command.add_argument(
        "--all",
        action="store_true",
        help="refresh every derived dataset, each after those that it reads",
    )
    _add_schema_change(command)
    add_change(command)


def add_why(commands: "Commands[Parser]") -> None:
    """`why`."""
    command = add_command(commands, "why", "Show which uploads a dataset's rows came from")
    command.add_argument("name", metavar="NAME", help="name of the dataset")
    command.add_argument(
        "--where",
        "--row",
        metavar="CONDITION",
        help='only what is behind the rows that fulfil this: "id = 7"',
    )
    add_as_of(command)


def _add_schema_change(command: Parser) -> None:
    command.add_argument(
        "--schema-change",
        choices=("replace", "widen"),
        help="replace or widen the schema if the result has another one (default: refuse)",
    )
