"""A journal of a million events, made through the project's own encoder, follower and keeper.

    python -m tests.bench.long_journal [--events 1000000] [--seed 1]

Made once for each seed, size and state version, below `$TMPDIR/lakehouse-long-journal/`.
Datasets are appended to, replaced, and a few dropped; keys are stored again and again; what no longer
lives is marked and collected, so that the state stays about as large as what lives.
"""

import argparse
import asyncio
import hashlib
import random
import shutil
import tempfile
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from journal.bucket.opening import open_bucket
from journal.clock import uuid7
from journal.events import (
    VERSION,
    About,
    Column,
    Data,
    DatasetAppended,
    DatasetRegistered,
    Event,
    Object,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
    Place,
)
from journal.log import Committed, open_journal
from journal.slot import FORMAT, Header, decode_slot, encode_events, format_at
from lakehouse.commit.checkpointer import Checkpointer
from lakehouse.domain.rules.datasets import dataset_id
from projections import history
from projections.fold import STATE_VERSION
from projections.states.follower import Follower

EVENTS = 1_000_000
DATASETS = 1_000
KEYS = 30_000
"""Stored objects; the datasets hold the other 20,000 of the 50,000 that live."""
OBJECTS_A_DATASET = 40
"""A dataset that has as many is replaced by one object: half as many on average."""
SLOT_EVENTS = 200
COLLECTED = 1_000
KEYED = 10
"""One change in so many has an idempotency key."""
SCHEMA = tuple(Column(f"column_{n}", kind) for n, kind in enumerate(("string", "int64", "double")))


class SteppingClock:
    """A clock that stands until it is moved: the same seed gives the same bytes."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, delay_s: float) -> None:
        raise RuntimeError("the generator never waits")


class Facts:
    """Made-up changes, one after the other, that the rules would have allowed."""

    def __init__(self, lake: str, chance: random.Random) -> None:
        self._tag = lake[:8]
        self._chance = chance
        self._blobs: list[list[str]] = [[] for _ in range(DATASETS)]
        self._stored: dict[int, str] = {}
        self._waste: deque[str] = deque()
        self._marked: tuple[str, ...] = ()
        self._links: dict[str, Place] = {}

    def event(self, position: int, seq: int) -> Event:
        """The next event, numbered `seq`."""
        data = self._data(seq)
        keyed = seq % KEYED == 0
        about = tuple(About(each, self._links.get(each)) for each in history.origins(data))
        self._links.update({each.entity: (position, seq) for each in about})
        return Event(
            seq,
            data.TYPE,
            VERSION,
            f"0193aaaa-bbbb-7ccc-8ddd-{seq:012x}",
            f"request-{seq}" if keyed else None,
            _sha(f"request {seq}") if keyed else None,
            "bench",
            None,
            f"req-{seq}",
            about,
            data,
        )

    def _data(self, seq: int) -> Data:
        if self._marked:
            marked, self._marked = self._marked, ()
            return ObjectsCollected(f"run-{seq}", marked)
        if len(self._waste) >= COLLECTED:
            self._marked = tuple(self._waste.popleft() for _ in range(COLLECTED))
            return ObjectsMarked(f"run-{seq}", seq, self._marked)
        return self._store(seq) if self._chance.random() < 0.6 else self._ingest(seq)

    def _store(self, seq: int) -> Data:
        number = self._chance.randrange(KEYS)
        sha256 = _sha(f"stored {seq}")
        blob = f"objects/{sha256}-{self._tag}-{seq - 1}-r{seq % 1000}"
        if was := self._stored.get(number):
            self._waste.append(was)
        self._stored[number] = blob
        key = f"folder-{number % 97}/object-{number}"
        return ObjectStored(key, blob, 1000 + seq % 5000, sha256, "text/csv")

    def _ingest(self, seq: int) -> Data:
        number = self._chance.randrange(DATASETS)
        blobs, name = self._blobs[number], f"Dataset_{number}"
        replaced = not blobs or len(blobs) >= OBJECTS_A_DATASET
        kind = DatasetRegistered if replaced else DatasetAppended
        if replaced:
            self._waste.extend(blobs)
            blobs.clear()
        sha256 = _sha(f"ingested {seq}")
        blob = f"datasets/{name}/{_sha('f1')}/{sha256}-{self._tag}-{seq - 1}-r{seq % 1000}.parquet"
        blobs.append(blob)
        item = Object(blob, blob, 2000 + seq % 5000, sha256, 100)
        return kind(dataset_id(name), name, _sha("f1"), SCHEMA, (item,), 100, None, (), ())


def long_journal(events: int = EVENTS, seed: int = 1) -> Path:
    """The directory of the bucket that holds it, made if it is not there yet."""
    name = f"{seed}-{events}-{STATE_VERSION}"
    directory = Path(tempfile.gettempdir()) / "lakehouse-long-journal" / name
    if not directory.exists():
        unfinished = directory.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        asyncio.run(_make(unfinished, events, seed))
        unfinished.rename(directory)
    return directory


async def _make(directory: Path, events: int, seed: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    directory.mkdir(parents=True)
    bucket = await open_bucket(str(directory))
    clock, chance = SteppingClock(), random.Random(seed)
    follower = Follower(await open_journal(bucket, clock, chance))
    keeper = Checkpointer(follower, clock, chance, bucket.spool_dir)
    facts = Facts(follower.journal.lake.lake, chance)
    while follower.state.head.seq < events:
        clock.at += timedelta(seconds=1)
        count = min(SLOT_EVENTS, events - follower.state.head.seq)
        await _commit(follower, facts, count, uuid7(clock.at, chance), format_at(clock.at))
        await keeper.store_due()
    await bucket.close()


async def _commit(follower: Follower, facts: Facts, count: int, commit: str, at: str) -> None:
    head, lake = follower.state.head, follower.journal.lake.lake
    position, first = head.position + 1, head.seq + 1
    events = tuple(facts.event(position, seq) for seq in range(first, first + count))
    header = Header(
        FORMAT, FORMAT, lake, position, head.sha256, commit, "w-bench1", at, first, count
    )
    body = encode_events(header, events)
    result = await follower.journal.commit(position, body, commit)
    if not isinstance(result, Committed):
        raise SystemExit(f"slot {position} was not committed: {result}")
    follower.accept(decode_slot(body, position))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    """Make the journal that the command line asks for; say where it is and what it took."""
    parser = argparse.ArgumentParser(description="Make a long journal.")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began_s = time.perf_counter()
    print(f"{long_journal(given.events, given.seed)}, {time.perf_counter() - began_s:.1f} s")


if __name__ == "__main__":
    main()
