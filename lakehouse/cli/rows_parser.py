"""The arguments of `lakehouse delete` and `update`. Parses; runs nothing."""

from lakehouse.cli.arguments import Commands, Parser, add_change, add_command


def add_rows(commands: "Commands[Parser]") -> None:
    """`delete` and `update`."""
    delete = add_command(
        commands,
        "delete",
        "Delete the rows of a dataset that fulfil a condition",
        "Only objects that hold such a row are written anew. --where true deletes all rows.",
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
