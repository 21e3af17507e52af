"""`lakehouse completion SHELL`: a script that completes commands, options and file names."""

import argparse
from typing import Any

import shtab

from lakehouse.cli.parsing.arguments import Parser
from lakehouse.cli.parsing.parser import PATHS, build


def completion_script(shell: str) -> str:
    """The script for bash, zsh or fish, generated from the parser."""
    parser = build()
    _complete_files(parser)
    return shtab.complete(parser, shell)


def _complete_files(parser: Parser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_files(command)
        elif action.dest in PATHS:
            completed: Any = action  # shtab reads an attribute that argparse does not declare
            completed.complete = shtab.FILE
