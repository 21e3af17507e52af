"""The arguments of `lakehouse delete`, `update` and `erase`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import Commands, Parser, add_change, add_command


def add_rows(commands: "Commands[Parser]") -> None:
    """`delete`, `update` and `erase`."""
    delete = add_command(
        commands,
        "delete",
        "Delete the rows of a dataset that fulfil a condition",
        "Only objects that hold such a row are rewritten. --where true deletes all rows.",
    )
    _add_condition(delete)
    update = add_command(
        commands,
        "update",
        "Change the rows of a dataset that fulfil a condition",
        "Expressions see the old row. The schema stays: a value that does not fit is refused.",
    )
    update.add_argument(
        "--set",
        metavar="COLUMN=EXPRESSION",
        action="append",
        required=True,
        help="the new value of a column, an SQL expression; repeatable",
    )
    _add_condition(update)
    _add_erase(commands)


def _add_erase(commands: "Commands[Parser]") -> None:
    erase = add_command(
        commands,
        "erase",
        "Erase rows from every version of a dataset",
        "The rows leave the history, pins, quarantine and staged files. This cannot be undone.",
    )
    erase.add_argument("name", metavar="NAME", help="name of the dataset")
    erase.add_argument(
        "--where",
        required=True,
        metavar="CONDITION",
        help='rows to erase: "id = 7"; - reads the condition from standard input',
    )
    erase.add_argument(
        "--apply", action="store_true", help="erase the rows (default: only report them)"
    )
    add_change(erase, reason_required=True)


def _add_condition(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the dataset")
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        required=True,
        help="a boolean SQL expression over the columns, without subqueries",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would happen and change nothing"
    )
    add_change(parser)
