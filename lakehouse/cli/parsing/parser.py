"""The commands and their options. Parses; runs nothing and imports no command."""

import argparse
from collections.abc import Sequence

from lakehouse.cli.parsing.access import add_access
from lakehouse.cli.parsing.arguments import (
    Commands,
    Parser,
    UsageError,
    VersionAction,
    add_as_of,
    add_change,
    add_command,
    add_common,
    add_on_error,
    add_pager,
    as_of,
    dataset_as_of,
    dataset_at_event,
    head,
    number,
    numbers,
)
from lakehouse.cli.parsing.audit import add_audit
from lakehouse.cli.parsing.derivation import add_derive, add_refresh, add_why
from lakehouse.cli.parsing.ingest import add_ingest, add_sources, add_stream
from lakehouse.cli.parsing.maintenance import add_maintenance
from lakehouse.cli.parsing.rows import add_rows
from lakehouse.cli.parsing.stores import add_stores
from lakehouse.cli.parsing.vectors import add_nearest
from lakehouse.cli.parsing.views import add_profiles, add_views

RESULT_FORMATS = ("table", "json", "ndjson", "csv", "arrow", "parquet")
"""Formats of `sql`: `table` and those of `lakehouse.query.render.formats`."""
PATHS = (
    "bucket",
    "config",
    "secrets_file",
    "file",
    "retry",
    "target",
    "statement_file",
    "output",
    "changes",
    "token_file",
)
"""Arguments that name a file, a directory or a bucket: a name may have any bytes."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The parsed arguments. Raises UsageError, also for an argument that is not UTF-8."""
    arguments = build().parse_args(words)
    for name, value in vars(arguments).items():
        if isinstance(value, str) and name not in PATHS and not _is_utf8(value):
            raise UsageError(f"lakehouse: {name.replace('_', '-')} is not UTF-8: {value!r}")
    return arguments


def build() -> Parser:
    """The parser. It sets `command`, and below `journal` also `subcommand`."""
    parser = Parser(
        prog="lakehouse",
        description="Store files, make datasets of them and query them with SQL, in one bucket.",
    )
    parser.add_argument(
        "--version", action=VersionAction, nargs=0, help="print the version and exit"
    )
    parser.set_defaults(
        bucket=None, url=None, token_file=None, config=None, secrets_file=None, json=False
    )
    add_common(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _serve,
        _mcp,
        add_ingest,
        add_stream,
        _quarantine,
        _sql,
        add_nearest,
        _shell,
        _datasets,
        _time_travel,
        add_access,
        add_stores,
        add_maintenance,
        _journal,
        add_audit,
    ):
        add(commands)
    return parser


def _serve(commands: "Commands[Parser]") -> None:
    command = add_command(
        commands, "serve", "Serve the lake over HTTP", "Stop it with Ctrl-C or SIGTERM."
    )
    command.add_argument(
        "--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)"
    )
    command.add_argument(
        "--role",
        choices=("all", "gateway", "storage", "catalog", "ingest", "sql"),
        help="part of the system to serve (default: all in one process)",
    )
    command.add_argument(
        "--port",
        help="port to listen on; 0 picks a free one (default: 3110; storage 3211, catalog 3212, "
        "ingest 3213, sql 3214)",
    )
    command.add_argument(
        "--flight-port",
        metavar="PORT",
        help="also serve Arrow Flight SQL on this port; 0 picks a free one (default: off)",
    )
    command.add_argument("--tls-cert", metavar="FILE", help="PEM file of the certificate")
    command.add_argument("--tls-key", metavar="FILE", help="PEM file of the certificate's key")
    command.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="minimum level to log (default: info)",
    )


def _mcp(commands: "Commands[Parser]") -> None:
    add_command(
        commands,
        "mcp",
        "Serve agents over stdin and stdout (Model Context Protocol)",
        "Tools read and preview; they change nothing.",
    )


def _quarantine(commands: "Commands[Parser]") -> None:
    command = add_command(commands, "quarantine", "List, export or retry rows in quarantine")
    command.add_argument("name", metavar="NAME", help="name of the dataset")
    command.add_argument("--key", help="use only this quarantine file")
    action = command.add_mutually_exclusive_group()
    action.add_argument(
        "--csv", action="store_true", help="write the raw rows to stdout as a file to correct"
    )
    action.add_argument(
        "--retry",
        nargs="?",
        const="",
        metavar="FILE|-",
        help="append the corrected rows, or without FILE the rows as they are, "
        "and remove them from quarantine",
    )
    add_on_error(command)
    add_pager(command)
    add_change(command)


def _sql(commands: "Commands[Parser]") -> None:
    command = add_command(commands, "sql", "Run one read-only SQL statement")
    command.add_argument("sql", metavar="STATEMENT", nargs="?", help="the statement; or use --file")
    command.add_argument(
        "-f",
        "--file",
        dest="statement_file",
        metavar="FILE|-",
        help="read the statement from a file; - reads stdin",
    )
    command.add_argument(
        "--format",
        choices=RESULT_FORMATS,
        help="format of the result (default: table, or by the extension of --output)",
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the result to a file; replaces it when complete",
    )
    command.add_argument(
        "--engine",
        metavar="spark://HOST:PORT",
        help="run the statement by Spark Connect on another engine, in its own SQL",
    )
    _add_query_options(command)


def _shell(commands: "Commands[Parser]") -> None:
    command = add_command(
        commands,
        "shell",
        "Run SQL statements at a prompt",
        "Completes names with Tab; \\? at the prompt lists its commands. Runs a file from stdin too.",
    )
    _add_query_options(command)


