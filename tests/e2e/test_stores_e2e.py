"""Two stores of real processes, one a directory and one on S3, either way round: killed, and gone."""

import json
import random
import threading
import time
from pathlib import Path

import pytest
from places import Place, Start
from process import Client, Lakehouse, Lost
from s3_server import REGION, S3Server

KILLS, KEYS = 4, 24
QUICK = {"QUERY_TIMEOUT_S": 1, "POLL_INTERVAL_S": 0.2}
SPAN = {"on": "*"}


@pytest.fixture
def other(place: Place, s3_server: S3Server, tmp_path: Path) -> tuple[dict[str, str], Path]:
    """The second store, on what the first is not on; and a secrets file with its keys."""
    secrets = tmp_path / "secrets.toml"
    secrets.touch(0o600)
    if place.environ:
        return {"url": (tmp_path / "second").as_uri()}, secrets
    secrets.write_text(
        f'[stores.archive]\naws_access_key_id = "{s3_server.access_key}"\n'
        f'aws_secret_access_key = "{s3_server.secret_key}"\nregion = "{REGION}"\n'
        f'endpoint = "{s3_server.endpoint_url}"\n'
    )
    return {"url": f"s3://{s3_server.make_bucket()}/second", "credentials": "archive"}, secrets


def post(client: Client, path: str, **body: object) -> dict[str, object]:
    answer = client.request("POST", path, json.dumps(body).encode())
    assert answer.status == 200, answer
    return dict(answer.json)


def put_store(client: Client, body: dict[str, str]) -> None:
    answer = client.request("PUT", "/v1/stores/second", json.dumps(body).encode())
    assert answer.status == 200, answer


def move(client: Client, source: str, target: str) -> dict[str, object]:
    return post(client, "/v1/stores/move", **{"from": source, "to": target}, **SPAN)


def everything(client: Client) -> tuple[object, list[bytes]]:
    """The rows, and the bytes of all keys."""
    bodies = [client.request("GET", f"/v1/storage/get/k/{n}").body for n in range(KEYS)]
    return client.sql("SELECT * FROM t ORDER BY n")["rows"], bodies


def test_killed_moves_lose_nothing_and_are_continued(
    start: Start, other: tuple[dict[str, str], Path]
) -> None:
    """The moments of the kills are of chance: from before the first copy to after gc."""
    chance, (store, secrets) = random.Random(1), other
    settings = QUICK | {"SECRETS_FILE": secrets}
    one, two = start(**settings), start(**settings)
    for number in range(KEYS):
        one.client.put(f"k/{number}", chance.randbytes(chance.randrange(1, 1 << 20)))
    one.client.ingest("name=t", b"n\n1\n2\n")
    put_store(one.client, store)
    before = everything(one.client)
    for number in range(KILLS):
        way = ("main", "second") if number % 2 == 0 else ("second", "main")
        asking = threading.Thread(target=_abandoned, args=(one, way))
        asking.start()
        time.sleep(chance.uniform(0.05, 2.0))
        one.kill()
        asking.join()
        one.start()
        assert everything(one.client) == before
        assert everything(two.client) == before
    move(one.client, "main", "second")
    assert post(one.client, "/v1/gc", dry_run=False, older_than="0s")["left"] == 0
    held = {each["id"]: each["copies"] for each in one.client.get("/v1/stores")["stores"]}
    assert held == {"main": 0, "second": KEYS + 1}
    assert everything(two.client) == everything(one.client) == before
    assert two.client.sql("SELECT * FROM t ORDER BY n", as_of=KEYS + 1)["rows"] == before[0]
    verified = one.cli("journal", "verify", "--objects", "--json")
    assert verified.returncode == 0, verified.stdout


def test_a_process_without_the_keys_reads_the_rest(
    start: Start, place: Place, other: tuple[dict[str, str], Path]
) -> None:
    store, secrets = other
    one = start(**QUICK, SECRETS_FILE=secrets)
    one.client.ingest("name=moved", b"n\n1\n")
    one.client.ingest("name=stays", b"n\n2\n")
    put_store(one.client, store)
    way = {"from": "main", "to": "second", "on": "moved"}
    post(one.client, "/v1/stores/move", **way)
    post(one.client, "/v1/gc", dry_run=False, older_than="0s")
    assert one.client.sql("SELECT * FROM moved")["rows"] == [[1]]
    if place.environ:
        Path(store["url"].removeprefix("file://")).rename(secrets.parent / "away")
    two = start(**QUICK, CACHE_MAX_MB=0)  # blocks that the other has cached may be read
    assert two.client.sql("SELECT * FROM stays")["rows"] == [[2]]
    answer = two.client.request("POST", "/v1/sql", b'{"sql": "SELECT * FROM moved"}')
    assert (answer.status, answer.json["code"]) == (503, "store_unavailable"), answer
    assert "second" in answer.json["detail"]


def _abandoned(lakehouse: Lakehouse, way: tuple[str, str]) -> None:
    """A move, and the gc that follows it, whose server is killed."""
    body = json.dumps({"from": way[0], "to": way[1], "on": "*"}).encode()
    for path, sent in (("/v1/stores/move", body), ("/v1/gc", b'{"dry_run": false}')):
        try:
            lakehouse.client.request("POST", path, sent)
        except Lost:
            return
