"""A store that resets, refuses, stalls and cuts short: nothing acknowledged is lost or doubled.

LAKEHOUSE_TEST_SEED says which run of chance, LAKEHOUSE_TEST_FAULTS_S how long it lasts, and
LAKEHOUSE_TEST_STALL_S how long the store says nothing; a create gives up after 10 seconds.
"""

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from ledger import Ledger, check
from places import Place, Start
from process import Lakehouse, Lost, wait_until
from s3_proxy import BY_CHANCE, Choose, Fault, FaultyProxy, Request, by_chance
from s3_server import REGION, S3Server

CLIENTS, STALLS, SHARE = 8, 2, 0.05
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
FAULTS_S = float(os.environ.get("LAKEHOUSE_TEST_FAULTS_S", "15"))
MORE_ROUNDS = 20
STALL_S = float(os.environ.get("LAKEHOUSE_TEST_STALL_S", "12"))
END_S = 180.0


class Weather:
    """What the proxy does now; a test changes it while the proxy runs."""

    def __init__(self) -> None:
        self.choose: Choose = lambda _: None

    def __call__(self, request: Request) -> Fault | None:
        return self.choose(request)

    def clear(self) -> None:
        self.choose = lambda _: None


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def proxy(s3_server: S3Server, weather: Weather) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3_server.endpoint_url, weather, STALL_S).running() as running:
        yield running


@pytest.fixture
def place(s3_server: S3Server, proxy: FaultyProxy) -> Place:
    """The bucket as it is reached through the proxy."""
    environ = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
    }
    return Place(f"s3://{s3_server.make_bucket()}/lake", environ)


def test_a_faulty_store_loses_and_doubles_nothing(
    start: Start, proxy: FaultyProxy, weather: Weather
) -> None:
    print(f"LAKEHOUSE_TEST_SEED={SEED} LAKEHOUSE_TEST_FAULTS_S={FAULTS_S:g}")
    # A compaction in the background is an event that no client asked for.
    processes = [start(COMPACT_OBJECTS=0) for _ in range(2)]
    ledger, stop = Ledger([process.client for process in processes]), threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        weather.choose = by_chance(random.Random(SEED), SHARE, STALLS)
        clients = [pool.submit(ledger.run, number, SEED, stop) for number in range(CLIENTS)]
        try:
            _go_on(clients, FAULTS_S)
            for _ in range(MORE_ROUNDS):
                # A machine that is busy with something else does less in the same time.
                if set(proxy.done) == BY_CHANCE:
                    break
                _go_on(clients, FAULTS_S / 2)
        finally:
            weather.clear()
            stop.set()
        for client in clients:
            client.result(END_S)
    reported = {fault.name: count for fault, count in proxy.done.items()}
    print(
        f"{len(ledger.acknowledged)} done, {ledger.lost} lost, {dict(ledger.answers)}, {reported}"
    )
    assert set(proxy.done) == BY_CHANCE, "some fault was never tried"
    check(ledger, processes)


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.RESET_BEFORE, Fault.TOO_MANY])
def test_a_slot_is_settled_whatever_becomes_of_its_put(
    lakehouse: Lakehouse, weather: Weather, fault: Fault
) -> None:
    weather.choose = _first_slot_put(fault)
    body = b"once"
    answer = lakehouse.client.put("settled", body, Idempotency_Key="k")
    assert answer.status == 200, answer
    again = lakehouse.client.put("settled", body, Idempotency_Key="k")
    assert again.json == answer.json
    assert len(lakehouse.client.events()) == 1
    assert lakehouse.journal("verify")["seq"] == 1


def test_a_slot_that_landed_unheard_before_a_kill_is_found_by_its_key(
    lakehouse: Lakehouse, proxy: FaultyProxy, weather: Weather
) -> None:
    weather.choose = _slots_are_never_answered
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lakehouse.client.put, "k", b"once", Idempotency_Key="k")
        wait_until(lambda: proxy.done[Fault.RESET_AFTER] > 0, 60, "the slot to land", lakehouse.log)
        lakehouse.kill()
        assert isinstance(asked.exception(), Lost), "a client got an answer that was not certain"
    weather.clear()
    lakehouse.start()
    again = lakehouse.client.put("k", b"once", Idempotency_Key="k")
    assert (again.status, again.seq) == (200, 1)
    assert len(lakehouse.client.events()) == 1


def test_a_store_out_of_reach_is_told_and_passes(lakehouse: Lakehouse, weather: Weather) -> None:
    client = lakehouse.client
    done = client.put("before", b"before").seq
    weather.choose = lambda _: Fault.RESET_BEFORE
    ready = client.request("GET", "/ready")
    assert (ready.status, ready.json["code"]) == (503, "bucket_unavailable")
    refused = client.drop("nothing")
    assert (refused.status, refused.json["retryable"]) == (503, True), refused
    assert client.get("/v1/storage/list")["objects"][0]["key"] == "before"
    weather.clear()
    assert client.request("GET", "/ready").status == 200
    assert client.put("after", b"after").seq == done + 1


def test_a_body_cut_short_by_the_store_is_never_passed_off_as_whole(
    lakehouse: Lakehouse, weather: Weather
) -> None:
    body = random.Random(SEED).randbytes(3_000_000)
    assert lakehouse.client.put("large", body).status == 200
    weather.choose = lambda _: Fault.TRUNCATED
    with contextlib.suppress(*Lost):
        cut = lakehouse.client.request("GET", "/v1/storage/get/large")
        assert (cut.status, cut.json["code"]) == (503, "bucket_unavailable")
    weather.clear()
    assert lakehouse.client.request("GET", "/v1/storage/get/large").body == body


def _first_slot_put(fault: Fault) -> Choose:
    left = [fault]

    def choose(request: Request) -> Fault | None:
        is_put = request.method == "PUT" and "/_journal/slots/" in request.target
        return left.pop() if is_put and left else None

    return choose


def _slots_are_never_answered(request: Request) -> Fault | None:
    if "/_journal/slots/" not in request.target:
        return None
    return Fault.RESET_AFTER if request.method == "PUT" else Fault.RESET_BEFORE


def _go_on(clients: list[Future[None]], for_s: float) -> None:
    """Let the clients work; what one of them finds wrong is raised at once."""
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        time.sleep(0.1)
        for client in clients:
            if client.done():
                client.result()
