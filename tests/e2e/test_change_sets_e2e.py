"""200 datasets exchanged at once under readers, while processes are killed: nobody ever sees a mix.

LAKEHOUSE_TEST_KILLS says how many kills, LAKEHOUSE_TEST_SEED which run of chance.
"""

import contextlib
import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from places import Start
from process import START_S, Client, Lakehouse, Lost, wait_until

DATASETS, READERS, STATEMENTS, LISTENERS = 200, 16, 4, 4
KILLS = int(os.environ.get("LAKEHOUSE_TEST_KILLS", "4"))
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
PAUSES_S = (0.5, 2.0)
NAMES = [f"live_{number:03d}" for number in range(DATASETS)]
COLOURS = ("blue", "green")
SWAP = {"changes": [{"op": "swap", "a": name, "b": name.replace("live", "next")} for name in NAMES]}
ALL_ROWS = " UNION ALL ".join(f"SELECT colour FROM {name}" for name in NAMES)
STATEMENT = f"SELECT colour, count(*) FROM ({ALL_ROWS}) GROUP BY colour"

Look = Callable[[Client, random.Random], dict[str, int]]


class Watch:
    """What readers have seen: how often which mixture, and of that more than one colour."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients
        self.stop = threading.Event()
        self.seen: Counter[str] = Counter()
        self.mixed: list[tuple[str, dict[str, int]]] = []
        self.swapped: list[int] = []
        self._lock = threading.Lock()

    def look(self, number: int, look: Look) -> None:
        """Look again and again, at a process that is there."""
        rng = random.Random(f"{SEED}-{number}")
        while not self.stop.is_set():
            with contextlib.suppress(*Lost):
                self.note(look.__name__, look(rng.choice(self.clients), rng))

    def note(self, look: str, colours: dict[str, int]) -> None:
        with self._lock:
            if colours:
                self.seen[look] += 1
            if len(colours) > 1 or sum(colours.values()) not in (0, DATASETS):
                self.mixed.append((look, colours))

    def saw_enough(self) -> bool:
        with self._lock:
            looks = ("the_list", "the_past", "a_statement", "the_feed")
            return min(self.seen[look] for look in looks) > 3

    def swap(self) -> None:
        """Exchange all of them, and again under the same key until the answer is certain."""
        rng, number = random.Random(SEED), 0
        while not self.stop.is_set():
            number += 1
            while (seq := self._swap_once(rng, f"swap-{number}")) is None:
                time.sleep(0.05)
            self.swapped.append(seq)

    def _swap_once(self, rng: random.Random, key: str) -> int | None:
        body = json.dumps(SWAP).encode()
        with contextlib.suppress(*Lost):
            target = "/v1/catalog/transaction"
            answer = rng.choice(self.clients).request("POST", target, body, Idempotency_Key=key)
            assert answer.status in (200, 503), answer
            return answer.seq if answer.status == 200 else None
        return None

    def listen(self, number: int) -> None:
        """The feed: each event of the exchange has all of it."""
        after = 0
        while not self.stop.is_set():
            with contextlib.suppress(*Lost):
                for event in _stream(self.clients[number % len(self.clients)], after, self.stop):
                    after = event["seq"]
                    if event["type"] == "change_set_committed" and after > 3:
                        changes = event["data"]["changes"]
                        self.note("the_feed", dict(Counter(each["type"] for each in changes)))


def the_list(client: Client, rng: random.Random, query: str = "") -> dict[str, int]:
    answer = client.request("GET", f"/v1/catalog/list?limit=10000{query}")
    if answer.status != 200:
        return {}
    live = [each for each in answer.json["datasets"] if each["name"] in NAMES]
    return dict(Counter(each["objects"][0]["key"] for each in live))


def the_past(client: Client, rng: random.Random) -> dict[str, int]:
    head = client.request("GET", "/v1/journal/head")
    if head.status != 200:
        return {}
    return the_list(client, rng, f"&as_of={rng.randint(3, max(3, head.json['seq']))}")


def a_statement(client: Client, rng: random.Random) -> dict[str, int]:
    answer = client.request("POST", "/v1/sql", json.dumps({"sql": STATEMENT}).encode())
    return dict(answer.json["rows"]) if answer.status == 200 else {}


def test_nobody_sees_a_part_of_an_exchange(start: Start) -> None:
    print(f"LAKEHOUSE_TEST_SEED={SEED} LAKEHOUSE_TEST_KILLS={KILLS}")
    processes = [start(), start()]
    watch = Watch([each.client for each in processes])
    _make(watch.clients[0])
    with ThreadPoolExecutor(READERS + 1) as pool:
        work = [pool.submit(watch.swap)]
        work += [pool.submit(watch.listen, number) for number in range(LISTENERS)]
        for number in range(READERS - LISTENERS):
            look = a_statement if number < STATEMENTS else the_past if number % 4 == 0 else the_list
            work.append(pool.submit(watch.look, number, look))
        try:
            _kill_in_turn(processes)
            wait_until(watch.saw_enough, START_S, "each way of looking to have seen some")
        finally:
            watch.stop.set()
        for each in work:
            each.result(180)
    print(f"{len(watch.swapped)} exchanges, seen {dict(watch.seen)}")
    assert watch.mixed == []
    _check_journal(watch)


def _make(client: Client) -> None:
    for colour in COLOURS:
        file = BytesIO()
        pq.write_table(pa.table({"colour": [colour]}), file)
        assert client.put(colour, file.getvalue()).status == 200
    registered = [
        {"op": "register", "name": name, "schema_fingerprint": "f", "objects": [{"key": colour}]}
        for colour, prefix in zip(COLOURS, ("live", "next"), strict=True)
        for name in (each.replace("live", prefix) for each in NAMES)
    ]
    body = json.dumps({"changes": registered}).encode()
    answer = client.request("POST", "/v1/catalog/transaction", body)
    assert answer.status == 200, answer


def _kill_in_turn(processes: list[Lakehouse]) -> None:
    rng = random.Random(SEED)
    for _ in range(KILLS):
        time.sleep(rng.uniform(*PAUSES_S))
        victim = rng.choice(processes)
        victim.kill()
        victim.start()


def _check_journal(watch: Watch) -> None:
    """Each exchange that was acknowledged is one event, and none is there twice."""
    for client in watch.clients:
        client.get("/v1/journal/head", X_Min_Seq=str(max(watch.swapped)))
    events = [each for each in watch.clients[0].events() if each["type"] == "change_set_committed"]
    assert [each["seq"] for each in events[1:]] == sorted(set(watch.swapped))
    assert len(watch.swapped) == len(set(watch.swapped))
    for number, event in enumerate(events):
        found = the_list(watch.clients[1], random.Random(), f"&as_of={event['seq']}")
        assert found == {COLOURS[number % 2]: DATASETS}


def _stream(client: Client, after: int, stop: threading.Event) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", f"/v1/journal/stream?after={after}")
        answer = connection.getresponse()
        while not stop.is_set() and (line := answer.readline()):
            if line.startswith(b"data: {") and b'"specversion"' in line:
                yield json.loads(line.removeprefix(b"data: "))
