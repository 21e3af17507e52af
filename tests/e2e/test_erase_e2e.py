"""Erasures on real processes that are killed: afterwards no byte of the rows is anywhere.

LAKEHOUSE_TEST_SEED says which run of chance.
"""

import asyncio
import json
import os
import random
import threading
import time
from contextlib import suppress
from pathlib import Path

from canary_search import places_of
from places import Place, Start
from process import Answer, Client, Lakehouse, Lost

from journal.bucket.opening import open_bucket, s3_settings_from_environment

SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
CANARY = "ada.lovelace@example.org"
VERSIONS, KILLS = 30, 3
QUICK = {"QUERY_TIMEOUT_S": 2, "POLL_INTERVAL_S": 0.2}


def erase(client: Client, **more: object) -> Answer:
    body = {
        "name": "people",
        "where": f"email = '{CANARY}'",
        "reason": "request 1",
        "dry_run": False,
    }
    return client.request("POST", "/v1/catalog/erase", json.dumps(body | more).encode())


def test_killed_at_any_point_it_is_completed_and_nothing_is_left(
    start: Start, place: Place, tmp_path: Path
) -> None:
    print(f"LAKEHOUSE_TEST_SEED={SEED}")
    rng = random.Random(SEED)
    processes = [start(**QUICK, SPOOL_DIR=str(tmp_path / f"spool{n}")) for n in range(2)]
    first = processes[0].client
    for number in range(VERSIONS):
        rows = f"id,email\n{number},{CANARY}\n{number},eve@example.org\n"
        assert first.ingest("name=people&mode=append", rows.encode()).status == 200
    for process in processes:
        # As of an event, so that the other process has read it; this fills the caches.
        process.client.sql_in_time("SELECT max(email) FROM people", as_of=VERSIONS)
    stop, done = threading.Event(), list[Answer]()
    worker = threading.Thread(target=_until_erased, args=(processes, stop, done))
    worker.start()
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.1, 2.0))
        victim = rng.choice(processes)
        victim.kill()
        victim.begin()
        victim.wait_ready()
    stop.set()
    worker.join(200)
    assert done, "no erasure succeeded"
    last = _erased_by(processes[0].client)
    assert last.json["objects"] == 0
    roots = {_root(process) for process in processes}
    assert len(roots) == 1
    for process in processes:
        for seq in range(1, VERSIONS + 1, 7):
            counted = "SELECT email, count(*) FROM people GROUP BY 1"
            answer = process.client.sql_in_time(counted, as_of=seq)
            assert answer["rows"] == [["eve@example.org", seq]]
    verified = processes[1].cli("journal", "verify", "--objects", "--json")
    assert verified.returncode == 0, verified
    _assert_nowhere(place, tmp_path)


def _until_erased(processes: list[Lakehouse], stop: threading.Event, done: list[Answer]) -> None:
    """Ask one process after the other; once no more is killed, until it has succeeded."""
    number = 0
    while not stop.is_set() or not done:
        number += 1
        with suppress(*Lost):
            answer = erase(processes[number % 2].client)
            if answer.status == 200:
                done.append(answer)
        time.sleep(0.05)


def _erased_by(client: Client) -> Answer:
    answer = erase(client)
    assert answer.status == 200, answer
    return answer


def _root(process: Lakehouse) -> str:
    replayed = process.cli("journal", "replay", "--json")
    assert replayed.returncode == 0, replayed
    root: str = json.loads(replayed.stdout)["state_root"]
    return root


def _assert_nowhere(place: Place, tmp_path: Path) -> None:
    """Not in the bucket, whatever lies there; not in any process's spool, cache or log."""
    copy = tmp_path / "everything"
    asyncio.run(_download(place, copy))
    assert places_of(CANARY, tmp_path) == []


async def _download(place: Place, target: Path) -> None:
    """Every object of the bucket, caches of the journal too."""
    s3 = None
    if place.bucket.startswith("s3://"):
        s3 = s3_settings_from_environment(place.bucket, place.environ, {})
    bucket = await open_bucket(place.bucket, s3)
    try:
        target.mkdir()
        for prefix in ("_journal/", "_access/", "_audit/", "datasets/", "objects/"):
            page = await bucket.list_objects(prefix, limit=1_000)
            while page:
                for number, stat in enumerate(page):
                    body = await bucket.read(stat.key)
                    (target / f"{prefix.strip('/')}-{number}-{hash(stat.key)}").write_bytes(body)
                page = await bucket.list_objects(prefix, page[-1].key, limit=1_000)
    finally:
        await bucket.close()
