"""Objects on S3 read by real processes: a bad store, a bad disk, a kill, and a cache that is shared."""

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from places import Place, Start
from process import Answer, Lakehouse, Lost, wait_until
from s3_proxy import Choose, Fault, FaultyProxy, Request
from s3_server import REGION, S3Server

ROWS = 300_000
SUM = "SELECT count(*), sum(n), bit_xor(hash(n, text)) FROM t"
STALL_S = 5.0


class Weather:
    """What the proxy does now with GETs of objects; a test changes it while the proxy runs."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.gets = 0

    def __call__(self, request: Request) -> Fault | None:
        if request.method != "GET" or "/datasets/" not in request.target:
            return None
        self.gets += 1
        return self.fault


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def place(s3_server: S3Server, weather: Choose) -> Iterator[Place]:
    """A bucket that is reached through the proxy."""
    with FaultyProxy(s3_server.endpoint_url, weather, STALL_S).running() as proxy:
        environ = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": s3_server.access_key,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
        }
        yield Place(f"s3://{s3_server.make_bucket()}/lake", environ)


def csv() -> bytes:
    chance = random.Random(5)
    lines = (b"%d,%d" % (n, chance.randrange(10**15)) for n in range(ROWS))
    return b"n,text\n" + b"\n".join(lines) + b"\n"


def ask(lakehouse: Lakehouse, sql: str, **members: object) -> Answer:
    body = json.dumps({"sql": sql} | members).encode()
    return lakehouse.client.request("POST", "/v1/sql", body)


def rows(lakehouse: Lakehouse, sql: str = SUM) -> object:
    answer = ask(lakehouse, sql)
    assert answer.status == 200, answer
    return answer.json["rows"]


def cached(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def metric(lakehouse: Lakehouse, name: str) -> float:
    text = lakehouse.client.request("GET", "/metrics").body.decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_wrong_bytes_are_named_and_pass(start: Start, weather: Weather, cache: Path) -> None:
    lakehouse = start(CACHE_DIR=cache)
    lakehouse.client.ingest("name=t", csv())
    weather.fault = Fault.ALTERED
    answer = ask(lakehouse, SUM)
    assert (answer.status, answer.json["code"]) == (500, "object_damaged")
    assert answer.json["errors"][0]["datasets"] == ["t"]
    key = answer.json["errors"][0]["key"]
    answer = lakehouse.client.request("GET", f"/v1/storage/get/{key}")
    assert (answer.status, answer.json["code"]) == (500, "object_damaged")
    weather.fault = None
    body = lakehouse.client.request("GET", f"/v1/storage/get/{key}").body
    assert hashlib.sha256(body).hexdigest() in key
    assert rows(lakehouse, f"{SUM} WHERE n >= 0")


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.RESET_BEFORE, Fault.RESET_AFTER])
def test_a_store_that_fails_is_unavailable_and_passes(
    start: Start, weather: Weather, cache: Path, fault: Fault
) -> None:
    lakehouse = start(CACHE_DIR=cache)
    lakehouse.client.ingest("name=t", csv())
    weather.fault = fault
    answer = ask(lakehouse, SUM)
    assert (answer.status, answer.json["code"]) == (503, "bucket_unavailable")
    weather.fault = None
    assert rows(lakehouse, f"{SUM} WHERE n >= 0")


def test_a_store_that_says_503_is_asked_again(start: Start, weather: Weather, cache: Path) -> None:
    lakehouse = start(CACHE_DIR=cache)
    lakehouse.client.ingest("name=t", csv())
    weather.fault = Fault.UNAVAILABLE
    answer = ask(lakehouse, SUM)
    assert (answer.status, answer.json["code"]) == (503, "bucket_unavailable")
    assert weather.gets > 1
    weather.fault = None
    wait_until(
        lambda: ask(lakehouse, f"{SUM} WHERE n >= 0").status == 200, 90, "the store to recover"
    )


def test_a_query_ends_in_time_while_the_store_is_silent(
    start: Start, weather: Weather, cache: Path
) -> None:
    lakehouse = start(CACHE_DIR=cache)
    lakehouse.client.ingest("name=t", csv())
    weather.fault = Fault.STALL
    answer = ask(lakehouse, SUM, timeout_ms=500)
    assert (answer.status, answer.json["code"]) == (504, "query_timeout")
    weather.fault = None
    assert rows(lakehouse, f"{SUM} WHERE n >= 0")


def test_two_servers_share_a_cache_and_a_restart_keeps_it(
    start: Start, weather: Weather, cache: Path
) -> None:
    one, two = start(CACHE_DIR=cache), start(CACHE_DIR=cache)
    one.client.ingest("name=t", csv())
    wait_until(
        lambda: ask(two, "SELECT 1 FROM t LIMIT 0").status == 200, 90, "the second to follow"
    )
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(rows, (one, two))
    assert first == second
    fetched = weather.gets
    one.stop()
    one.start()
    assert rows(one) == first
    assert weather.gets == fetched
    for path in cached(cache):
        path.write_bytes(b"x" * path.stat().st_size)
    assert rows(one, f"{SUM} WHERE n >= 0") == rows(two, f"{SUM} WHERE n >= 0") == first
    assert weather.gets > fetched
    wrong = "lakehouse_cache_blocks_wrong_total"
    assert metric(one, wrong) + metric(two, wrong) > 0


def test_a_kill_during_fills_leaves_nothing_wrong(
    start: Start, weather: Weather, cache: Path
) -> None:
    lakehouse = start(CACHE_DIR=cache)
    lakehouse.client.ingest("name=t", csv())
    right = rows(lakehouse)
    for path in cached(cache):
        path.unlink()
    lakehouse.stop()
    weather.fault = Fault.SLOW
    for _ in range(3):
        lakehouse.start()
        before = weather.gets
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(ask, lakehouse, SUM)
            wait_until(lambda before=before: weather.gets > before, 90, "a block to be fetched")
            lakehouse.kill()
            with pytest.raises(Lost):
                asked.result()
    weather.fault = None
    lakehouse.start()
    assert rows(lakehouse) == right
    assert not list(cache.glob("tmp-*"))


def test_a_full_cache_disk_only_costs_time(start: Start, weather: Weather, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", str(disk)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        detail = f"no tmpfs can be mounted here: {done.stderr.decode().strip()}"
        assert not (os.environ.get("CI") and os.geteuid() == 0), detail
        pytest.skip(detail)
    try:
        lakehouse = start(CACHE_DIR=disk)
        lakehouse.client.ingest("name=t", csv())
        first = rows(lakehouse)
        before = weather.gets
        assert rows(lakehouse, f"{SUM} WHERE n >= 0") == first
        assert weather.gets >= before
        assert cached(disk) == []
        assert metric(lakehouse, "lakehouse_cache_writes_failed_total") > 0
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
