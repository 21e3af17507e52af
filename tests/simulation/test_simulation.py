"""A simulation suffers faults, and one seed is one history. The budget of seeds is in other files."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from lakehouse.commit.delegation.member import Member
from lakehouse.commit.pending import Pending
from tests.simulation.world import DELEGATING, ERASING, run

ROOT = Path(__file__).parents[2]
EACH = (0, ERASING, DELEGATING)
HASHES = f"from tests.simulation.world import run; print([run(n).trace_hash for n in {EACH}])"


def test_a_run_commits_and_suffers() -> None:
    """A simulation in which nothing happens would hold every promise."""
    done = [run(seed) for seed in range(20)]
    assert sum(each.slots for each in done) > 200
    assert sum(each.requests for each in done) > 500
    assert sum(each.caches for each in done) > 20
    assert sum(each.crashes for each in done) > 20
    assert sum(each.deleted for each in done) > 100


def test_changes_are_handed_over() -> None:
    offer, accepted = Member.offer, 0

    def counted(self: Member, pending: Pending) -> bool:
        nonlocal accepted
        accepted += (taken := offer(self, pending))
        return taken

    with mock.patch.object(Member, "offer", counted):
        for seed in range(DELEGATING, DELEGATING + 20):
            run(seed)
    assert accepted > 30


def test_one_seed_is_one_history() -> None:
    first, second, other = run(42), run(42), run(43)
    assert first.trace_hash == second.trace_hash
    assert first.trace_hash != other.trace_hash


def test_one_seed_is_one_history_in_every_process() -> None:
    """Each process hashes strings in its own way: nothing that a seed decides may depend on that."""
    first, second = (_printed(HASHES, hash_seed) for hash_seed in ("1", "2"))
    assert first == second


def _printed(program: str, hash_seed: str) -> bytes:
    environ = os.environ | {"PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environ).stdout
