"""One command of the command line, from its arguments to its exit code.

0 done, 1 refused, 2 usage, 3 unavailable (retry), 4 corrupt, 130 interrupted. What a command needs is
imported when it runs: `--help` and `--version` must load no DuckDB, no pyarrow and no aiohttp.
"""

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lakehouse.cli.output import printing
from lakehouse.cli.parsing.arguments import UsageError
from lakehouse.cli.parsing.parser import parse
from lakehouse.config import ConfigError, Settings, load
from lakehouse.domain.errors import Refused, RefusedError

OK, USAGE = 0, 2
SERVE = "serve"
"""The one command that asks no server, whatever the setting `url` says."""
STDERR = 2
OPTIONS = (
    *("bucket", "url", "token_file", "host", "port", "flight_port", "role", "tls_cert", "tls_key"),
    *("secrets_file", "log_level"),
)
"""The settings that have an option."""
INTERRUPTED = 130
"""What shells report for a command that SIGINT ended: 128 and the signal's number."""
MODULES = {
    "serve": "serve",
    "ingest": "ingest",
    "stream": "stream",
    "quarantine": "quarantine",
    "sql": "sql",
    "nearest": "catalog.vectors",
    "shell": "shell.command",
    "datasets": "catalog.datasets",
    "show": "catalog.datasets",
    "drop": "catalog.datasets",
    "restore": "catalog.datasets",
    "history": "catalog.datasets",
    "transaction": "catalog.change_sets",
    "rename": "catalog.change_sets",
    "delete": "rows",
    "update": "rows",
    "view": "catalog.views",
    "derive": "catalog.derivation",
    "refresh": "catalog.derivation",
    "profile": "catalog.profiles",
    "source": "sources",
    "pin": "history.time_travel",
    "unpin": "history.time_travel",
    "pins": "history.time_travel",
    "diff": "history.time_travel",
    "why": "history.time_travel",
    "undo": "history.time_travel",
    "access": "access",
    "store": "stores",
    "compact": "compaction",
    "gc": "gc",
    "mcp": "agents.mcp",
    "erase": "rows",
    "doctor": "doctor",
    "audit entries": "history.audit",
    "audit verify": "history.audit",
    "journal head": "history.journal",
    "journal events": "history.journal",
    "journal verify": "history.journal",
    "journal replay": "history.journal",
    "journal checkpoint": "admin",
    "journal pack": "admin",
    "journal export": "admin",
    "journal adopt": "admin",
    "journal raise-format": "admin",
}
"""The module of `lakehouse.cli.commands` that holds each command in its COMMANDS."""
OF_A_SERVER = {"journal head", "journal events", "audit entries"}
"""Commands that are others with `--url`, in `lakehouse.cli.remote.lists`: on the bucket they read slots."""
_ROOT, _PROOF = "who holds the bucket decides that", "a server's word would be no proof"
_OWN_TASK = "each server does it by itself"
ON_THE_BUCKET = {
    "access init": _ROOT,
    "doctor": "it tries what the bucket's store promises",
    "audit verify": _PROOF,
    "journal verify": _PROOF,
    "journal replay": _PROOF,
    "journal checkpoint": _OWN_TASK,
    "journal pack": _OWN_TASK,
    "journal export": "it reads every object and writes another bucket",
    "journal adopt": _ROOT,
    "journal raise-format": _ROOT,
}
"""Commands that no route answers, and why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    _open_missing_streams()
    command = ""
    try:
        arguments = parse(words)
        command = arguments.command
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except UsageError as error:
        if as_json:
            return printing.refused(Refused("usage", str(error)), as_json)
        print(printing.safe_lines(str(error)), file=sys.stderr)  # noqa: T201
        return USAGE
    except ConfigError as error:
        return printing.refused(Refused("usage", str(error)), as_json)
    except RefusedError as error:
        return printing.refused(error.refused, as_json, command)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return OK
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _discard_stdout()
        detail = f"cannot write: {error.strerror}"
        return printing.refused(Refused("insufficient_storage", detail), as_json)


def _run(arguments: argparse.Namespace) -> int:
    name = arguments.command
    if name == "completion":
        from lakehouse.cli.commands.completion import completion_script

        print(completion_script(arguments.shell), end="")  # noqa: T201
        return OK
    settings = _settings(arguments)
    whole = " ".join(filter(None, (name, getattr(arguments, "subcommand", None))))
    name = whole if whole in MODULES else name
    if settings.url is not None and name != SERVE:
        if (why := ON_THE_BUCKET.get(whole)) is not None:
            detail = f"{whole} needs the bucket itself, since {why}: add --bucket URL"
            raise UsageError(f"lakehouse: {detail}")
        module = "remote.lists" if whole in OF_A_SERVER else f"commands.{MODULES[name]}"
        return _ended(module, name, arguments, settings)
    # A command that asks a server meets none of these faults, logs nothing, and loads none of this.
    from lakehouse.process.imports import import_structlog

    import_structlog()
    from lakehouse import logs
    from lakehouse.commit.faults import KNOWN, refusal

    logs.configure("error")
    try:
        return _ended(f"commands.{MODULES[name]}", name, arguments, settings)
    except KNOWN as error:
        raise RefusedError(refusal(error)) from error


def _ended(module: str, name: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """Run a command to its end; its exit code."""
    commands = importlib.import_module(f"lakehouse.cli.{module}").COMMANDS
    from lakehouse.cli.interrupt import run

    return run(commands[name.rpartition(" ")[2]](arguments, settings))


def _open_missing_streams() -> None:
    """Open a null stream for each that the caller has closed; escape what an encoding cannot write."""
    # The lowest free number is taken: a file of a bucket must never become the standard output.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)
    nowhere = Path(os.devnull)
    sys.stdin = sys.stdin or nowhere.open()
    sys.stdout = sys.stdout or nowhere.open("w")
    sys.stderr = sys.stderr or nowhere.open("w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_stdout() -> None:
    """Its reader has gone, or it is full: keep the interpreter from failing on it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _settings(arguments: argparse.Namespace) -> Settings:
    options = {name: getattr(arguments, name, None) for name in OPTIONS}
    file = Path(arguments.config) if arguments.config else None
    settings = load(options, os.environ, file)
    if arguments.bucket is None:
        return settings
    if arguments.url is not None:
        raise UsageError("lakehouse: give --bucket or --url, not both")
    return msgspec.structs.replace(settings, url=None)
