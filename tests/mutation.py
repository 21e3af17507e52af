"""Mutants of the pure core: does a unit test fail when a line of it is changed?

    python -m tests.mutation [--count 300] [--seed 1] [--only journal.slot]

Lets mutmut make all mutants of what `[tool.mutmut]` names, draws some with a fixed seed, runs their
tests and prints each that survived as a diff. Ends with an error when fewer than 95 % were killed and
not explained: `tests/README.md` lists the survivors that are known, each with its reason.
"""

import argparse
import json
import random
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MUTANTS = ROOT / "mutants"
GOAL = 0.95
NONE = "nothing.matches.this"
KILLED = {1, 3, 24, -24, 36, 37, 152, 255}
"""Exit codes of mutmut's children for a failed test, a fault in pytest, and a test that ran too long."""


def main() -> None:
    """Draw, run, report."""
    parser = argparse.ArgumentParser(description="Mutate the pure core.")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="beginning of the mutants' names")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    _mutmut("run", "--max-children", str(given.processes), NONE)
    names = sorted(name for name in _codes() if name.startswith(given.only))
    drawn = random.Random(given.seed).sample(names, min(given.count, len(names)))
    _mutmut("run", "--max-children", str(given.processes), *drawn)
    codes = _codes()
    alive = sorted(name for name in drawn if codes[name] not in KILLED)
    for name in alive:
        print(f"\n{name} ({codes[name]})\n{_diff(name)}")
    killed = 1 - len(alive) / len(drawn)
    print(f"\n{len(drawn)} of {len(names)} mutants, seed {given.seed}: {killed:.1%} killed")
    if killed < GOAL:
        raise SystemExit(f"fewer than {GOAL:.0%} were killed")


def _mutmut(*words: str) -> str:
    """What mutmut prints; it animates a spinner, which is of no use here."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and NONE not in words:
        raise SystemExit(f"mutmut {words[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def _codes() -> dict[str, int | None]:
    """The exit code of each mutant's tests; None of one that was not tested."""
    found: dict[str, int | None] = {}
    for meta in MUTANTS.rglob("*.py.meta"):
        found |= json.loads(meta.read_text())["exit_code_by_key"]
    return found


def _diff(name: str) -> str:
    lines = _mutmut("show", name).splitlines()
    return "\n".join(line for line in lines if re.match(r"[-+@]", line))


if __name__ == "__main__":
    main()
