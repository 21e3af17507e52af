"""Writes what the benches found to RESULTS.md: a section each, ratios first."""

import datetime
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
CHECKOUT = Path(__file__).parents[2]
HEAD = """# Measurements

Made by `ops/bench`; each run replaces its own section. Ratios come first, since they carry over to
other machines; absolute numbers are those of one small machine. Rivals run in the same run, in turns,
on the same disk.
"""


def write_section(title: str, body: str, path: Path = RESULTS) -> None:
    """Put `body` under `## title`, in place of what stood there."""
    text = path.read_text() if path.exists() else HEAD
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    written = f"## {title}\n\n{body.strip()}\n"
    kept = [part.strip() + "\n" for part in sections if not part.startswith(f"## {title}\n")]
    first, *others = kept
    path.write_text("\n".join([first, *sorted([*others, written])]))


def circumstances(bench: str) -> str:
    """When, where and of what this was measured, and how busy the machine was before."""
    today = datetime.datetime.now(datetime.UTC).date()
    words = " ".join(["ops/bench", bench, *sys.argv[1:]])
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "aiohttp"))
    return (
        f"{today}, commit {_commit()}, `{words}`; {os.cpu_count()} cores ({_processor()}),"
        f" Python {platform.python_version()}, {libraries};"
        f" load average before {os.getloadavg()[0]:.1f}."
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()
