"""CPU time of short commands: help must be there at once. Compared with a bare interpreter, in turns."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.report import circumstances, table, write_section
from tests.bench.sql_servers import serving

ROUNDS = 9
GOAL_S = 0.2
"""For `--version` and `--help`."""
BARE = ["-c", "pass"]
COMMANDS = {
    "a bare interpreter": BARE,
    "`lakehouse --version`": ["-m", "lakehouse", "--version"],
    "`lakehouse --help`": ["-m", "lakehouse", "--help"],
    "`lakehouse sql --help`": ["-m", "lakehouse", "sql", "--help"],
    "`lakehouse datasets`": ["-m", "lakehouse", "datasets"],
    "`lakehouse sql 'SELECT 1'`": ["-m", "lakehouse", "sql", "SELECT 1"],
    "`lakehouse datasets --url …`": ["-m", "lakehouse", "datasets", "--url"],
    "`lakehouse sql 'SELECT 1' --url …`": ["-m", "lakehouse", "sql", "SELECT 1", "--url"],
    "`lakehouse ingest t.csv --url …`": ["-m", "lakehouse", "ingest", "t.csv", "--url"],
}
"""One that ends in `--url` asks a server."""


def cpu_s(words: list[str], directory: Path) -> float:
    """User and system seconds of one process and its children."""
    before = os.times()
    subprocess.run([sys.executable, *words], cwd=directory, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (
        after.children_user - before.children_user + after.children_system - before.children_system
    )


def measured() -> dict[str, float]:
    """The best of ROUNDS of each command, in turns."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "t.csv").write_text("a\n1\n")
        ingest = [sys.executable, "-m", "lakehouse", "ingest", "t.csv"]
        subprocess.run(ingest, cwd=directory, check=True, stdout=subprocess.DEVNULL)
        with serving(directory / "served") as server:
            url = f"http://127.0.0.1:{server.port}"
            commands = {
                title: [*words, url] if words[-1] == "--url" else words
                for title, words in COMMANDS.items()
            }
            rounds = [
                {title: cpu_s(words, directory) for title, words in commands.items()}
                for _ in range(ROUNDS)
            ]
    return {title: min(each[title] for each in rounds) for title in COMMANDS}


def main() -> None:
    """Measure, and write the section."""
    about = circumstances("cli")
    found = measured()
    bare_s = found["a bare interpreter"]
    rows = [
        [title, f"{seconds / bare_s:.1f}", f"{seconds:.2f}"] for title, seconds in found.items()
    ]
    goal = f"Goal for `--version` and `--help`: {GOAL_S} s."
    body = table(["command", "÷ bare interpreter", "CPU seconds"], rows)
    write_section("Command line", "\n".join([about, "", body, "", goal]))


if __name__ == "__main__":
    main()
