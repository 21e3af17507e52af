"""Compaction in real processes, on a directory and on S3: killed midway, and by two at once."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from places import Place, Start
from process import Client, Lakehouse, Lost, wait_until

CLIENTS = 8
SETTLED = 16
KILLS, FILES = 4, 12


def append(client: Client, name: str, first: int, count: int) -> None:
    """Append files of two rows each, several at a time: their order is that of the events."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        done = pool.map(
            lambda number: client.ingest(
                f"name={name}&mode=append", f"n,s\n{number},x\n{number},\n".encode()
            ),
            range(first, first + count),
        )
        assert all(answer.status == 200 for answer in done)


def rows(client: Client, name: str, **more: object) -> list[list[object]]:
    found: list[list[object]] = client.sql(f"SELECT n, s FROM {name}", **more)["rows"]
    return found


def objects(client: Client, name: str) -> int:
    return len(client.get(f"/v1/catalog/manifest/{name}")["objects"])


def compact(client: Client, name: str) -> dict[str, object]:
    answer = client.request("POST", "/v1/catalog/compact", f'{{"name": "{name}"}}'.encode())
    assert answer.status == 200, answer
    (found,) = answer.json["datasets"]
    return dict(found)


def test_many_appended_files_become_one_with_every_moment_as_it_was(
    start: Start, place: Place
) -> None:
    count = 200 if place.environ else 1_000
    lakehouse = start(COMPACT_OBJECTS=0)
    client = lakehouse.client
    append(client, "a", 0, count)
    before, middle = rows(client, "a"), count // 2
    then = rows(client, "a", as_of=middle)
    assert (len(before), len(then)) == (2 * count, 2 * middle)
    done = compact(client, "a")
    assert (done["objects_before"], done["objects_after"]) == (count, 1)
    assert rows(client, "a") == before
    assert rows(client, "a", as_of=middle) == then
    assert rows(client, "a", as_of=count) == before
    append(client, "a", count, 3)
    assert rows(client, "a")[: 2 * count] == before
    verified = lakehouse.cli("journal", "verify", "--objects", "--json")
    assert verified.returncode == 0, verified.stdout


def test_a_kill_midway_loses_nothing_and_the_next_one_goes_on(start: Start) -> None:
    """The moments of the kills are of chance: from before the copies to after the event."""
    chance = random.Random(1)
    lakehouse = start(COMPACT_OBJECTS=0)
    for number in range(KILLS):
        append(lakehouse.client, "a", FILES * number, FILES)
        before = rows(lakehouse.client, "a")
        asking = threading.Thread(target=_abandoned, args=(lakehouse,))
        asking.start()
        time.sleep(chance.uniform(0.05, 1.5))
        lakehouse.kill()
        asking.join()
        lakehouse.start()
        assert rows(lakehouse.client, "a") == before
    append(lakehouse.client, "a", FILES * KILLS, 2)
    before = rows(lakehouse.client, "a")
    compact(lakehouse.client, "a")
    assert rows(lakehouse.client, "a") == before
    assert objects(lakehouse.client, "a") == 1
    verified = lakehouse.cli("journal", "verify", "--objects", "--json")
    assert verified.returncode == 0, verified.stdout


def _abandoned(lakehouse: Lakehouse) -> None:
    """A compaction whose answer may never come."""
    try:
        lakehouse.client.request("POST", "/v1/catalog/compact", b'{"name": "a"}')
    except Lost:
        return


def test_two_processes_compact_in_the_background_while_both_append(start: Start) -> None:
    one, two = start(COMPACT_OBJECTS=20), start(COMPACT_OBJECTS=20)
    append(one.client, "a", 0, 60)
    with ThreadPoolExecutor(2) as pool:
        halves = [
            pool.submit(append, process.client, "a", first, 60)
            for process, first in ((one, 60), (two, 120))
        ]
        for half in halves:
            half.result()
    wait_until(lambda: objects(two.client, "a") <= SETTLED, 90, "few objects")
    before = rows(two.client, "a")
    assert sorted(row[0] for row in before) == [n for n in range(180) for _ in range(2)]
    head = two.client.get("/v1/journal/head")["seq"]
    assert rows(one.client, "a", as_of=head) == before
    kinds = [event["type"] for event in two.client.events()]
    assert kinds.count("dataset_appended") == 180
    assert "dataset_rewritten" in kinds
