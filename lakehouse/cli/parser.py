"""The words of the command line. Parses; does nothing."""

import argparse
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import NoReturn

from lakehouse.domain.errors import RefusedError
from lakehouse.domain.validation import check_idempotency_key, checked_words
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.query.render.formats import FORMATS

_PATHS = ("bucket", "config", "secrets_file", "file", "retry", "target")
"""Words that name something of the system's, which may have any bytes in its name."""


class Usage(Exception):
    """The words are off; the message says how."""


class Parser(argparse.ArgumentParser):
    """argparse ends the process by itself; we want to choose how and with what."""

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message}\n{self.format_usage().strip()}")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The words, taken apart. Raises Usage, also for those that are not UTF-8."""
    arguments = build().parse_args(words)
    for name, value in vars(arguments).items():
        if isinstance(value, str) and name not in _PATHS and not _is_text(value):
            raise Usage(f"lakehouse: {name.replace('_', '-')} is not UTF-8: {value!r}")
    return arguments


def build() -> Parser:
    """The parser. The chosen command's name is in `command`, of a journal's in `subcommand`."""
    parser = Parser(prog="lakehouse", description="An event-sourced lakehouse: one bucket.")
    parser.add_argument("--version", action="version", version=f"lakehouse {version('lakehouse')}")
    parser.set_defaults(bucket=None, config=None, secrets_file=None, json=False)
    _everywhere(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _serve(_command(commands, "serve", "serve HTTP"))
    _ingest(_command(commands, "ingest", "make a dataset of a file"))
    _quarantine(_command(commands, "quarantine", "rows that were set aside"))
    _sql(_command(commands, "sql", "ask a question in SQL"))
    _command(commands, "datasets", "list the datasets")
    for name, summary in (
        ("show", "show a dataset"),
        ("drop", "drop a dataset"),
        ("restore", "bring a dataset back as it was"),
        ("history", "what happened to a dataset"),
    ):
        command = _command(commands, name, summary)
        command.add_argument("name", metavar="NAME", help="the dataset")
        if name in ("drop", "restore"):
            _change(command)
        if name in ("show", "restore"):
            _as_of(command, required=name == "restore")
    _past(commands)
    _gc(_command(commands, "gc", "what nothing refers to any more, and its removal"))
    _command(commands, "doctor", "does this bucket keep the promises that the journal needs?")
    _journal(_command(commands, "journal", "look into the journal"))
    return parser


def _command(commands: "argparse._SubParsersAction[Parser]", name: str, summary: str) -> Parser:
    command = commands.add_parser(name, help=summary, description=summary)
    _everywhere(command)
    return command


def _everywhere(parser: Parser) -> None:
    """What may be said before a command as well as after it; the defaults are the outermost's."""
    unsaid = argparse.SUPPRESS
    parser.add_argument(
        "--bucket", metavar="URL", default=unsaid, help="s3://name[/prefix], or a directory"
    )
    parser.add_argument(
        "--config", metavar="FILE", default=unsaid, help="instead of ./lakehouse.toml"
    )
    parser.add_argument(
        "--secrets-file", metavar="FILE", default=unsaid, help="credentials, of mode 0600"
    )
    parser.add_argument("--json", action="store_true", default=unsaid, help="for machines")


def _serve(command: Parser) -> None:
    command.add_argument("--host", help="loopback only (127.0.0.1)")
    command.add_argument("--port", help="0 takes any free one (3110)")
    command.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="from which on (info)"
    )


def _ingest(command: Parser) -> None:
    command.add_argument("file", metavar="FILE|-", help="CSV, NDJSON or Parquet; - is stdin")
    command.add_argument("--name", help="without, the file's name without its ending")
    command.add_argument(
        "--format", choices=tuple(FILE_FORMATS), help="without, by the file's ending"
    )
    command.add_argument(
        "--mode", choices=("replace", "append"), default="replace", help="the whole, or more of it"
    )
    command.add_argument(
        "--schema-change", choices=("replace", "widen"), help="where columns or types differ"
    )
    command.add_argument("--dedupe", choices=("source",), help="append no file twice")
    command.add_argument("--delimiter", help="between fields (,)")
    command.add_argument("--encoding", help="of the file (utf-8)")
    command.add_argument("--header", choices=("true", "false"), help="has it a header (true)")
    command.add_argument(
        "--on-error", choices=("reject", "quarantine"), help="what becomes of bad rows"
    )
    command.add_argument("--null", action="append", metavar="TOKEN", help="means null, too")
    command.add_argument(
        "--types", action="append", metavar="COLUMN:TYPE,…", help="instead of those it would find"
    )
    command.add_argument("--dry-run", action="store_true", help="only tell what would become of it")
    _change(command)


