"""The arguments of `lakehouse compact`, `gc`, `doctor` and `completion`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import (
    Commands,
    Parser,
    add_change,
    add_command,
    number,
    older_than,
)

SHELLS = ("bash", "zsh", "fish")


def add_maintenance(commands: "Commands[Parser]") -> None:
    """`compact`, `gc`, `doctor` and `completion`."""
    _add_compact(commands)
    gc = add_command(commands, "gc", "Find and remove objects that nothing refers to")
    gc.add_argument(
        "--older-than",
        type=older_than,
        default="7d",
        metavar="AGE",
        help="keep what was in use this recently: 7d, 12h, 0s (default: 7d)",
    )
    gc.add_argument(
        "--apply", action="store_true", help="remove the objects (default: only list them)"
    )
    add_change(gc)
    add_command(commands, "doctor", "Check that the bucket's store does what the journal relies on")
    completion = add_command(commands, "completion", "Print a completion script for a shell")
    completion.add_argument("shell", choices=SHELLS, help="shell to complete commands in")


def _add_compact(commands: "Commands[Parser]") -> None:
    compact = add_command(
        commands,
        "compact",
        "Merge small objects of one dataset, or of all",
        "The rows and their order stay. Of a named dataset, objects without field ids or with types "
        "that other engines cannot read are rewritten too.",
    )
    compact.add_argument(
        "name", nargs="?", metavar="NAME", help="name of the dataset (default: all)"
    )
    compact.add_argument(
        "--target-mb",
        type=number,
        default=128,
        metavar="N",
        help="size of the objects that are written, in MiB (default: 128)",
    )
    compact.add_argument(
        "--dry-run", action="store_true", help="print what would happen and change nothing"
    )
    add_change(compact)
