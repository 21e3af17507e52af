"""`python -m tests.simulation SEED`: one seed with its trace. `--minutes N`: random seeds until one fails."""

import argparse
import random
import sys
import time

from tests.simulation.world import Run, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="the seed to run again")
    parser.add_argument("--minutes", type=float, help="go on with random seeds for so long")
    parser.add_argument("--all", action="store_true", help="print every step, not only the last")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _one(asked.seed, asked.all)
    return _many(asked.minutes or 1.0)


def report(done: Run) -> str:
    """A run in words: what broke, the last steps, the one command that shows it again."""
    lines = list(done.last) if done.broken else []
    lines += [f"BROKEN: {broken}" for broken in done.broken]
    lines.append(
        f"seed {done.seed}: {done.slots} slots, {done.requests} requests, {done.steps} steps,"
        f" {done.virtual_s:,.0f} virtual s, trace {done.trace_hash[:16]}"
    )
    if done.broken:
        lines.append(f"again: python -m tests.simulation {done.seed}")
    return "\n".join(lines)


def _one(seed: int, loud: bool) -> int:
    done = run(seed, loud)
    print(report(done))
    return 1 if done.broken else 0


def _many(minutes: float) -> int:
    seeds, slots, began = 0, 0, time.monotonic()
    while (took_s := time.monotonic() - began) < minutes * 60:
        done = run(random.SystemRandom().randrange(2**32))
        seeds, slots = seeds + 1, slots + done.slots
        if done.broken:
            print(report(done))
            return 1
        if sys.stderr.isatty():
            print(f"\r{seeds} seeds, {seeds / max(took_s, 1):.1f}/s", end="", file=sys.stderr)
    print(f"{seeds} seeds held, {seeds / took_s:.1f} seeds/s, {slots} slots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
