"""Derivations in real processes: killed at any point, refreshed by two at once, on a directory and on S3."""

import contextlib
import json
import os
import random
import threading
import time
from typing import Any

from places import Start
from process import Answer, Client, Lakehouse, Lost

KILLS = int(os.environ.get("LAKEHOUSE_TEST_KILLS", "4"))
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
ROWS = 300_000
CHAIN = ("z", "y", "x", "w", "v")


def post(client: Client, route: str, **headers: str) -> Any:
    def send(**body: Any) -> Answer:
        target = f"/v1/catalog/{route}"
        return client.request("POST", target, json.dumps(body).encode(), **headers)

    return send


def derive(client: Client, name: str, sql: str, **more: Any) -> Answer:
    return post(client, "derive")(name=name, sql=sql, **more)


def chain(client: Client) -> None:
    client.ingest("name=base", b"n\n1\n2\n")
    for before, name in zip(("base", *CHAIN), CHAIN, strict=False):
        assert derive(client, name, f"SELECT n + 1 AS n FROM {before}").status == 200


def test_a_chain_of_five_keeps_up_with_its_base(lakehouse: Lakehouse) -> None:
    client = lakehouse.client
    chain(client)
    client.ingest("name=base&mode=append", b"n\n10\n")
    for name in CHAIN:
        receipt = post(client, "refresh")(name=name).json
        assert (receipt["reused"], receipt["row_count"]) == (False, 3)
        assert post(client, "refresh")(name=name).json["reused"]
    assert client.sql("SELECT n FROM v ORDER BY n")["rows"] == [[6], [7], [15]]


def test_two_processes_refresh_once(start: Start) -> None:
    one, two = start(), start()
    chain(one.client)
    for number in range(3):
        last = one.client.ingest("name=base&mode=append", b"n\n%d\n" % number).seq
        answers: list[Answer] = []

        def refresh(client: Client, seq: int = last, into: list[Answer] = answers) -> None:
            into.append(post(client, "refresh", X_Min_Seq=str(seq))(name="z"))

        threads = [threading.Thread(target=refresh, args=(p.client,)) for p in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status for answer in answers} == {200}, answers
        assert sorted(answer.json["reused"] for answer in answers) == [False, True]


def test_killed_at_any_point_a_derivation_is_whole_or_absent(start: Start) -> None:
    process, rng = start(), random.Random(SEED)
    client = process.client
    for kill in range(KILLS):
        name = f"made_{kill}"
        sql = f"SELECT range AS n, 'text ' || range AS t FROM range({ROWS})"

        def send(name: str = name, sql: str = sql) -> None:
            with contextlib.suppress(*Lost):
                derive(client, name, sql)

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(rng.uniform(0.0, 0.8))
        process.kill()
        sender.join()
        process.start()
        listed = {each["name"] for each in client.get("/v1/catalog/list")["datasets"]}
        if name in listed:
            rows = client.sql(f"SELECT count(*), max(n) FROM {name}")["rows"]
            assert rows == [[ROWS, ROWS - 1]], f"seed {SEED}, kill {kill}"
        assert derive(client, name, sql).status == 200
        assert client.sql(f"SELECT count(*), max(n) FROM {name}")["rows"] == [[ROWS, ROWS - 1]]
