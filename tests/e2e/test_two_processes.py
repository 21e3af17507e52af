"""Two processes on one bucket change it at the same time; afterwards they are of one mind."""

import random
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from places import Start
from process import Answer, Client

CLIENTS = 4
"""On each of the two processes."""
TURNS = 20
SHARED = ("alpha", "beta", "gamma")
OTHERS = ("ALPHA", "Beta")
"""Other spellings of shared names: refused for as long as the first ones live."""


class Done(NamedTuple):
    """An acknowledged change: the id of its request, its seq, and the event that it must be."""

    request_id: str
    seq: int
    type: str
    about: str


class Worker:
    """A client that puts, registers and drops on one process, and reads its writes on the other."""

    def __init__(self, number: int, here: Client, there: Client) -> None:
        self.number = number
        self.done: list[Done] = []
        self._here = here
        self._there = there
        self._rng = random.Random(number)

    def run(self) -> None:
        for turn in range(TURNS):
            key = f"data/{self.number}/{turn}"
            self._put(key)
            self._register_own(turn, key)
            self._register_shared(key)
            if turn % 2:
                self._drop(f"own_{self.number}_{turn - 1}", must=True)
            if turn % 3 == 0:
                self._drop(self._rng.choice(SHARED), must=False)

    def _put(self, key: str) -> None:
        answer = self._change("object_stored", lambda ids: self._here.put(key, _bytes(), **ids))
        read = self._there.request("HEAD", f"/v1/storage/get/{key}", X_Min_Seq=str(answer.seq))
        assert read.status == 200, read
        assert read.headers["ETag"].strip('"') == answer.json["sha256"]

    def _register_own(self, turn: int, key: str) -> None:
        name = f"own_{self.number}_{turn}"
        answer = self._register(name, key)
        assert answer.status == 200, answer
        manifest = self._there.get(f"/v1/catalog/manifest/{name}", X_Min_Seq=str(answer.seq))
        assert manifest == answer.json

    def _register_shared(self, key: str) -> None:
        name = self._rng.choice(SHARED + OTHERS)
        answer = self._register(name, key)
        assert answer.status == 200 or answer.json["code"] == "name_taken", answer

    def _register(self, name: str, key: str) -> Answer:
        return self._change(
            "dataset_registered", lambda ids: self._here.register(name, "v1", [key], **ids)
        )

    def _drop(self, name: str, *, must: bool) -> None:
        answer = self._change("dataset_dropped", lambda ids: self._here.drop(name, **ids))
        assert answer.status == 200 or (answer.status == 404 and not must), answer

    def _change(self, type_: str, ask: Callable[[dict[str, str]], Answer]) -> Answer:
        """One change, asked again for as long as it is certainly not done."""
        while True:
            request_id = secrets.token_hex(8)
            answer = ask({"X_Request_Id": request_id})
            if answer.status != 503:
                break
            assert answer.json["code"] in ("not_committed", "busy"), answer
        if answer.status == 200:
            body = answer.json
            self.done.append(Done(request_id, answer.seq, type_, body.get("key") or body["name"]))
        return answer


def test_two_processes_lose_and_double_nothing(start: Start) -> None:
    first, second = start(), start()
    workers = [
        Worker(number, *clients)
        for number, clients in enumerate(
            [(first.client, second.client), (second.client, first.client)] * CLIENTS
        )
    ]
    with ThreadPoolExecutor(len(workers)) as pool:
        for running in [pool.submit(worker.run) for worker in workers]:
            running.result()
    done = sorted((one for worker in workers for one in worker.done), key=lambda one: one.seq)

    last = {"X_Min_Seq": str(done[-1].seq)}
    for path in (
        "/v1/journal/head",
        "/v1/catalog/list?limit=10000",
        "/v1/storage/list?limit=10000",
    ):
        assert first.client.get(path, **last) == second.client.get(path, **last), path
    events = first.client.events()
    assert events == second.client.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [_done(event) for event in events] == done
    assert _catalog(first.client) == _folded(events)

    assert first.journal("verify")["seq"] == len(events)
    roots = [process.journal("replay") for process in (first, second)]
    assert roots[0] == roots[1]
    for process in (first, second):
        assert process.stop() == 0
    third = start()
    assert third.client.get("/v1/journal/head")["sha256"] == roots[0]["sha256"]
    assert _catalog(third.client) == _folded(events)


def _done(event: dict[str, Any]) -> Done:
    """The change that an event says was done."""
    about = event["data"].get("key") or event["data"]["name"]
    return Done(event["correlation"], event["seq"], event["type"], about)


def _catalog(client: Client) -> dict[str, list[str]]:
    listed = client.get("/v1/catalog/list?limit=10000")["datasets"]
    return {each["name"]: [item["sha256"] for item in each["objects"]] for each in listed}


def _folded(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The live datasets by a fold that is not ours."""
    live: dict[str, list[str]] = {}
    for event in events:
        if event["type"] == "dataset_registered":
            live[event["data"]["name"]] = [item["sha256"] for item in event["data"]["objects"]]
        elif event["type"] == "dataset_dropped":
            del live[event["data"]["name"]]
    return live


def _bytes() -> bytes:
    return secrets.token_bytes(1_000)
