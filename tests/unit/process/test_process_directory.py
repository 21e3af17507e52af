"""Directories of processes below one spool directory: which of them are left by a process that was killed."""

import subprocess
import sys
from pathlib import Path

from lakehouse.process.process_directory import process_directory, remove_abandoned

HOLDER = """
import sys
from pathlib import Path
from lakehouse.process.process_directory import process_directory

with process_directory(Path(sys.argv[1])) as path:
    (path / "ingest-1").mkdir()
    (path / "ingest-1" / "rows").write_text("erased")
    print(path, flush=True)
    sys.stdin.read()
"""


def test_a_directory_goes_with_its_context(tmp_path: Path) -> None:
    with process_directory(tmp_path) as path:
        (path / "spool-1").write_text("x")
        assert [*tmp_path.iterdir()] == [path]
    assert [*tmp_path.iterdir()] == []


def test_what_a_running_process_uses_stays_and_what_a_killed_one_left_goes(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with process_directory(tmp_path) as ours:
        command = [sys.executable, "-c", HOLDER, str(tmp_path)]
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as holder:
            assert holder.stdout is not None
            theirs = Path(holder.stdout.readline().strip())
            remove_abandoned(tmp_path)
            assert ours.exists() and (theirs / "ingest-1" / "rows").exists()
            holder.kill()
            holder.wait()
        assert (theirs / "ingest-1" / "rows").exists()
        remove_abandoned(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "cache", ours])


def test_a_link_with_such_a_name_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "process-link").symlink_to(outside)
    (spool / "process-file").write_text("x")
    remove_abandoned(spool)
    assert (outside / "kept").exists()
