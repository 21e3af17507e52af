"""Reading a long journal: opening, replay and the past, each in a process that has nothing else.

    python -m tests.bench.journal_reads open|replay|past DIRECTORY [SEQ]

Prints JSON: seconds, and the resident memory at its highest and at the end, imports not counted.
"""

import asyncio
import ctypes
import gc
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from journal import checkpoints
from journal.bucket.opening import open_bucket
from journal.clock import SystemClock
from journal.event_lines import decode_event
from journal.log import Journal, open_journal
from lakehouse.admin.inspection import replayed
from projections.codec import decode_state, state_root
from projections.fold import STATE_VERSION, State
from projections.states.follower import Follower
from projections.states.snapshots import Snapshots

MB = 1 << 20


async def opening(journal: Journal, _: Path) -> dict[str, object]:
    """Newest checkpoint and tail, as a node opens; and the checkpoint's bytes decoded alone."""
    began_s = time.perf_counter()
    state = await Follower(journal).open()
    opened_s = time.perf_counter() - began_s
    newest = await checkpoints.next_older(journal.bucket, STATE_VERSION, None)
    body = await checkpoints.load(journal.bucket, newest)
    seq, root = state.head.seq, state_root(state)
    del state
    gc.collect()
    began_s = time.perf_counter()
    decode_state(body)
    decode_s = time.perf_counter() - began_s
    return {"open_s": opened_s, "decode_s": decode_s, "seq": seq, "root": root}


async def replay(journal: Journal, directory: Path) -> dict[str, object]:
    """Every slot verified and folded; and the same lines decoded by msgspec alone, both ways."""
    base = _resident("VmRSS")
    began_s = time.perf_counter()
    state = await replayed(journal)
    replay_s = time.perf_counter() - began_s
    peak_mb = _resident("VmHWM") - base
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    state_mb, root = _resident("VmRSS") - base, state_root(state)
    del state
    gc.collect()
    return {
        "replay_s": replay_s,
        "peak_mb": peak_mb,
        "state_mb": state_mb,
        "root": root,
        "untyped_s": _decoding_s(directory, msgspec.json.Decoder().decode),
        "typed_s": _decoding_s(directory, decode_event),
    }


async def past(journal: Journal, _: Path) -> dict[str, object]:
    """A state as of a seq, with a cold cache of states, on a node that is open."""
    follower = Follower(journal)
    await follower.open()
    seq = int(sys.argv[3])
    began_s = time.perf_counter()
    state: State = await Snapshots(follower).state_at(seq)
    took_s = time.perf_counter() - began_s
    if state.head.seq != seq:
        raise SystemExit(f"as of {seq} the state is at {state.head.seq}")
    return {"past_s": took_s}


def _decoding_s(directory: Path, decode: Callable[[bytes], object]) -> float:
    """Seconds of decoding alone: reading and splitting do not count."""
    took_s = 0.0
    for lines in _slot_lines(directory):
        began_s = time.perf_counter()
        for line in lines:
            decode(line)
        took_s += time.perf_counter() - began_s
    return took_s


def _slot_lines(directory: Path) -> Iterator[list[bytes]]:
    for path in sorted((directory / "_journal" / "slots").iterdir()):
        yield path.read_bytes().splitlines()[1:]


def _resident(name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / MB


async def _main(what: str, directory: Path) -> dict[str, object]:
    bucket = await open_bucket(str(directory))
    journal = await open_journal(bucket, SystemClock(), random.Random())
    ways = {"open": opening, "replay": replay, "past": past}
    found = await ways[what](journal, directory)
    await bucket.close()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))))
