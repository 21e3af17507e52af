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
MODULES = """
import sys
import lakehouse.formats.ingest
import lakehouse.formats.parquet.check

print("pandas" in sys.modules)
"""


def printed(*words: str) -> str:
    done = subprocess.run([sys.executable, "-c", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pyarrow_loads_no_pandas_once_it_is_refused() -> None:
    assert importlib.util.find_spec("pandas") is not None  # a dependency of the tests
    assert printed(PROGRAM, "allowed") == "[1, None, 3] True"
    assert printed(PROGRAM, "refused") == "[1, None, 3] False"


def test_no_module_loads_pandas_before_the_process_can_refuse_it() -> None:
    """A program refuses it once its own modules are imported: each Parquet file is read by a new one."""
    assert printed(MODULES) == "False"
