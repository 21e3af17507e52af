"""kill -9 in a loop, under load: nothing that was acknowledged is lost, nothing is done twice.

LAKEHOUSE_TEST_KILLS says how many kills, LAKEHOUSE_TEST_SEED which run of chance.
"""

import os
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

from ledger import Ledger, check
from places import Start
from process import Lakehouse

PROCESSES, CLIENTS = 3, 8
KILLS = int(os.environ.get("LAKEHOUSE_TEST_KILLS", "12"))
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
PAUSES_S = (0.1, 0.9)
END_S = 180.0


def test_kills_lose_and_double_nothing(start: Start) -> None:
    print(f"LAKEHOUSE_TEST_SEED={SEED} LAKEHOUSE_TEST_KILLS={KILLS}")
    # A compaction in the background would be an event between two lists that are compared.
    processes = [start(COMPACT_OBJECTS=0) for _ in range(PROCESSES)]
    ledger, stop = Ledger([process.client for process in processes]), threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ledger.run, number, SEED, stop) for number in range(CLIENTS)]
        try:
            _kill_in_turn(processes, clients)
        finally:
            stop.set()
        for client in clients:
            client.result(END_S)
    print(f"{len(ledger.acknowledged)} done, {ledger.lost} lost, reported {dict(ledger.answers)}")
    assert ledger.lost, "no kill ever met a change in flight"
    check(ledger, processes)


def _kill_in_turn(processes: list[Lakehouse], clients: list[Future[None]]) -> None:
    """Kill one after the other, at random, also one that is still starting; all run at the end."""
    rng = random.Random(SEED)
    for _ in range(KILLS):
        time.sleep(rng.uniform(*PAUSES_S))
        for client in clients:
            if client.done():
                client.result()
        victim = rng.choice(processes)
        victim.kill()
        victim.begin()
    for process in processes:
        process.wait_ready()
