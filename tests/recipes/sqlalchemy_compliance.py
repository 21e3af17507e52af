"""SQLAlchemy's own suite for dialects, against ours: what it tests of SELECT.

The suite brings tables along, and a lake's SQL only reads: `writing_driver` writes them.
"""

import os
import subprocess
import sys
from pathlib import Path

from lake_server import running_lake

HERE = Path(__file__).parent / "sqlalchemy_suite"


def main(directory: Path) -> str:
    """The suite's last line, on a lake of its own. Raises AssertionError with what failed."""
    with running_lake(directory) as lake:
        options = ("-q", "--tb=short", "-p", "no:cacheprovider", "-p", "suite_plugin")
        places = ("--rootdir", str(HERE), "--confcutdir", str(HERE), "-c", str(HERE / "setup.cfg"))
        url = f"lakehouse+suite://127.0.0.1:{lake.port}/"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *places, "--dburi", url, "select_suite.py"],
            cwd=HERE,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parents[1] / "client")))},
            capture_output=True,
            text=True,
            timeout=400,
        )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    return done.stdout.splitlines()[-1]
