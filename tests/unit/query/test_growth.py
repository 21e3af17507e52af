"""What a worker's memory is after a long query: in a process of its own, since it measures all of one."""

import subprocess
import sys

PROGRAM = """
import duckdb
from lakehouse.query.worker.growth import LONG_QUERY_S, Growth

def anonymous_kb():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

growth = Growth(1 << 40)
growth.begin()
connection = duckdb.connect(config={"threads": 1, "allocator_flush_threshold": "1TB"})
connection.execute("SET enable_progress_bar = false")
connection.execute("SET allocator_bulk_deallocation_flush_threshold = '1TB'")
connection.execute("SELECT count(*) FROM (SELECT i, max(hash(i)) FROM range(1000000) t(i) GROUP BY i)")
connection.fetchall()
used = anonymous_kb()
growth.ended(LONG_QUERY_S / 2)
short = anonymous_kb()
growth.ended(LONG_QUERY_S)
print(used, short, anonymous_kb())
"""


def test_long_query_gives_its_memory_back_and_a_short_one_keeps_it() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    used, after_short, after_long = map(int, done.stdout.split())
    assert after_short > used - 2_048
    assert after_long < used - 16_384
