"""Collectors on real processes, under load and kill -9: what is live stays, what is not goes.

LAKEHOUSE_TEST_SEED says which run of chance.
"""

import contextlib
import json
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from places import Start
from process import START_S, Answer, Client, Lakehouse, Lost, wait_until

SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
KEYS, NAMES = ("k/1", "k/2", "k/3"), ("t", "u")
KILLS, PAUSE_S = 5, 1.5
QUICK = {"QUERY_TIMEOUT_S": 1, "POLL_INTERVAL_S": 0.2}
"""Marked objects are left alone for as long as a query may take: here for a second and a half."""


class Load:
    """Users who change, restore and read, and collectors who know nothing of them or each other."""

    def __init__(self, clients: list[Client]) -> None:
        self.reported: Counter[str] = Counter()
        self.wrong: list[object] = []
        self._clients = clients
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def use(self, number: int) -> None:
        rng, step = random.Random(f"{SEED}/{number}"), 0
        while not self._stop.is_set():
            step += 1
            with contextlib.suppress(*Lost):
                self._step(rng, rng.choice(self._clients), f"{number}-{step}")

    def collect(self, number: int) -> None:
        rng = random.Random(f"{SEED}/collector/{number}")
        while not self._stop.is_set():
            with contextlib.suppress(*Lost):
                answer = gc(rng.choice(self._clients))
                self._note("gc", answer)
                if answer.status == 200:
                    self.reported["deleted"] += answer.json["deleted"]
            self._stop.wait(rng.uniform(0.1, 0.5))

    def _step(self, rng: random.Random, client: Client, mark: str) -> None:
        draw, name, key = rng.random(), rng.choice(NAMES), rng.choice(KEYS)
        if draw < 0.3:
            self._note("put", client.put(key, mark.encode()))
        elif draw < 0.5:
            self._note("ingest", client.ingest(f"name={name}", f"a\n{mark}\n".encode()))
        elif draw < 0.6:
            self._note("append", client.ingest(f"name={name}&mode=append", f"a\n{mark}\n".encode()))
        elif draw < 0.7:
            as_of = max(client.get("/v1/journal/head")["seq"] - rng.randrange(1, 20), 0)
            body = json.dumps({"name": name, "as_of": as_of}).encode()
            self._note("restore", client.request("POST", "/v1/catalog/restore", body))
        elif draw < 0.75:
            self._note("drop", client.drop(name))
        elif draw < 0.9:
            self._note("get", client.request("GET", f"/v1/storage/get/{key}"))
        else:
            seq = client.get("/v1/journal/head")["seq"]
            question = json.dumps({"sql": f"SELECT count(*) FROM {name}", "as_of": seq}).encode()
            self._note("sql", client.request("POST", "/v1/sql", question))

    def _note(self, what: str, answer: Answer) -> None:
        code = "done" if answer.status < 300 else answer.json["code"]
        self.reported[f"{what} {code}"] += 1
        if code in ("object_lost", "internal_error", "journal_corrupt"):
            self.wrong.append((what, answer))


def gc(client: Client) -> Answer:
    body = json.dumps({"dry_run": False, "older_than": "0s"}).encode()
    return client.request("POST", "/v1/gc", body)


def test_under_load_and_kills_nothing_that_is_live_is_deleted(start: Start) -> None:
    print(f"LAKEHOUSE_TEST_SEED={SEED}")
    processes = [start(**QUICK) for _ in range(2)]
    load = Load([process.client for process in processes])
    with ThreadPoolExecutor(8) as pool:
        users = [pool.submit(load.use, number) for number in range(5)]
        users += [pool.submit(load.collect, number) for number in range(2)]
        try:
            _kill_in_turn(processes)
            wait_until(lambda: load.reported["deleted"] > 20, START_S, "objects to be deleted")
        finally:
            load.stop()
        for user in users:
            user.result(180)
    print(dict(load.reported))
    assert load.wrong == []
    _check(processes)


def _kill_in_turn(processes: list[Lakehouse]) -> None:
    rng = random.Random(SEED)
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.5, 1.5) * PAUSE_S)
        victim = rng.choice(processes)
        victim.kill()
        victim.begin()
    for process in processes:
        process.wait_ready()
    time.sleep(PAUSE_S)


def _check(processes: list[Lakehouse]) -> None:
    """A last run takes what the others left; every object that may be read is there and whole."""
    first = processes[0].client
    done = gc(first)
    assert done.status == 200, done
    assert done.json["left"] == 0
    verified = processes[1].cli("journal", "verify", "--objects", "--json")
    assert verified.returncode == 0, verified
    for key in KEYS:
        assert first.request("GET", f"/v1/storage/get/{key}").status in (200, 404)
    for dataset in first.get("/v1/catalog/list")["datasets"]:
        rows = first.sql_in_time(f"SELECT count(*) FROM {dataset['name']}")["rows"]
        assert rows == [[dataset["row_count"]]]
    gone = [event for event in first.events() if event["type"] == "objects_collected"]
    assert gone
