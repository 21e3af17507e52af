"""Memory of the processes that read Parquet: a few batches, whatever the size of the file."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.formats.parquet.merging import MergeRequest
from lakehouse.formats.parquet.rewriting.request import RewriteRequest
from lakehouse.objects.file_identity import file_identity
from lakehouse.process.forking.environment import child_environment

MIB = 1 << 20
ROWS, COLUMNS, GROUP_ROWS = 800_000, 16, 20_000
"""98 MiB that do not compress."""
LAUNCH = """
import runpy, sys
module = sys.argv.pop(1)
runpy.run_module("lakehouse.formats.parquet." + module, run_name="__main__", alter_sys=True)
status = open("/proc/self/status").read()
sys.stderr.write(status.partition("VmHWM:")[2].split()[0])
"""
"""Runs a program, then writes its peak. The rusage of a child counts what its parent had before exec."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A file of one row group, and one of many."""
    folder = tmp_path_factory.mktemp("parquet")
    small, large = folder / "small.parquet", folder / "large.parquet"
    random = np.random.default_rng(1)
    columns = {f"c{n}": random.integers(0, 1 << 60, ROWS) for n in range(COLUMNS)}
    table = pa.table(columns)
    pq.write_table(table, large, row_group_size=GROUP_ROWS, use_dictionary=False)
    pq.write_table(table[:GROUP_ROWS], small, row_group_size=GROUP_ROWS, use_dictionary=False)
    assert large.stat().st_size > 90 * MIB
    return small, large


@pytest.mark.parametrize(("program", "more_mib"), [("check", 35), ("merge", 120), ("rewrite", 60)])
def test_program_holds_no_whole_file(
    program: str, more_mib: int, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """A merge makes row groups of 16 MiB. With Arrow's own defaults each has 77 to 150 MiB more."""
    small, large = (
        _peak_bytes(program, file, tmp_path / file.stem, rows)
        for file, rows in zip(files, (GROUP_ROWS, ROWS), strict=True)
    )
    assert large - small < more_mib * MIB


def _peak_bytes(program: str, file: Path, folder: Path, rows: int) -> int:
    folder.mkdir()
    arguments, body = _asked(program, file, folder)
    done = subprocess.run(
        [sys.executable, "-P", "-c", LAUNCH, *arguments],
        input=body,
        capture_output=True,
        env=child_environment(),
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = msgspec.json.decode(done.stdout)
    assert answer["problem"] is None
    counts = [each["row_count"] for each in answer.get("files", [answer])]
    assert sum(counts) == (rows - 1 if program == "rewrite" else rows)
    return int(done.stderr) * 1024


def _asked(program: str, file: Path, folder: Path) -> tuple[list[str], bytes]:
    """The module with its arguments, and what it reads."""
    if program == "check":
        return ["check", str(os.getpid()), str(file)], b"{}"
    if program == "merge":
        merge = MergeRequest((str(file),), None, False, str(folder), 512 * MIB)
        return ["merge_program"], msgspec.json.encode(merge)
    (folder / "rows").write_bytes(b"\x01")
    with file.open("rb") as opened:
        identity = file_identity(opened.fileno())
    rewrite = RewriteRequest(str(file), identity, str(folder / "rows"), None, str(folder))
    return ["rewriting.program"], msgspec.json.encode(rewrite)