def _quarantine(command: Parser) -> None:
    command.add_argument("name", metavar="NAME", help="the dataset")
    command.add_argument("--key", help="only this quarantine file")
    done = command.add_mutually_exclusive_group()
    done.add_argument("--csv", action="store_true", help="the raw rows, as a file to mend")
    done.add_argument(
        "--retry",
        nargs="?",
        const="",
        metavar="FILE|-",
        help="add the mended rows, or the rows as they are; they leave quarantine",
    )
    command.add_argument(
        "--on-error", choices=("reject", "quarantine"), help="what becomes of bad rows"
    )
    _change(command)


def _sql(command: Parser) -> None:
    command.add_argument("sql", metavar="SELECT …", help="one read-only statement")
    command.add_argument(
        "--format", choices=("table", *FORMATS), default="table", help="of the answer (table)"
    )
    _as_of(command)


def _past(commands: "argparse._SubParsersAction[Parser]") -> None:
    for name, summary in (("pin", "keep what a dataset was"), ("unpin", "keep it no longer")):
        command = _command(commands, name, summary)
        command.add_argument("moment", metavar="NAME@SEQ", help="a dataset, as of then")
        _change(command)
    _command(commands, "pins", "what is kept")
    diff = _command(commands, "diff", "what differs between two moments")
    diff.add_argument("--from", dest="first", required=True, metavar="SEQ|TIME", help="from when")
    diff.add_argument("--to", metavar="SEQ|TIME", help="now, if it is not given")
    why = _command(commands, "why", "which events brought a dataset's rows")
    why.add_argument("name", metavar="NAME", help="the dataset")
    why.add_argument("--row", metavar="WHERE …", help="only objects that hold such rows")
    undo = _command(commands, "undo", "do the inverse of one change")
    undo.add_argument("seq", type=_count, metavar="SEQ", help="the change's event")
    undo.add_argument("--apply", action="store_true", help="do it; without, only tell")
    _change(undo)


def _gc(command: Parser) -> None:
    command.add_argument("--older-than", default="7d", metavar="7d", help="what is kept until then")
    command.add_argument("--apply", action="store_true", help="remove it; without, only tell")
    _change(command)


def _change(command: Parser) -> None:
    command.add_argument("--reason", type=_reason, help="kept with the change")
    command.add_argument(
        "--idempotency-key", type=_key, metavar="KEY", help="given again, it is done once"
    )


def _as_of(command: Parser, required: bool = False) -> None:
    command.add_argument("--as-of", metavar="SEQ|TIME", required=required, help="as it was then")


def _journal(parser: Parser) -> None:
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    _command(commands, "head", "where the journal stands")
    events = _command(commands, "events", "what has happened, oldest first")
    events.add_argument("--after", type=_count, default=0, metavar="SEQ", help="only later ones")
    events.add_argument("--limit", type=_count, metavar="N", help="so many at most")
    events.add_argument(
        "--follow", action="store_true", help="go on with what happens, until stopped"
    )
    events.add_argument("--type", help="only events of this type")
    events.add_argument("--dataset", metavar="NAME", help="only those about it")
    verify = _command(commands, "verify", "is every slot there, whole and in order?")
    verify.add_argument("--expect", metavar="SEQ:SHA256", help="a head that was noted elsewhere")
    verify.add_argument("--objects", action="store_true", help="read every object too")
    replay = _command(commands, "replay", "fold from slot 1, past every cache")
    replay.add_argument("--to", metavar="SEQ|TIME", help="only up to there")
    replay.add_argument("--without", type=_counts, metavar="SEQ[,SEQ]", help="as if never happened")
    replay.add_argument("--diff", action="store_true", help="compare caches with the facts")
    replay.add_argument("--repair", action="store_true", help="make caches anew, never slots")
    _command(commands, "checkpoint", "keep the state at the head, so that opening is quick")
    _command(commands, "pack", "make the packs that are full and not there")
    export = _command(commands, "export", "copy the lake into another bucket")
    export.add_argument("target", metavar="URL", help="the other bucket")
    adopt = _command(commands, "adopt", "go on from a restored copy")
    adopt.add_argument("--previous", required=True, metavar="SEQ:SHA256", help="the lost head")
    adopt.add_argument("--note", default="", help="why, for those who read the journal")
    _change(adopt)
    raised = _command(commands, "raise-format", "write a newer format from here on")
    raised.add_argument("slot", type=_count, metavar="FORMAT", help="its number")
    _change(raised)


def _counts(text: str) -> frozenset[int]:
    return frozenset(map(_count, text.split(",")))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _reason(text: str) -> str | None:
    return _checked(lambda: checked_words(text, "the reason"))


def _key(text: str) -> str:
    _checked(lambda: check_idempotency_key(text))
    return text


def _checked(check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except RefusedError as error:
        raise argparse.ArgumentTypeError(error.refused.detail) from error


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
