"""A crowd of clients that change things until the server is gone, and what must be true afterwards.

Every change has a body that is its alone, so its SHA-256 finds its event, and how often it is there.
"""

import hashlib
import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from process import Answer, Client, Lost

BODY_BYTES = 64 * 1024
BUSY_S = 0.01
WITHIN_S = 120.0
SHARED = "all_of_us"

Rows = list[list[int]]


class Change(NamedTuple):
    """A PUT to the key `name`, or an ingest into the dataset `name`."""

    name: str
    ingest: str | None
    """The query of an ingest; None for a PUT."""
    body: bytes
    key: str | None
    """Its idempotency key, if it has one."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Crowd:
    """Clients, and what came of each of their changes."""

    def __init__(self, client: Client) -> None:
        self.acknowledged: dict[Change, int] = {}
        """The seq of each receipt."""
        self.unknown: list[Change] = []
        """Sent, and never answered."""
        self._client = client
        self._dying = False
        self._told = threading.Condition()

    def run(self, changes: Iterator[Change]) -> None:
        """Send one change after the other until the server is gone."""
        for change in changes:
            try:
                answer = send(self._client, change)
            except Lost:
                assert self._dying, "a connection broke before the process was killed"
                self.unknown.append(change)
                return
            with self._told:
                self.acknowledged[change] = answer.json["seq"]
                self._told.notify_all()

    def wait_for(self, count: int, clients: Sequence[Future[None]]) -> None:
        """Return once so many changes are acknowledged; from then on the server may go."""

        def enough() -> bool:
            return len(self.acknowledged) >= count or any(one.done() for one in clients)

        with self._told:
            self._told.wait_for(enough, WITHIN_S)
            self._dying = True
        for one in clients:
            if one.done():
                one.result()
        assert len(self.acknowledged) >= count, "too little was acknowledged in time"


def puts(number: int) -> Iterator[Change]:
    """Version after version of three keys, every other one with an idempotency key."""
    rng = random.Random(number)
    for turn in itertools.count():
        key = f"put-{number}-{turn}" if turn % 2 else None
        yield Change(f"crowd/{number}/{turn % 3}", None, rng.randbytes(BODY_BYTES), key)


def ingests(number: int) -> Iterator[Change]:
    """Appends to one dataset for all and replacements of one's own, in turns."""
    for turn in itertools.count():
        rows = "".join(f"{number},{turn},{row}\n" for row in range(100))
        key = f"ingest-{number}-{turn}" if turn % 4 < 2 else None
        name, mode = (f"own_{number}", "replace") if turn % 2 else (SHARED, "append")
        yield Change(name, f"name={name}&mode={mode}", f"client,turn,row\n{rows}".encode(), key)


def send(client: Client, change: Change) -> Answer:
    """The receipt of a change, asked for again for as long as it is certainly not done."""
    headers = {"Idempotency_Key": change.key} if change.key else {}
    while True:
        if change.ingest is None:
            answer = client.put(change.name, change.body, **headers)
        else:
            answer = client.ingest(change.ingest, change.body, **headers)
        if answer.status == 200:
            return answer
        assert answer.status == 503, answer
        assert answer.json["code"] in ("busy", "not_committed"), answer
        time.sleep(BUSY_S)


def check_once_each(client: Client, done: Mapping[Change, int], perhaps: list[Change]) -> None:
    """What is done has one event and its bytes; what is perhaps done has one event at most."""
    seqs = defaultdict(list)
    for event in client.events():
        content = event["data"].get("source") or event["data"]
        seqs[content["sha256"]].append(event["seq"])
    for change, seq in done.items():
        assert seqs[change.sha256] == [seq], change.name
        if change.ingest is None:
            stored = client.request("GET", f"/v1/storage/get/{change.name}?as_of={seq}")
            assert stored.body == change.body, change.name
    assert all(len(seqs[change.sha256]) <= 1 for change in perhaps)
    true = {change: seqs[change.sha256][0] for change in [*done, *perhaps] if seqs[change.sha256]}
    _check_rows(client, true)


def _check_rows(client: Client, true: Mapping[Change, int]) -> None:
    """The shared dataset holds the rows of all its appends, one's own those of its last version."""
    by_name = defaultdict(list)
    for change in sorted(true, key=lambda change: true[change]):
        if change.ingest is not None:
            by_name[change.name].append(change)
    for name, changes in by_name.items():
        rows = [row for change in changes for row in _rows(change)]
        expected = rows if name == SHARED else _rows(changes[-1])
        assert client.sql(f"FROM {name} ORDER BY ALL")["rows"] == sorted(expected), name


def _rows(change: Change) -> Rows:
    lines = change.body.decode().splitlines()[1:]
    return [[int(cell) for cell in line.split(",")] for line in lines]
