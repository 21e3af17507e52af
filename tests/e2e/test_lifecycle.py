"""Ingest, ask, die, come back: the whole path through a real process, on a directory and on S3."""

import datetime
import decimal
import hashlib
import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from process import Answer, Client, Lakehouse, Lost
from tables import QUESTIONS, TABLES, duckdb_over, find_tables

PUTTING, INGESTING = 12, 8
BEFORE_THE_KILL = 80
"""Changes acknowledged before the process is killed."""
BODY_BYTES = 64 * 1024
BUSY_S = 0.01


@pytest.fixture(scope="session")
def files(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return find_tables(data, tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="session")
def expected(files: dict[str, Path]) -> dict[str, list[list[Any]]]:
    """What DuckDB answers over the CSV files themselves."""
    with duckdb_over(files) as connection:
        return {
            question: [_as_json(row) for row in _rows(connection.execute(question))]
            for question in QUESTIONS
        }


def test_answers_what_duckdb_answers_over_the_files(
    lakehouse: Lakehouse, files: dict[str, Path], expected: dict[str, list[list[Any]]]
) -> None:
    client = lakehouse.client
    _ingest_all(client, files)
    assert _answers(client) == expected
    zip_code = {c["name"]: c["type"] for c in client.get("/v1/catalog/manifest/zipcodes")["schema"]}
    assert zip_code["zip_code"] == "string"
    for name, path in files.items():
        assert client.ingest_file(name, path)["reused"], name
    assert len(client.events()) == len(files)


def test_keeps_every_acknowledged_change_through_a_kill(
    lakehouse: Lakehouse, files: dict[str, Path]
) -> None:
    client = lakehouse.client
    _ingest_all(client, files)
    answers = _answers(client)

    crowd = Crowd(client)
    with ThreadPoolExecutor(PUTTING + INGESTING) as pool:
        clients = [pool.submit(crowd.run, changes) for changes in _all_changes()]
        crowd.wait_for(BEFORE_THE_KILL, clients)
        lakehouse.kill()
        for one in clients:
            one.result()
    assert crowd.unknown, "the kill came when nothing was in flight"

    assert lakehouse.journal("verify")["verified"]
    lakehouse.start()
    again = {change: _send(client, change).json["seq"] for change in crowd.unknown if change.key}
    for change, seq in crowd.acknowledged.items():
        if change.key:
            assert _send(client, change).json["seq"] == seq, change.name
    _check_once_each(client, crowd.acknowledged | again, crowd.unknown)
    assert _answers(client) == answers
    replayed = lakehouse.journal("replay")
    assert lakehouse.journal("verify")["sha256"] == client.get("/v1/journal/head")["sha256"]
    assert lakehouse.stop() == 0
    assert lakehouse.journal("replay") == replayed


class Change(NamedTuple):
    """A PUT to the key `name`, or an ingest into the dataset `name`; its body is its alone."""

    put: bool
    name: str
    query: str
    body: bytes
    key: str | None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Crowd:
    """Clients that change things until the server is gone, and what came of each change."""

    def __init__(self, client: Client) -> None:
        self.acknowledged: dict[Change, int] = {}
        self.unknown: list[Change] = []
        self._client = client
        self._dying = threading.Event()
        self._told = threading.Condition()

    def run(self, changes: Iterator[Change]) -> None:
        """Send one change after the other until the server is gone."""
        for change in changes:
            try:
                answer = _send(self._client, change)
            except Lost:
                assert self._dying.is_set(), "the connection broke before the process was killed"
                self.unknown.append(change)
                return
            with self._told:
                self.acknowledged[change] = answer.json["seq"]
                self._told.notify_all()

    def wait_for(self, count: int, clients: list[Any]) -> None:
        """Return once so many changes are acknowledged: then the kill may come at any moment."""
        with self._told:
            enough = self._told.wait_for(
                lambda: len(self.acknowledged) >= count or any(one.done() for one in clients), 120
            )
        self._dying.set()
        for one in clients:
            if one.done():
                one.result()
        assert enough, f"only {len(self.acknowledged)} changes were acknowledged"


def _all_changes() -> list[Iterator[Change]]:
    puts = [_puts(number) for number in range(PUTTING)]
    return puts + [_ingests(number) for number in range(INGESTING)]


def _puts(number: int) -> Iterator[Change]:
    """Several versions of few keys, every other one with an idempotency key."""
    rng = random.Random(number)
    for turn in itertools.count():
        key = f"put-{number}-{turn}" if turn % 2 else None
        yield Change(True, f"crowd/{number}/{turn % 3}", "", rng.randbytes(BODY_BYTES), key)


def _ingests(number: int) -> Iterator[Change]:
    """Appends to one dataset for all, then a replacement of one's own, and so on."""
    for turn in itertools.count():
        rows = "".join(f"{number},{turn},{row}\n" for row in range(100))
        key = f"ingest-{number}-{turn}" if turn % 4 < 2 else None
        name, mode = (f"own_{number}", "replace") if turn % 2 else ("all_of_us", "append")
        body = f"client,turn,row\n{rows}".encode()
        yield Change(False, name, f"name={name}&mode={mode}", body, key)


def _send(client: Client, change: Change) -> Answer:
    """The answer to a change, sent again for as long as the server says that it is busy."""
    headers = {"Idempotency_Key": change.key} if change.key else {}
    while True:
        if change.put:
            answer = client.put(change.name, change.body, **headers)
        else:
            answer = client.ingest(change.query, change.body, **headers)
        if answer.status == 200:
            return answer
        assert answer.status == 503, answer
        assert answer.json["code"] in ("busy", "not_committed"), answer
        time.sleep(BUSY_S)


def _check_once_each(client: Client, done: Mapping[Change, int], perhaps: list[Change]) -> None:
    """Every change that is done has one event and its bytes; one that is unknown has one at most."""
    seqs = defaultdict(list)
    for event in client.events():
        source = event["data"].get("source") or event["data"]
        seqs[source["sha256"]].append(event["seq"])
    for change, seq in done.items():
        assert seqs[change.sha256] == [seq], change.name
        if change.put:
            stored = client.request("GET", f"/v1/storage/get/{change.name}?as_of={seq}")
            assert stored.body == change.body, change.name
    assert all(len(seqs[change.sha256]) <= 1 for change in perhaps)
    _check_rows(client, {change: seqs[change.sha256] for change in [*done, *perhaps]})


def _check_rows(client: Client, seqs: Mapping[Change, list[int]]) -> None:
    """The rows of every ingest are there as often as its event, which is once."""
    appended = [change for change, found in seqs.items() if found and change.name == "all_of_us"]
    assert _text_rows(client, "all_of_us") == sorted(_body_rows(appended))
    for name in {change.name for change, found in seqs.items() if change.name.startswith("own_")}:
        versions = [
            (max(found), change) for change, found in seqs.items() if change.name == name and found
        ]
        if versions:
            assert _text_rows(client, name) == sorted(_body_rows([max(versions)[1]]))


def _body_rows(changes: list[Change]) -> Iterator[list[int]]:
    for change in changes:
        for line in change.body.decode().splitlines()[1:]:
            yield [int(cell) for cell in line.split(",")]


def _text_rows(client: Client, name: str) -> list[list[int]]:
    rows: list[list[int]] = client.sql(f"FROM {name} ORDER BY ALL")["rows"]
    return rows


def _ingest_all(client: Client, files: Mapping[str, Path]) -> None:
    for name, path in files.items():
        receipt = client.ingest_file(name, path)
        assert [column["name"] for column in receipt["schema"]] == TABLES[name].header.split(",")


def _answers(client: Client) -> dict[str, list[list[Any]]]:
    return {question: client.sql(question)["rows"] for question in QUESTIONS}


def _rows(result: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """All rows, through Arrow: by itself DuckDB needs pytz for an instant."""
    columns = result.fetch_arrow_table().itercolumns()
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def _as_json(row: tuple[Any, ...]) -> list[Any]:
    return [_ENCODERS.get(type(cell), lambda same: same)(cell) for cell in row]


_ENCODERS: Mapping[type, Callable[[Any], Any]] = {
    datetime.datetime: lambda at: at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    decimal.Decimal: int,  # Arrow has no HUGEINT, which a sum is
}
