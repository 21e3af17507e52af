"""Memory: several files with a large record at once need little more than one of them."""

import subprocess
import sys
from pathlib import Path

import zstandard

REPOSITORY = Path(__file__).parents[3]
MIB = 1 << 20

# Prints by how many MiB the readings raised the process's peak.
PROGRAM = """
import asyncio, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.options import Options
from lakehouse.process.memory import refuse_huge_pages
from lakehouse.service.ingest.memory import IngestMemory

refuse_huge_pages()  # as the server does
source, files = Path(sys.argv[1]), int(sys.argv[2])

def request(source, place, memory):
    place.mkdir(exist_ok=True)
    return ReadRequest(source=source, content_encoding=None, options=Options(), contract=None,
        work_dir=lambda: place, limits=memory.limits, budget=memory.budget)

def peak_mib():
    # Not ru_maxrss, which begins with that of the process that started this one.
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024

async def main():
    memory = IngestMemory(1 << 30, wait_s=100)
    with ThreadPoolExecutor(files) as pool:
        small = request(b"a,b\\n1,x\\n", source.parent / "small", memory)
        assert isinstance(await memory.read(pool, ingest_file, small), Parsed)
        before = peak_mib()
        requests = [request(source, source.parent / str(n), memory) for n in range(files)]
        read = await asyncio.gather(*(memory.read(pool, ingest_file, each) for each in requests))
        assert [each.row_count for each in read] == [2] * files, read
        return peak_mib() - before

print(asyncio.run(main()))
"""


def test_files_with_large_records_do_not_add_up(tmp_path: Path) -> None:
    """One of them raises the peak by 150 MiB; four at a time by more than 400."""
    source = tmp_path / "source"
    source.write_bytes(zstandard.compress(b"a,b\n1," + b"x" * (20 * MIB) + b"\n2,y\n"))
    command = [sys.executable, "-c", PROGRAM, str(source), "4"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 400
