"""The feed: server-sent events that resume, beat, end clearly, and are CloudEvents."""

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from refusals import refused

from lakehouse.api.history.journal import StreamEventsQuery
from lakehouse.service.caller import Caller
from lakehouse.service.history import feed

ROOT = Path(__file__).parents[3]
LISTENER = Caller("listener", 0.0)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        yield lake


class Listener:
    """One connection to the feed, read as a browser reads it."""

    def __init__(self, lake: Lake, query: str = "", last: object = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", lake.port, timeout=60)
        headers = {"Last-Event-ID": str(last)} if last is not None else {}
        self._connection.request("GET", f"/v1/journal/stream{query}", headers=headers)
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200, self.answer.read()

    def next(self) -> dict[str, Any] | None:
        """The next message's fields; comments under an empty name; None at the end."""
        fields: dict[str, Any] = {}
        while line := self.answer.readline().decode():
            if line == "\n" and fields:
                return fields
            name, _, value = line.rstrip("\n").partition(": ")
            if line != "\n":
                fields[name] = value
        return None

    def events(self, count: int) -> list[dict[str, Any]]:
        """The next events; what is none is passed over."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = self.next()
            assert message is not None
            if "id" in message:
                found.append(message | {"data": json.loads(message["data"])})
        return found

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@contextmanager
def listening(lake: Lake, query: str = "", last: object = None) -> Iterator[Listener]:
    listener = Listener(lake, query, last)
    try:
        yield listener
    finally:
        listener.close()


def test_it_tells_what_was_and_then_what_happens(lake: Lake) -> None:
    lake.put("a", b"1")
    lake.register("t", "a")
    with listening(lake) as listener:
        assert listener.answer.headers["Content-Type"] == "text/event-stream"
        assert listener.answer.headers["X-Journal-Seq"] == "2"
        assert [each["id"] for each in listener.events(2)] == ["1", "2"]
        lake.drop("t")
        (now,) = listener.events(1)
    assert (now["id"], now["data"]["type"]) == ("3", "dataset_dropped")


def test_it_resumes_after_what_was_seen(lake: Lake) -> None:
    for number in range(5):
        lake.put(f"k{number}")
    with listening(lake, last=3) as listener:
        assert [each["id"] for each in listener.events(2)] == ["4", "5"]
        lake.put("k6")
        assert listener.events(1)[0]["id"] == "6"
    with listening(lake, "?after=4") as listener:
        assert listener.events(1)[0]["id"] == "5"
    with listening(lake, "?after=1", last=5) as listener:
        assert listener.events(1)[0]["id"] == "6"


def test_an_event_is_a_cloud_event_and_holds_all_that_the_journal_tells(lake: Lake) -> None:
    lake.register("T", headers=(("X-Actor", "ada"), ("X-Change-Reason", "why not")))
    with listening(lake) as listener:
        event = listener.events(1)[0]["data"]
    (row,) = lake.ask("GET", "/v1/journal/events").json["events"]
    assert event["specversion"] == "1.0"
    assert (event["id"], event["type"]) == ("1", "dataset_registered")
    assert event["source"].startswith("urn:lakehouse:")
    assert (event["time"], event["subject"]) == (row["at"], "dataset:t")
    assert event["datacontenttype"] == "application/json"
    assert event["data"] == row["data"]
    for name in ("seq", "at", "actor", "reason", "command", "correlation", "position"):
        assert event[name] == row[name]


def test_filters_let_some_pass(lake: Lake) -> None:
    lake.put("a")
    lake.register("t", "a")
    lake.register("u")
    with (
        listening(lake, "?dataset=T") as by_name,
        listening(lake, "?type=object_stored") as by_type,
    ):
        assert by_name.events(1)[0]["id"] == "2"
        assert by_type.events(1)[0]["id"] == "1"
        lake.put("b")
        lake.drop("t")
        assert by_name.events(1)[0]["id"] == "5"
        assert by_type.events(1)[0]["id"] == "4"


def test_it_beats_while_nothing_happens(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.05)
    with listening(lake) as listener:
        assert listener.next() == {"retry": "1000"}
        assert listener.next() == {"": "heartbeat"}
        lake.put("a")
        assert listener.events(1)[0]["id"] == "1"


def test_it_beats_for_who_wants_little_of_a_busy_lake(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(feed, "GATHER_S", 0.001)
    with listening(lake, "?dataset=none") as listener, writing(lake):
        assert listener.next() == {"retry": "1000"}
        for _ in range(3):
            assert listener.next() == {"": "heartbeat"}


def test_one_timer_beats_for_all_who_come_and_go(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.05)

    async def beats() -> int:
        listeners = [lake.service.feed.listen(LISTENER, StreamEventsQuery()) for _ in range(20)]
        for listener in listeners:
            assert await anext(listener) == feed.HEARTBEAT
        for listener in listeners[1:]:
            await listener.aclose()
        before = lake.service.feed._beats
        for _ in range(3):
            assert await anext(listeners[0]) == feed.HEARTBEAT
        await listeners[0].aclose()
        return lake.service.feed._beats - before

    assert lake.run(beats()) == 3


@contextmanager
def writing(lake: Lake) -> Iterator[None]:
    """Changes, one after the other, by another thread."""
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            lake.run(lake.service.node.writer.submit(*change(number)))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


def test_who_is_too_slow_is_told_where_to_go_on(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "KEPT_EVENTS", 2)
    heard: list[bytes] = []

    async def slowly() -> None:
        listening = lake.service.feed.listen(LISTENER, StreamEventsQuery())
        async for piece in listening:
            heard.append(piece)
            if len(heard) == 1:
                for number in range(6):
                    await lake.service.node.writer.submit(*change(number))
            if piece.startswith(b"event: end"):
                return

    lake.put("a")
    lake.run(slowly())
    assert heard[0].startswith(b"id: 1\n")
    assert json.loads(heard[-1].split(b"data: ")[1]) == {"code": "too_slow", "after": 1}


def change(number: int) -> tuple[Any, Any]:
    from lakehouse.domain.commands import Context, RegisterDataset

    return RegisterDataset(f"d{number}", "f", (), None), Context("a", f"c{number}")


def test_hundreds_listen_at_once(lake: Lake) -> None:
    listeners = [Listener(lake) for _ in range(200)]
    lake.put("a")
    assert {each.events(1)[0]["id"] for each in listeners} == {"1"}
    assert lake.service.feed.gate.inside == 200
    for each in listeners:
        each.close()


def test_a_stop_ends_it_clearly(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        listener = Listener(lake)
        assert listener.next() == {"retry": "1000"}
        heard: list[Any] = []
        reader = threading.Thread(target=lambda: heard.extend([listener.next(), listener.next()]))
        reader.start()
    reader.join(60)
    listener.close()
    assert heard[0]["event"] == "end"
    assert json.loads(heard[0]["data"])["code"] == "shutting_down"
    assert heard[1] is None


def test_odd_requests_are_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for last in ("x", "-1", "1.5", "9" * 17):
        answer = lake.ask("GET", "/v1/journal/stream", headers=(("Last-Event-ID", last),))
        refused(answer, 400, "invalid_request")
    refused(lake.ask("GET", "/v1/journal/stream?after=x"), 400, "invalid_request")
    assert lake.ask("HEAD", "/v1/journal/stream").status == 200
    monkeypatch.setattr(lake.service.feed.gate, "limit", 0)
    busy = refused(lake.ask("GET", "/v1/journal/stream"), 503, "busy")
    assert busy.headers["Retry-After"] == "5"


def test_the_relay_sends_events_on(lake: Lake) -> None:
    lake.put("a")
    lake.put("b")
    reported: list[Any] = []
    done = threading.Event()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            reported.append(
                (self.headers["Content-Type"], json.loads(self.rfile.read(length))["id"])
            )
            self.send_response(204)
            self.end_headers()
            if len(reported) == 2:
                done.set()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Hook) as hook:
        serving = threading.Thread(target=hook.serve_forever)
        serving.start()
        words = [f"http://127.0.0.1:{lake.port}", f"http://127.0.0.1:{hook.server_port}/hook"]
        relay = subprocess.Popen(
            [sys.executable, str(ROOT / "ops/relay"), *words], stdout=subprocess.PIPE
        )
        try:
            assert done.wait(60)
        finally:
            relay.kill()
            relay.communicate()
            hook.shutdown()
            serving.join()
    assert reported == [
        ("application/cloudevents+json", "1"),
        ("application/cloudevents+json", "2"),
    ]


def test_the_command_line_follows(lake: Lake) -> None:
    lake.put("a")
    words = ["journal", "events", "--follow", "--limit", "2", "--bucket", str(lake.bucket)]
    following = subprocess.Popen(
        [sys.executable, "-m", "lakehouse", *words], stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    assert json.loads(following.stdout.readline())["seq"] == 1
    lake.put("b")
    assert json.loads(following.stdout.readline())["seq"] == 2
    following.communicate(timeout=60)
    assert following.returncode == 0
