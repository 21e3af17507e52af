"""From words to one call and its exit code: 0 done, 1 refused, 2 usage, 3 unavailable, 4 corrupt."""

import argparse
import asyncio
import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lakehouse import logs
from lakehouse.cli import printing
from lakehouse.cli.commands import (
    admin,
    datasets,
    doctor,
    gc,
    ingest,
    journal,
    quarantine,
    sql,
    time_travel,
)
from lakehouse.cli.parser import Usage, parse
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.config import ConfigError, Settings, load
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.serve import bind, serve

OK, USAGE = 0, 2
STDERR = 2
INTERRUPTED = 130
"""As shells tell it: 128 and the signal's number."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    _make_streams_usable()
    try:
        arguments = parse(words)
        settings = _settings(arguments)
        code = _run(arguments, settings)
        sys.stdout.flush()
        return code
    except Usage as error:
        if as_json:
            return printing.refused(Refused("usage", str(error)), as_json)
        print(printing.safe(str(error)).replace("\\x0a", "\n"), file=sys.stderr)  # noqa: T201
        return USAGE
    except ConfigError as error:
        return printing.refused(Refused("usage", str(error)), as_json)
    except RefusedError as error:
        return printing.refused(error.refused, as_json)
    except KNOWN as error:
        return printing.refused(refusal(error), as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _give_stdout_up()
        return OK
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _give_stdout_up()
        detail = f"a file could not be written: {error.strerror}"
        return printing.refused(Refused("insufficient_storage", detail), as_json)


def _make_streams_usable() -> None:
    """Streams that the caller has closed give and take nothing; what cannot be said is escaped."""
    # The lowest free number is taken: a file of a bucket must never become somebody's stdout.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)
    nowhere = Path(os.devnull)
    sys.stdin = sys.stdin or nowhere.open()
    sys.stdout = sys.stdout or nowhere.open("w")
    sys.stderr = sys.stderr or nowhere.open("w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _give_stdout_up() -> None:
    """Nobody reads it, or it is full; keep the interpreter from telling so again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _settings(arguments: argparse.Namespace) -> Settings:
    options = {
        name: getattr(arguments, name, None)
        for name in ("bucket", "host", "port", "secrets_file", "log_level")
    }
    file = Path(arguments.config) if arguments.config else None
    return load(options, os.environ, file)


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.command == "serve":
        listening = bind(settings)
        logs.configure(settings.log_level)
        return OK if asyncio.run(serve(settings, os.environ, listening)) else 1
    logs.configure("error")
    about_journal = journal.COMMANDS | admin.COMMANDS
    others = (
        ingest.COMMANDS
        | quarantine.COMMANDS
        | datasets.COMMANDS
        | sql.COMMANDS
        | gc.COMMANDS
        | time_travel.COMMANDS
        | doctor.COMMANDS
    )
    command = about_journal if arguments.command == "journal" else others
    name = getattr(arguments, "subcommand", None) or arguments.command
    return asyncio.run(command[name](arguments, settings))
