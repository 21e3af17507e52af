"""`lakehouse shell`: opens the lake, the history of what was typed, and the prompt."""

import argparse
import os
import readline
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.cli.commands.shell.completion import Completer
from lakehouse.cli.commands.shell.prompt import COMMANDS as BACKSLASH
from lakehouse.cli.commands.shell.prompt import Prompt, Shown, print_error
from lakehouse.cli.output import printing
from lakehouse.cli.remote.connection import connected
from lakehouse.client.error import Error
from lakehouse.client.lake import Lake
from lakehouse.config import ConfigError, Settings
from lakehouse.domain.errors import CODES
from lakehouse.no_lake import NoLake

HISTORY_LINES = 10_000
TERMINAL_ROWS = 1_000
UNAVAILABLE = 3


async def shell(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse shell`. No other task runs on this event loop, so reading a line may block it."""
    terminal = sys.stdin.isatty()
    limit = arguments.limit if arguments.limit is not None else TERMINAL_ROWS if terminal else 0
    shown = Shown(
        limit,
        not arguments.no_pager,
        arguments.as_of,
        arguments.profile,
        as_json=arguments.json,
    )
    try:
        with _lake(arguments, settings) as lake:
            completer = Completer(lake, BACKSLASH)
            prompt = Prompt(lake, shown, completer.forget)
            if not terminal:
                prompt.run_file(sys.stdin)
                return 0
            with _ctrl_c_raises(), _editing(completer, _history_file()):
                prompt.converse()
    except Error as error:
        if arguments.json:
            printing.problem(error.code, error.detail, error.errors)
        else:
            print_error(error)
        return CODES[error.code].exit if error.code in CODES else UNAVAILABLE
    return 0


COMMANDS = {"shell": shell}


def _lake(arguments: argparse.Namespace, settings: Settings) -> Lake:
    """The lake of `--url`, else that of the bucket. Raises ConfigError, Error."""
    if settings.url is not None:
        return connected(settings, os.environ)
    if arguments.token_file is not None:
        raise ConfigError("--token-file belongs to --url: a bucket needs no token")
    from lakehouse.client.in_process import open_lake  # loads the whole service

    return open_lake(settings, no_lake=NoLake.REFUSE)


@contextmanager
def _ctrl_c_raises() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt where the prompt stands, instead of ending the command."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _editing(completer: Completer, history: Path) -> Iterator[None]:
    """Line editing with completion, and the lines of earlier shells; this one's are added."""
    readline.set_completer(completer)
    readline.set_completer_delims(" \t\n,;()=<>+-*/.")
    readline.parse_and_bind("tab: complete")
    history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(history, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    readline.read_history_file(history)
    before = readline.get_current_history_length()
    try:
        yield
    finally:
        readline.set_history_length(HISTORY_LINES)
        added = readline.get_current_history_length() - before
        readline.append_history_file(max(added, 0), history)


def _history_file() -> Path:
    """Below `$XDG_STATE_HOME`, by default `~/.local/state`."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "lakehouse" / "history"
