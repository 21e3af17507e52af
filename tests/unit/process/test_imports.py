"""Imports: a process that refuses pandas runs without it, also where it is installed."""

import importlib.util
import subprocess
import sys

PROGRAM = """
import sys
import pyarrow as pa
from lakehouse.process.imports import refuse_pandas

if sys.argv[1] == "refused":
    refuse_pandas()
print(pa.array([1, None, 3]).to_pylist(), "pandas" in sys.modules)
"""


def printed(word: str) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, word], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pyarrow_loads_no_pandas_once_it_is_refused() -> None:
    assert importlib.util.find_spec("pandas") is not None  # a dependency of the tests
    assert printed("allowed") == "[1, None, 3] True"
    assert printed("refused") == "[1, None, 3] False"
