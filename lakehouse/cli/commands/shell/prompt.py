"""The prompt: reads lines, runs statements and backslash commands, prints tables, or lines of JSON.

On a terminal a refusal is shown and the prompt returns; elsewhere the first refusal ends the shell.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import IO

import msgspec

from lakehouse.cli.commands.shell.statements import split
from lakehouse.cli.json_rows import RowReader, Rows
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import NULL, print_table
from lakehouse.cli.parsing.arguments import as_of
from lakehouse.client import parameters, request
from lakehouse.client.error import Error
from lakehouse.client.http import pieces
from lakehouse.client.lake import Lake
from lakehouse.domain.counts import counted

PROMPT, CONTINUED = "lakehouse> ", "........ > "
HELP = """\\d             list datasets and views        \\d NAME        show the columns of one
\\as_of MOMENT  SEQ, time or date; none: now   \\profile NAME  what names stand for; none: themselves
\\limit N       rows to print; 0: all          \\timing        print the time of each statement, or stop
\\?             this list                      \\q             leave; so does Ctrl-D
A statement ends with a semicolon. Ctrl-C cancels a statement that runs, or drops what is typed."""
LISTED = """
SELECT name, 'dataset' AS kind, row_count AS rows, size_bytes, updated_at FROM lake.datasets
UNION ALL SELECT name, CASE WHEN safe THEN 'safe view' ELSE 'view' END, NULL, NULL, created_at
FROM lake.views ORDER BY name
"""
COLUMNS = "SELECT name, type FROM lake.columns WHERE dataset = ? ORDER BY position"
COMMANDS = ("\\d", "\\as_of", "\\profile", "\\limit", "\\timing", "\\?", "\\q")


class Shown(msgspec.Struct):
    """What the backslash commands set."""

    limit: int
    pager: bool
    as_of: str | None = None
    profile: str | None = None
    timing: bool = False
    as_json: bool = False


class Prompt:
    """One conversation with a lake."""

    def __init__(self, lake: Lake, shown: Shown, ran: Callable[[], None]) -> None:
        """`ran` is called after each statement."""
        self._lake = lake
        self._shown = shown
        self._ran = ran

    def converse(self) -> None:
        """Read from a terminal until Ctrl-D or `\\q`."""
        text = ""
        while True:
            try:
                line = input(CONTINUED if text.strip() else PROMPT)
                text = self._taken(text, line)
            except EOFError:
                printing.line("")
                return
            except _Left:
                return
            except KeyboardInterrupt:
                text = ""
                printing.line("")
            except Error as error:
                text = ""
                print_error(error)

    def run_file(self, file: IO[str]) -> None:
        """Run what a file or a pipe holds; the last statement may lack its semicolon. Raises Error."""
        text = ""
        try:
            for line in file:
                text = self._taken(text, line.removesuffix("\n"))
            if text.strip():
                self._statement(text.strip())
        except _Left:
            return

    def _taken(self, text: str, line: str) -> str:
        """Run what is complete with this line; the text that is not."""
        if not text.strip() and line.lstrip().startswith("\\"):
            self._command(line.strip())
            return ""
        statements, rest = split(f"{text}{line}\n")
        for statement in statements:
            self._statement(statement)
        if statements and rest.lstrip().startswith("\\"):
            return self._taken("", rest)
        return rest if rest.strip() else ""

    def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        argument = argument.strip().removesuffix(";")
        shown = self._shown
        if name == "\\q":
            raise _Left
        if name == "\\d" and argument:
            self._statement(COLUMNS, [argument.strip('"')], "no dataset or view has this name")
        elif name == "\\d":
            self._statement(LISTED, [], "the lake has no datasets and no views")
        elif name == "\\as_of":
            shown.as_of = as_of(argument) if argument else None
            printing.message(f"as of {argument or 'now'}")
        elif name == "\\profile":
            shown.profile = argument or None
            printing.message(f"profile: {argument or 'none'}")
        elif name == "\\limit" and argument.isascii() and argument.isdecimal():
            shown.limit = int(argument)
        elif name == "\\timing":
            shown.timing = not shown.timing
            printing.message(f"timing is {'on' if shown.timing else 'off'}")
        elif name == "\\?":
            for each in HELP.splitlines():
                printing.line(each)
        else:
            printing.message(f"{line}: no such command, or not with this argument; \\? lists them")

    def _statement(self, sql: str, params: list[str] | None = None, empty: str = "") -> None:
        began_s = time.monotonic()
        try:
            found = self._rows(sql, params)
        finally:
            self._ran()
        if self._shown.as_json:
            printing.document({"columns": found.names, "rows": found.rows, "more": found.more})
        elif empty and not found.rows:
            printing.message(empty)
        else:
            print_table(found.names, found.rows, null=NULL, pager=self._shown.pager)
        sys.stdout.flush()
        if found.more and not self._shown.as_json:
            printing.message(
                f"shown: the first {counted(self._shown.limit, 'row')}; \\limit 0 prints all"
            )
        if self._shown.timing:
            printing.message(
                f"{counted(len(found.rows), 'row')} in {time.monotonic() - began_s:.3f} s"
            )

    def _rows(self, sql: str, params: list[str] | None) -> Rows:
        """The rows. The lake cancels a statement whose connection is closed, as Ctrl-C does. Raises Error."""
        body = {
            "sql": sql,
            "params": params,
            "format": "json",
            "as_of": parameters.moment(_moment(self._shown.as_of)),
            "profile": self._shown.profile,
        }
        reader = RowReader(self._shown.limit or None)
        with closing(pieces(self._lake.http.open(request.ask("/v1/sql", body)))) as chunks:
            for chunk in chunks:
                if reader.feed(chunk):
                    break
        return reader.result()


class _Left(Exception):
    """`\\q`."""


def print_error(error: Error) -> None:
    """What was refused and what may help, on stderr."""
    for each in f"{error.code}: {error.detail}".splitlines():
        printing.message(each)
    for row in error.errors:
        printing.message("  " + ", ".join(f"{key}: {json.dumps(row[key])}" for key in row))
    if error.hint:
        printing.message(f"  {error.hint}")


def _moment(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else text
