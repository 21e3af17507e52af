"""Plays a document's console blocks: its commands are run as they stand, its answers compared.

In a block that is fenced as `console`, a line that begins with `$ ` is a command for bash and the
lines after it are what it prints, stdout and stderr together. `…` stands for anything within a
line; a line of `…` alone for any lines. A section's blocks are one session in one shell.
"""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_SECTION = re.compile(r"^## (?P<title>.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "\x01end of the command\x01"
TIMEOUT_S = 120.0


class Step(NamedTuple):
    """A command, and the lines that it prints."""

    command: str
    printed: list[str]


def sections(document: str) -> dict[str, list[list[Step]]]:
    """The console blocks of each section, by its title."""
    parts = _SECTION.split(document)[1:]
    return {
        title: [_steps(block["body"]) for block in _BLOCK.finditer(text)]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def play(
    block: list[Step], directory: Path, environ: Mapping[str, str], timeout_s: float = TIMEOUT_S
) -> None:
    """Run a block in `directory`. AssertionError where something else is printed."""
    lines = ["rc=0"]
    for step in block:
        # `$?` is the command's before, as it would be for a person at the prompt.
        lines += [f"(exit $rc); {step.command}", f"rc=$?; printf '%s\\n' '{_END}'"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=directory,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    printed = done.stdout.split(_END + "\n")
    assert len(printed) == len(block) + 1, done.stdout
    for step, seen in zip(block, printed[:-1], strict=True):
        # What ends without a newline looks the same at a prompt.
        seen = seen + "\n" * (seen != "" and not seen.endswith("\n"))
        assert _pattern(step.printed).fullmatch(seen), (
            f"$ {step.command}\nexpected:\n" + "\n".join(step.printed) + f"\nprinted:\n{seen}"
        )


def _steps(body: str) -> list[Step]:
    steps: list[Step] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            steps.append(Step(line[2:], []))
        else:
            steps[-1].printed.append(line)
    return steps


def _pattern(lines: list[str]) -> re.Pattern[str]:
    parts = [
        "(?:.*\n)*?" if line == "…" else ".*?".join(map(re.escape, line.split("…"))) + "\n"
        for line in lines
    ]
    return re.compile("".join(parts))
