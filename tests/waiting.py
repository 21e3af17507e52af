"""Waiting for what another thread or process does: until it is so, never for a time that should suffice."""

import time
from collections.abc import Callable

WITHIN_S = 60.0
"""What is waited for comes at once on an idle machine, and in seconds on a busy one."""


def wait_until(holds: Callable[[], bool], what: str = "the condition") -> None:
    """Return once `holds()`. Raises AssertionError after WITHIN_S."""
    until_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < until_s, f"waited {WITHIN_S:g} s for {what}"
        time.sleep(0.01)
