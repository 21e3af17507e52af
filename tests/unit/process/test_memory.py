"""Memory: Linux itself says whether a process may have huge pages."""

import subprocess
import sys

import pytest

PROGRAM = """
from lakehouse.process.memory import refuse_huge_pages
refuse_huge_pages()
print(next(line for line in open("/proc/self/status") if line.startswith("THP_enabled")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked")
def test_huge_pages_are_refused_for_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert done.stdout.split() == [b"THP_enabled:", b"0"]
