"""Streams of rows and kill -9: what was acknowledged is there, and no line comes in twice."""

import itertools
from collections.abc import Iterator
from typing import Any

import raw_http
from places import Start
from process import Lakehouse, wait_until
from row_stream import row_stream, rows

import lakehouse

GROUP_S = 0.1
ROWS = 3_000


def numbers(server: Lakehouse, name: str) -> list[int]:
    return [n for [n] in server.client.sql(f"SELECT n FROM {name} ORDER BY n")["rows"]]


def count(server: Lakehouse, name: str) -> int:
    answer = server.client.request("GET", f"/v1/catalog/manifest/{name}")
    return int(answer.json["row_count"]) if answer.status == 200 else 0


def test_a_stream_continues_at_another_process_after_a_lost_acknowledgement(start: Start) -> None:
    """The first process is killed after it has committed a group, of which its client read nothing."""
    first, second = start(STREAM_GROUP_S=GROUP_S), start(STREAM_GROUP_S=GROUP_S)
    key = {"Idempotency-Key": "killed"}
    with row_stream(raw_http.Client(first.client.port), "d", headers=key) as stream:
        stream.send(rows(*range(10)))
        wait_until(lambda: count(second, "d") == 10, 60.0, "the group", first.log)
        stream.send(rows(*range(10, 15)), b'{"n"')
        first.kill()
    with row_stream(raw_http.Client(second.client.port), "d", headers=key) as stream:
        assert stream.begun() == 200
        committed = stream.line()["lines"]
        assert committed in ([1, 11], [1, 16])
        stream.send(rows(*range(20)))
        stream.finish()
        assert stream.rest()[-1]["lines"] == [1, 21]
    assert numbers(second, "d") == list(range(20))
    assert second.journal("verify")


def test_the_client_brings_each_row_once_over_kills(start: Start) -> None:
    server = start(STREAM_GROUP_S=GROUP_S)
    acknowledged, kills = 0, 0

    def given() -> Iterator[dict[str, Any]]:
        nonlocal kills
        for number in itertools.count():
            if kills == 3 and number >= ROWS:
                return
            yield {"n": number}
            if number % 500 == 499 and kills < 3:
                wait_until(lambda sent=number: acknowledged > sent - 400, 60.0, "rows", server.log)
                server.kill()
                server.start()
                kills += 1

    with lakehouse.connect(f"http://127.0.0.1:{server.client.port}") as lake:
        for ack in lake.stream("d", given()):
            acknowledged = ack.lines[1] - 1
    assert (acknowledged, kills) == (ROWS, 3)
    assert numbers(server, "d") == list(range(ROWS))
