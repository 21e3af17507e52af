"""Watched sources with real processes: two that look at once, kill -9, and a place that changes meanwhile."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from places import Place, Start
from process import Client, Lakehouse, Lost, wait_until
from s3_server import S3Server

WITHIN_S = 240.0
"""Every process must first see what it looks at twice, on a machine that may be busy."""
KILLS = 3
Write = Callable[[str, str], None]


@contextmanager
def watched_place(
    place: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[str, Write]]:
    """A place for files, of the kind that the lake's bucket has: its URI, and what writes a file."""
    if not place.bucket.startswith("s3://"):
        directory = tmp_path / "in"
        directory.mkdir()
        yield str(directory), lambda key, text: _write(directory / key, text)
        return
    server: S3Server = request.getfixturevalue("s3_server")
    bucket = server.make_bucket()
    with server.client() as client:
        yield (
            f"s3://{bucket}/in/",
            lambda key, text: client.put_object(Bucket=bucket, Key=f"in/{key}", Body=text.encode()),
        )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def put(client: Client, uri: str, **more: Any) -> None:
    body = {"uri": uri, "pattern": "**/*.csv", "dataset": "t", "every": 1} | more
    answer = client.request("PUT", "/v1/sources/s", json.dumps(body).encode())
    assert answer.status == 200, answer


def contents(client: Client) -> Counter[str]:
    """How often each content came in."""
    sources = (each["data"].get("source") for each in client.events())
    return Counter(each["sha256"] for each in sources if each and "file" in each)


def rows(client: Client) -> int:
    answer = client.request("GET", "/v1/catalog/manifest/t")
    return int(answer.json["row_count"]) if answer.status == 200 else 0


def test_two_processes_and_kills_bring_each_content_in_once(
    place: Place, start: Start, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    chance = random.Random(7)
    with watched_place(place, request, tmp_path) as (uri, write):
        processes = [start(), start()]
        put(processes[0].client, uri)
        written = 0
        for _ in range(KILLS):
            for _ in range(4):
                written += 1
                write(f"{chance.randrange(100):02}-{written}.csv", f"n\n{written}\n")
            write("copies/a.csv", f"n\n{written}\n")
            write("overwritten.csv", f"n\n{-written}\n")
            at_least = chance.randrange(written)
            _wait(processes, lambda least=at_least: rows(_up(processes)) >= least)
            victim = chance.choice(processes)
            victim.kill()
            victim.begin()
            victim.wait_ready()
        # What was overwritten before a look could read it is gone: its last content must be in.
        numbers = [*range(1, written + 1), -written]
        expected = {sha256(f"n\n{number}\n".encode()).hexdigest() for number in numbers}
        _wait(processes, lambda: _all_in(_up(processes), expected))
        client = _up(processes)
        found = contents(client)
        assert set(found.values()) == {1}
        assert written + 1 <= len(found) <= written + KILLS
        assert rows(client) == len(found)
        shown = client.get("/v1/sources/s")
        assert shown["files_received"] == len(found)
        head = client.get("/v1/journal/head")["seq"]
        for one in processes:
            answer = one.client.request("POST", "/v1/sources/s/run", X_Min_Seq=str(head))
            assert (answer.status, answer.json["received_count"]) == (200, 0)
    processes[0].journal("verify")


def test_a_command_on_the_bucket_brings_files_in_without_a_server(
    place: Place, start: Start, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with watched_place(place, request, tmp_path) as (uri, write):
        lakehouse = start()
        put(lakehouse.client, uri, every=86_400)
        lakehouse.stop()
        write("a.csv", "n\n1\n")
        write("b.csv", "n,m\n1\n")
        done = lakehouse.cli("source", "run", "s", "--wait", "1", "--json")
        report = json.loads(done.stdout)
        assert (done.returncode, report["received_count"]) == (1, 1), done
        assert [each["file"] for each in report["status"]["set_aside"]] == ["b.csv"]


def test_a_part_of_the_lakes_own_place_is_no_source(place: Place, start: Start) -> None:
    client = start().client
    for below in ("", "/datasets", "/_journal"):
        body = {"uri": place.bucket + below, "dataset": "t"}
        answer = client.request("PUT", "/v1/sources/s", json.dumps(body).encode())
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def _all_in(client: Client, expected: set[str]) -> bool:
    """Whether these contents are in: of the overwritten file at least the last one."""
    return expected <= contents(client).keys()


def _wait(processes: list[Lakehouse], holds: Callable[[], bool]) -> None:
    def held() -> bool:
        try:
            return holds()
        except Lost:
            return False

    wait_until(held, WITHIN_S, "the files to come in", processes[0].log)


def _up(processes: list[Lakehouse]) -> Client:
    return processes[0].client
