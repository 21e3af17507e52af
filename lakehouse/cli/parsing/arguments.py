"""The types of argument values, and the options that several commands share. Reads no file."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from lakehouse.domain.errors import RefusedError
from lakehouse.domain.validation import check_idempotency_key, checked_words

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OMITTED = argparse.SUPPRESS
T = TypeVar("T")


class UsageError(Exception):
    """The arguments cannot be used; the message says why and how the command is called."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}")


class VersionAction(argparse.Action):
    """Print the version. It is read only when it is asked for: that takes longer than to parse."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        from importlib.metadata import version

        print(f"lakehouse {version('lakehouse')}")  # noqa: T201
        parser.exit()


Commands = (
    argparse._SubParsersAction
)  # what add_subparsers returns; argparse has no public name for it


def add_command(commands: "Commands[Parser]", name: str, summary: str, detail: str = "") -> Parser:
    """A command. `summary` stands in the list of commands, `detail` below it in its own help."""
    description = f"{summary}. {detail}".rstrip()
    command = commands.add_parser(name, help=summary, description=description)
    add_common(command)
    return command


def add_common(parser: Parser) -> None:
    """Options accepted before and after a command. The top-level parser sets their defaults."""
    parser.add_argument(
        "--bucket",
        metavar="URL",
        default=_OMITTED,
        help="bucket to use: s3://name[/prefix], file:///directory or a path (default: ./bucket)",
    )
    parser.add_argument(
        "--url",
        metavar="URL",
        default=_OMITTED,
        help="ask the server at URL instead of opening the bucket: https://host[:port]",
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        default=_OMITTED,
        help="file with the token for the server (default: the variable LAKEHOUSE_TOKEN)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=_OMITTED,
        help="settings file to read instead of ./lakehouse.toml",
    )
    parser.add_argument(
        "--secrets-file",
        metavar="FILE",
        default=_OMITTED,
        help="TOML file with S3 credentials; its mode must be 0600",
    )
    parser.add_argument("--json", action="store_true", default=_OMITTED, help="print JSON")


def add_change(command: Parser, *, reason_required: bool = False) -> None:
    """Options of a command that changes the lake."""
    command.add_argument(
        "--reason",
        metavar="TEXT",
        type=required_reason if reason_required else reason,
        required=reason_required,
        help="why; recorded with the change",
    )
    command.add_argument(
        "--idempotency-key",
        metavar="KEY",
        type=idempotency_key,
        help="make the change once, however often it is sent with this key",
    )


def add_as_of(command: Parser, required: bool = False) -> None:
    """`--as-of`."""
    command.add_argument(
        "--as-of",
        metavar="SEQ|TIME",
        type=as_of,
        required=required,
        help="use the state after event SEQ or at TIME; "
        "a date (2026-11-26) means midnight UTC, else 2026-11-26T09:00:00Z",
    )


def add_on_error(command: Parser) -> None:
    """`--on-error`."""
    command.add_argument(
        "--on-error",
        choices=("reject", "quarantine"),
        help="reject the file at the first bad row, or put bad rows in quarantine (default: reject)",
    )


def add_pager(command: Parser) -> None:
    """`--no-pager`."""
    command.add_argument(
        "--no-pager",
        action="store_true",
        help="do not page a table that is longer than the terminal",
    )


def as_of(text: str) -> str:
    """An event number or a time; a date becomes midnight UTC."""
    from lakehouse.domain.points_in_time import point_in_time  # only commands with a moment need it

    point = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text
    _checked(lambda: point_in_time(point))
    return point


def older_than(text: str) -> str:
    """A span such as 7d."""
    from lakehouse.domain.points_in_time import age

    _checked(lambda: age(text))
    return text


def number(text: str) -> int:
    """A whole number, 0 or more."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def numbers(text: str) -> frozenset[int]:
    """Whole numbers, separated by commas."""
    return frozenset(map(number, text.split(",")))


def dataset_as_of(text: str) -> tuple[str, str]:
    """`NAME@SEQ` or `NAME@TIME` as its two parts."""
    name, at, point = text.partition("@")
    if not at or not point:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME@SEQ or NAME@TIME")
    return name, as_of(point)


def dataset_at_event(text: str) -> tuple[str, int]:
    """`NAME@SEQ` as its two parts."""
    name, at, seq = text.partition("@")
    if not at or not seq.isascii() or not seq.isdigit():
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME@SEQ, as `lakehouse pins` lists them"
        )
    return name, int(seq)


def head(text: str) -> tuple[int, str]:
    """`SEQ:SHA256` as its two parts: a head of the journal that was recorded elsewhere."""
    match = re.fullmatch(r"([0-9]{1,16}):([0-9a-f]{64})", text)
    if match is None:
        detail = (
            f"{text!r} is not SEQ:SHA256, the seq and sha256 that `lakehouse journal head` prints"
        )
        raise argparse.ArgumentTypeError(detail)
    return int(match[1]), match[2]


def audit_head(text: str) -> tuple[str, int, str]:
    """`NODE:BATCH:SHA256` as its three parts: a batch of the audit that was recorded elsewhere."""
    match = re.fullmatch(r"([0-9a-f]{16}):([0-9]{1,8}):([0-9a-f]{64})", text)
    if match is None:
        detail = f"{text!r} is not NODE:BATCH:SHA256, a head that `lakehouse audit verify` prints"
        raise argparse.ArgumentTypeError(detail)
    return match[1], int(match[2]), match[3]


def reason(text: str) -> str | None:
    """The reason of a change; None when it is blank."""
    return _checked(lambda: checked_words(text, "the reason"))


def required_reason(text: str) -> str:
    """The reason of a change that needs one."""
    found = reason(text)
    if found is None:
        raise argparse.ArgumentTypeError("the reason is blank")
    return found


def idempotency_key(text: str) -> str:
    """An idempotency key as HTTP takes it, too."""
    _checked(lambda: check_idempotency_key(text))
    return text


def _checked(check: Callable[[], T]) -> T:
    try:
        return check()
    except RefusedError as error:
        raise argparse.ArgumentTypeError(error.refused.detail) from error