def _add_query_options(command: Parser) -> None:
    command.add_argument(
        "--limit",
        type=number,
        metavar="N",
        help="rows of a table to print; 0 prints all (default: 1000 on a terminal, else all)",
    )
    command.add_argument(
        "--profile", metavar="NAME", help="name of the profile to read under; see `profile`"
    )
    add_pager(command)
    add_as_of(command)


def _datasets(commands: "Commands[Parser]") -> None:
    add_pager(add_command(commands, "datasets", "List the datasets"))
    show = _dataset(commands, "show", "Show a dataset: its columns, objects and rows")
    add_as_of(show)
    add_pager(show)
    add_change(_dataset(commands, "drop", "Drop a dataset"))
    restore = _dataset(commands, "restore", "Restore a dataset to an earlier state")
    add_change(restore)
    add_as_of(restore, required=True)
    add_pager(_dataset(commands, "history", "List the events of a dataset"))
    transaction = add_command(
        commands,
        "transaction",
        "Make several changes to the catalog as one event, or none of them",
        'The file is JSON: {"changes": [{"op": "drop", "name": "t"}, …]}.',
    )
    transaction.add_argument(
        "changes", metavar="FILE|-", help="JSON file with the changes; - reads stdin"
    )
    add_change(transaction)
    rename = _dataset(commands, "rename", "Rename a dataset")
    rename.add_argument("to", metavar="NEW_NAME", help="the new name")
    add_change(rename)
    add_rows(commands)
    add_views(commands)
    add_profiles(commands)
    add_derive(commands)
    add_refresh(commands)
    add_sources(commands)


def _dataset(commands: "Commands[Parser]", name: str, summary: str) -> Parser:
    command = add_command(commands, name, summary)
    command.add_argument("name", metavar="NAME", help="name of the dataset")
    return command


def _time_travel(commands: "Commands[Parser]") -> None:
    pin = add_command(commands, "pin", "Pin a state of a dataset, so that gc keeps it")
    pin.add_argument(
        "pinned", type=dataset_as_of, metavar="NAME@SEQ|TIME", help="dataset, and event or time"
    )
    add_change(pin)
    unpin = add_command(commands, "unpin", "Remove a pin")
    unpin.add_argument("pinned", type=dataset_at_event, metavar="NAME@SEQ", help="pin to remove")
    add_change(unpin)
    add_pager(add_command(commands, "pins", "List the pins"))
    diff = add_command(commands, "diff", "Compare the catalog at two points in time")
    diff.add_argument(
        "--from", dest="first", required=True, type=as_of, metavar="SEQ|TIME", help="earlier point"
    )
    diff.add_argument("--to", type=as_of, metavar="SEQ|TIME", help="later point (default: now)")
    add_pager(diff)
    add_why(commands)
    undo = add_command(commands, "undo", "Undo one change with a new one")
    undo.add_argument("seq", type=number, metavar="SEQ", help="number of the change's event")
    undo.add_argument(
        "--apply", action="store_true", help="make the change (default: only show it)"
    )
    add_pager(undo)
    add_change(undo)


def _journal(commands: "Commands[Parser]") -> None:
    parser = add_command(commands, "journal", "Inspect, verify, copy and repair the journal")
    inner = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    add_command(inner, "head", "Print the number and hash of the last event")
    events = add_command(inner, "events", "Print events as JSON lines, oldest first")
    events.add_argument(
        "--after", type=number, default=0, metavar="SEQ", help="print only events after this one"
    )
    events.add_argument("--limit", type=number, metavar="N", help="print at most N events")
    events.add_argument(
        "--follow", action="store_true", help="wait for further events and print them, until Ctrl-C"
    )
    events.add_argument("--type", help="print only events of this type")
    events.add_argument("--dataset", metavar="NAME", help="print only events of this dataset")
    verify = add_command(inner, "verify", "Check that every slot is present, intact and in order")
    verify.add_argument(
        "--expect", type=head, metavar="SEQ:SHA256", help="also require this recorded head"
    )
    verify.add_argument("--objects", action="store_true", help="also read and check every object")
    replay = add_command(inner, "replay", "Compute the state from the slots alone, without caches")
    replay.add_argument("--to", type=as_of, metavar="SEQ|TIME", help="stop at this event or time")
    replay.add_argument(
        "--without", type=numbers, metavar="SEQ[,SEQ]", help="show the catalog without these events"
    )
    replay.add_argument("--diff", action="store_true", help="compare checkpoints and packs with it")
    replay.add_argument(
        "--repair", action="store_true", help="remove wrong caches and write missing ones; no slot"
    )
    add_command(inner, "checkpoint", "Store the current state, so that processes start faster")
    add_command(inner, "pack", "Store full packs of slots that are missing")
    export = add_command(
        inner, "export", "Copy the lake to another bucket", "An interrupted copy resumes."
    )
    export.add_argument("target", metavar="URL", help="bucket to copy to")
    adopt = add_command(inner, "adopt", "Continue writing to a restored copy of the lake")
    adopt.add_argument(
        "--previous", type=head, required=True, metavar="SEQ:SHA256", help="last recorded head"
    )
    adopt.add_argument("--note", default="", metavar="TEXT", help="note to record in the journal")
    add_change(adopt)
    raise_format = add_command(inner, "raise-format", "Write slots in a newer format from now on")
    raise_format.add_argument(
        "slot", type=number, metavar="FORMAT", help="number of the slot format"
    )
    add_change(raise_format)


def _is_utf8(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
