"""Deletes and updates in real processes: two at once, killed at any point, on a directory and on S3."""

import contextlib
import json
import os
import random
import threading
import time
from typing import Any

from places import Start
from process import Answer, Client, Lost

KILLS = int(os.environ.get("LAKEHOUSE_TEST_KILLS", "4"))
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
ROWS = 200_000
OBJECTS = 8
ROUNDS = 3


def post(client: Client, route: str, body: dict[str, Any], **headers: str) -> Answer:
    return client.request("POST", f"/v1/catalog/{route}", json.dumps(body).encode(), **headers)


def load(client: Client, name: str, parts: int, rows: int) -> None:
    """So many objects of so many rows: n counts on, part is the object's number."""
    for part in range(parts):
        first = part * rows
        sql = f"SELECT range + {first} AS n, {part} AS part FROM range({rows})"
        body = {"name": name, "sql": sql, "mode": "append" if part else "replace"}
        answer = post(client, "derive", body)
        assert answer.status == 200, answer


def at_once(*works: Any) -> list[Answer]:
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda work=work: answers.append(work())) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_changes_of_different_objects_all_succeed(start: Start) -> None:
    one, two = start().client, start().client
    load(one, "t", OBJECTS, 5)

    def delete(client: Client, part: int) -> Any:
        where = f"part = {part} AND n % 5 < 2"
        return lambda: post(client, "delete", {"name": "t", "where": where})

    works = [delete((one, two)[part % 2], part) for part in range(OBJECTS)]
    answers = at_once(*works)
    assert {(each.status, each.json["rows_deleted"]) for each in answers} == {(200, 2)}, answers
    assert len({each.json["seq"] for each in answers}) == OBJECTS
    last = str(max(each.seq for each in answers))
    found = two.request("POST", "/v1/sql", b'{"sql": "SELECT n FROM t"}', X_Min_Seq=last).json
    assert found["rows"] == [[n] for n in range(OBJECTS * 5) if n % 5 >= 2]


def test_of_changes_of_one_object_each_sees_what_the_others_left(start: Start) -> None:
    one, two = start().client, start().client
    load(one, "t", 1, 20)

    def update(client: Client) -> Any:
        body = {"name": "t", "where": "part >= 0", "set": {"part": "part + 1"}}
        return lambda: post(client, "update", body)

    answers = at_once(*(update((one, two)[number % 2]) for number in range(4)))
    assert {(each.status, each.json["rows_updated"]) for each in answers} == {(200, 20)}, answers
    last = str(max(each.seq for each in answers))
    sql = b'{"sql": "SELECT DISTINCT part FROM t"}'
    assert one.request("POST", "/v1/sql", sql, X_Min_Seq=last).json["rows"] == [[4]]


def test_updates_of_different_objects_act_one_after_the_other(start: Start) -> None:
    """Each makes rows that the other changes: whichever was first, the later found its rows too."""
    one, two = start().client, start().client

    def update(client: Client, was: int) -> Any:
        body = {"name": "t", "where": f"part = {was}", "set": {"part": f"{1 - was}"}}
        return lambda: post(client, "update", body)

    for _ in range(ROUNDS):
        load(one, "t", 2, 5)
        answers = at_once(update(one, 0), update(two, 1))
        assert {each.status for each in answers} == {200}, answers
        first, second = sorted(answers, key=lambda answer: answer.seq)
        assert (first.json["rows_updated"], second.json["rows_updated"]) == (5, 10)
        sql = b'{"sql": "SELECT count(DISTINCT part) FROM t"}'
        found = one.request("POST", "/v1/sql", sql, X_Min_Seq=str(second.seq)).json
        assert found["rows"] == [[1]]


def test_appends_go_on_beside_deletes_that_leave_no_row_of_before(start: Start) -> None:
    one, two = start().client, start().client
    load(one, "t", 2, 1_000)
    appended: list[Answer] = []

    def append() -> Answer:
        for _ in range(20):
            appended.append(two.ingest("name=t&mode=append", b"n,part\n1,9\n"))
        return appended[-1]

    deleted: list[Answer] = []

    def delete() -> Answer:
        for _ in range(ROUNDS):
            deleted.append(post(one, "delete", {"name": "t", "where": "n >= 0"}))
        return deleted[-1]

    at_once(append, delete)
    assert {each.status for each in (*appended, *deleted)} == {200}, (appended, deleted)
    for seq in {each.seq for each in deleted}:
        found = one.sql("SELECT count(*) FROM t", as_of=seq)["rows"]
        assert found == [[0]], f"rows of before event {seq} are still there"
    last = post(two, "delete", {"name": "t", "where": "n >= 0"})
    gone = sum(each.json["rows_deleted"] for each in (*deleted, last))
    assert gone == 2 * 1_000 + len(appended)


def test_killed_at_any_point_a_change_is_whole_or_absent(start: Start) -> None:
    process, rng = start(), random.Random(SEED)
    client = process.client
    load(client, "t", 2, ROWS)
    left = 2 * ROWS
    for kill in range(KILLS):
        body = {"name": "t", "where": f"n % {KILLS} = {kill}"}
        key = f"delete-{kill}"

        def send(body: dict[str, Any] = body, key: str = key) -> None:
            with contextlib.suppress(*Lost):
                post(client, "delete", body, Idempotency_Key=key)

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(rng.uniform(0.0, 0.8))
        process.kill()
        sender.join()
        process.start()
        count = client.sql("SELECT count(*) FROM t")["rows"][0][0]
        gone = len(range(kill, 2 * ROWS, KILLS))
        assert count in (left, left - gone), f"seed {SEED}, kill {kill}: {count} of {left}"
        again = post(client, "delete", body, Idempotency_Key=key)
        assert (again.status, again.json["rows_deleted"]) == (200, gone)
        left -= gone
        assert client.sql("SELECT count(*) FROM t")["rows"] == [[left]]
    assert process.journal("verify")["seq"] == 2 + KILLS
