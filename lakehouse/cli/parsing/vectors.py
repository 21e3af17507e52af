"""Arguments of `nearest`. Pure."""

import argparse
import json

from lakehouse.cli.parsing.arguments import Commands, Parser, add_as_of, add_command, number

_METRICS = ("cosine", "l2", "ip")


def add_nearest(commands: "Commands[Parser]") -> None:
    """`nearest`."""
    command = add_command(
        commands, "nearest", "Print the rows whose vector is nearest to one", "Nearest first."
    )
    command.add_argument("name", metavar="NAME", help="name of the dataset or view")
    command.add_argument("column", metavar="COLUMN", help="name of the column of vectors")
    command.add_argument(
        "vector", type=vector, metavar="VECTOR", help="the vector as JSON: [0.1,0.2]"
    )
    command.add_argument(
        "-k", type=number, default=10, metavar="N", help="number of rows (default: 10)"
    )
    command.add_argument(
        "--filter", metavar="CONDITION", help="compare only rows that fulfil a SQL condition"
    )
    command.add_argument(
        "--metric", choices=_METRICS, default="cosine", help="distance (default: cosine)"
    )
    command.add_argument(
        "--columns", metavar="COLUMN,…", help="columns to print before the distance (default: all)"
    )
    command.add_argument("--profile", metavar="NAME", help="name of the profile to read under")
    add_as_of(command)


def vector(text: str) -> list[float]:
    """A list of numbers as JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(_NO_VECTOR) from error
    if not isinstance(found, list) or any(type(each) not in (int, float) for each in found):
        raise argparse.ArgumentTypeError(_NO_VECTOR)
    return found


_NO_VECTOR = "a vector is a list of numbers as JSON, such as [0.1,0.2]"
