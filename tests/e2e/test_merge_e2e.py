"""Merges by several processes at once, and while processes are killed: each key stays unique.

LAKEHOUSE_TEST_KILLS says how many kills, LAKEHOUSE_TEST_SEED which run of chance.
"""

import contextlib
import os
import random
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from places import Start
from process import Client, Lakehouse, Lost

KILLS = int(os.environ.get("LAKEHOUSE_TEST_KILLS", "4"))
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
MOST_KILLS = 4 * KILLS
"""Where none of the first met a merge in flight: on a busy machine they may all come too late."""
CLIENTS, ROUNDS, KEYS = 4, 5, 50
MERGE = "name=t&mode=merge&key=id"


def csv(rows: Iterable[tuple[int, int]]) -> bytes:
    return b"id,version\n" + b"".join(b"%d,%d\n" % row for row in rows)


def own(client: int) -> range:
    """The keys that one client merges."""
    return range(client * KEYS, (client + 1) * KEYS)


def begin(client: Client) -> None:
    """A dataset of an object for each client, and one more."""
    for number in range(CLIENTS + 1):
        answer = client.ingest("name=t&mode=append", csv((id_, 0) for id_ in own(number)))
        assert answer.status == 200, answer


def merge(client: Client, rows: Iterable[tuple[int, int]], **headers: str) -> int:
    """Merge rows; no retry is needed. Returns the seq."""
    answer = client.request("POST", f"/v1/ingest?{MERGE}", csv(rows), **headers)
    assert answer.status == 200, answer
    return answer.seq


def versions(client: Client, seq: int) -> dict[int, int]:
    """The version of each key, each of which must be there once."""
    rows = client.sql("SELECT id, version FROM t", as_of=str(seq))["rows"]
    found = {id_: version for id_, version in rows}
    assert len(found) == len(rows), "a key is there twice"
    return found


def agree(processes: list[Lakehouse], seq: int) -> None:
    heads = [each.client.get("/v1/journal/head", X_Min_Seq=str(seq)) for each in processes]
    assert heads[0] == heads[1]
    assert processes[0].journal("verify")["seq"] == heads[0]["seq"]


def test_two_processes_merge_different_keys_at_once(start: Start) -> None:
    processes = [start(), start()]
    begin(processes[0].client)

    def work(number: int) -> int:
        client, seq = processes[number % 2].client, 0
        for version in range(1, ROUNDS + 1):
            seq = merge(client, ((id_, version) for id_ in own(number)))
        return seq

    with ThreadPoolExecutor(CLIENTS) as pool:
        seq = max(pool.map(work, range(CLIENTS)))
    agree(processes, seq)
    found = versions(processes[1].client, seq)
    untouched = dict.fromkeys(own(CLIENTS), 0)
    assert found == dict.fromkeys(range(CLIENTS * KEYS), ROUNDS) | untouched


def test_a_merge_removes_what_was_appended_while_it_worked(start: Start) -> None:
    """After each merge its keys are there once, whoever else appends and merges the same keys."""
    processes = [start(), start()]
    begin(processes[0].client)
    keys = own(0)

    def work(number: int) -> list[int]:
        client = processes[number % 2].client
        if number:
            return [merge(client, ((id_, number) for id_ in keys)) for _ in range(ROUNDS)]
        for _ in range(3 * ROUNDS):
            answer = client.ingest("name=t&mode=append", csv((id_, -1) for id_ in keys))
            assert answer.status == 200, answer
        return []

    with ThreadPoolExecutor(CLIENTS) as pool:
        merged = sorted(seq for seqs in pool.map(work, range(CLIENTS)) for seq in seqs)
    agree(processes, merged[-1])
    for seq in merged:
        found = versions(processes[seq % 2].client, seq)
        assert found.keys() == set(range((CLIENTS + 1) * KEYS))
        assert {found[id_] for id_ in keys} <= set(range(1, CLIENTS))


def test_kills_neither_lose_nor_double_a_row(start: Start) -> None:
    processes = [start(), start()]
    begin(processes[0].client)
    rng, lost, done = random.Random(SEED), 0, dict.fromkeys(range((CLIENTS + 1) * KEYS), 0)
    began_s = time.monotonic()
    seq = merge(processes[0].client, ((id_, 0) for id_ in done))
    usual_s = time.monotonic() - began_s
    with ThreadPoolExecutor(1) as pool:
        for version in range(1, MOST_KILLS + 1):
            if lost and version > KILLS:
                break
            victim = processes[version % 2]
            rows = [(id_, version) for id_ in rng.sample(range(200), 40)]
            running = pool.submit(_merged_once, victim.client, rows, f"merge-{version}")
            time.sleep(rng.uniform(0.3, 1.0) * usual_s)
            victim.kill()
            if running.result() is None:
                lost += 1
            else:
                usual_s /= 2  # the first merge was a slow one: this kill came too late
            victim.start()
            other = processes[(version + rng.randint(0, 1)) % 2].client
            seq = merge(other, rows, Idempotency_Key=f"merge-{version}")
            done |= dict(rows)
            assert versions(other, seq) == done
    assert lost, "no kill ever met a merge in flight"
    agree(processes, seq)


def _merged_once(client: Client, rows: list[tuple[int, int]], key: str) -> int | None:
    """The seq of the merge; None where the process went first."""
    with contextlib.suppress(*Lost):
        return merge(client, rows, Idempotency_Key=key)
    return None
