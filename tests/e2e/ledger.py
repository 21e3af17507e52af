"""Clients that note what was acknowledged, whichever process they asked, and the comparison after.

Each change has a name of its own, sent as its request id and found again as its event's correlation:
that tells how often it was done. All but some carry an idempotency key too, and what is unknown is
sent again with the same key, to any process, until somebody says that it is done.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from process import Answer, Client, Lakehouse, Lost

PAUSE_S = 0.05
UNKNOWN = ("outcome_unknown",)
PASSING = (
    "busy",
    "not_committed",
    "outcome_unknown",
    "bucket_unavailable",
    "not_caught_up",
    "shutting_down",
)
"""The codes that a client may get while processes or the store fail; all of it is worth another try."""


class Change(NamedTuple):
    """One change: what it is called, how it is asked for, and the bytes it brings, if any."""

    name: str
    ask: Callable[[Client, dict[str, str]], Answer]
    keyed: bool
    stored: tuple[str, bytes] | None = None
    """The key and the bytes of a PUT."""


class Ledger:
    """What came of the changes of all clients."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.acknowledged: dict[Change, int] = {}
        """The seq of each receipt."""
        self.perhaps: list[Change] = []
        """Sent without a key, and never answered with certainty."""
        self.answers: dict[str, int] = defaultdict(int)
        """How often each code was returned."""
        self.lost = 0
        self._clients = clients
        self._lock = threading.Lock()

    def run(self, number: int, seed: int, stop: threading.Event) -> None:
        """One client's changes, one after the other; what has begun is carried to its end."""
        rng = random.Random(f"{seed}-{number}")
        for change in changes(number, rng):
            if stop.is_set():
                return
            self._carry(change, rng)

    def _carry(self, change: Change, rng: random.Random) -> None:
        key = {"Idempotency_Key": change.name} if change.keyed else {}
        while True:
            certain, seq = self._once(change, rng.choice(self._clients), key)
            with self._lock:
                if seq is not None:
                    self.acknowledged[change] = seq
                    return
                if not certain and not change.keyed:
                    self.perhaps.append(change)
                    return
            time.sleep(rng.uniform(0, PAUSE_S))

    def _once(self, change: Change, client: Client, key: dict[str, str]) -> tuple[bool, int | None]:
        """Whether it is certain what came of one asking, and the receipt's seq if it was done."""
        try:
            answer = change.ask(client, {"X_Request_Id": change.name} | key)
        except ConnectionRefusedError:
            return True, None
        except Lost:
            self.lost += 1
            return False, None
        if answer.status == 200:
            return True, answer.seq
        reported = answer.json
        self.answers[reported["code"]] += 1
        assert answer.status == 503, (change.name, answer)
        assert reported["retryable"] is True, (change.name, answer)
        assert reported["code"] in PASSING, (change.name, answer)
        return reported["code"] not in UNKNOWN, None


def changes(number: int, rng: random.Random) -> Iterator[Change]:
    """Object, dataset over it, its end, a shared dataset's growth: in turns, without an end."""
    turn = 0
    while True:
        turn += 1
        name, body = f"c{number}-{turn}", rng.randbytes(rng.choice((300, 40_000, 400_000)))
        key = f"data/{number}/{turn}"
        yield _put(f"{name}-put", key, body, keyed=True)
        yield _registered(f"{name}-register", f"own_{number}_{turn}", key)
        if turn % 2:
            yield _dropped(f"{name}-drop", f"own_{number}_{turn}")
        if turn % 4 == 0:
            yield _put(f"{name}-unkeyed", f"{key}/unkeyed", body, keyed=False)
        if turn % 3 == 0:
            yield _appended(f"{name}-ingest", number, turn)


def check(ledger: Ledger, processes: Sequence[Lakehouse]) -> None:
    """Every acknowledged change has one event, with its seq and its bytes; nothing has two."""
    client = processes[0].client
    client.get("/v1/journal/head", X_Min_Seq=str(max(ledger.acknowledged.values())))
    events = client.events()
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
    seqs = defaultdict(list)
    for event in events:
        seqs[event["correlation"]].append(event["seq"])
    for change, seq in ledger.acknowledged.items():
        assert seqs.pop(change.name) == [seq], change.name
    known = {change.name for change in ledger.perhaps}
    assert {name for name, found in seqs.items() if len(found) > 1} == set()
    assert set(seqs) <= known, "events that nobody asked for"
    for change in ledger.acknowledged:
        if change.stored is not None:
            _check_bytes(client, *change.stored)
    _check_agreement(processes, len(events))


def _check_bytes(client: Client, key: str, body: bytes) -> None:
    read = client.request("GET", f"/v1/storage/get/{key}")
    assert read.status == 200, (key, read)
    assert read.body == body, key


def _check_agreement(processes: Sequence[Lakehouse], seq: int) -> None:
    """All processes and the facts themselves say the same."""
    last = {"X_Min_Seq": str(seq)}
    for path in (
        "/v1/journal/head",
        "/v1/catalog/list?limit=10000",
        "/v1/storage/list?limit=10000",
    ):
        seen = [process.client.get(path, **last) for process in processes]
        assert all(each == seen[0] for each in seen), path
    verified = processes[0].cli("journal", "verify", "--objects", "--json")
    assert verified.returncode == 0, verified
    diff = processes[0].cli("journal", "replay", "--diff", "--json")
    assert diff.returncode == 0, diff
    roots = [process.journal("replay")["state_root"] for process in processes[:2]]
    assert len(set(roots)) == 1
    assert processes[0].journal("replay")["seq"] == seq


def _put(name: str, key: str, body: bytes, *, keyed: bool) -> Change:
    return Change(name, lambda client, ids: client.put(key, body, **ids), keyed, (key, body))


def _registered(name: str, dataset: str, key: str) -> Change:
    def ask(client: Client, ids: dict[str, str]) -> Answer:
        return client.register(dataset, "v1", [key], **ids)

    return Change(name, ask, keyed=True)


def _dropped(name: str, dataset: str) -> Change:
    return Change(name, lambda client, ids: client.drop(dataset, **ids), keyed=True)


def _appended(name: str, number: int, turn: int) -> Change:
    rows = f"client,turn\n{number},{turn}\n".encode()

    def ask(client: Client, ids: dict[str, str]) -> Answer:
        return client.ingest("name=all_of_us&mode=append", rows, **ids)

    return Change(name, ask, keyed=True)
