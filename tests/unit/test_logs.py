"""What a program logs that has not configured structlog itself."""

import subprocess
import sys

FAILS = """
import rich, structlog
from lakehouse.logs import configure_within_a_program

def fail() -> None:
    state = ["a local variable"]
    raise ValueError("no such slot")

configure_within_a_program()
try:
    fail()
except ValueError:
    structlog.get_logger().exception("bug")
"""


def test_a_traceback_has_no_local_variables() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FAILS], capture_output=True, check=True, text=True, timeout=120
    )
    assert "ValueError: no such slot" in ended.stderr
    assert "['a local variable']" not in ended.stderr
    assert len(ended.stderr.splitlines()) < 12
