"""`Lake.stream`: rows in, acknowledgements out, each row once whatever becomes of connections."""

from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from lake_server import Lake, running_lake
from waiting import wait_until

import lakehouse
from lakehouse.service.service import ServiceLimits
from lakehouse.service.streaming.limits import StreamLimits

AT_ONCE = ServiceLimits(streams=StreamLimits(group_s=0.01))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("server") / "bucket", AT_ONCE) as running:
        yield running


@pytest.fixture
def lake(server: Lake) -> Iterator[Any]:
    with lakehouse.connect(f"http://127.0.0.1:{server.port}") as connected:
        yield connected


def waiting(rows: Queue[Any]) -> Iterator[Any]:
    return iter(rows.get, None)


def numbers(server: Lake, name: str) -> list[int]:
    return [n for [n] in server.sql(f"SELECT n FROM {name} ORDER BY n").json["rows"]]


def test_rows_are_acknowledged_while_the_iterator_waits(server: Lake, lake: Any) -> None:
    rows: Queue[Any] = Queue()
    acks = lake.stream("waits", waiting(rows))
    rows.put({"n": 1})
    assert next(acks).lines == (1, 2)
    rows.put(b'{"n": 2}')
    rows.put('{"n": 3}\n')
    found = next(acks)
    while found.lines[1] < 4:
        found = next(acks)
    rows.put(None)
    assert list(acks) == []
    assert numbers(server, "waits") == [1, 2, 3]


def test_a_refusal_is_raised_with_its_line(lake: Any) -> None:
    with pytest.raises(lakehouse.Error) as caught:
        list(lake.stream("bad", [{"n": 1}, b"nonsense"]))
    assert (caught.value.code, caught.value.errors[0]["line"]) == ("malformed_ndjson", 2)
    with pytest.raises(lakehouse.Error, match="invalid_request"):
        list(lake.stream("bad", [{"n": 1}], mode="replace"))


def test_what_the_iterator_raises_is_raised(server: Lake, lake: Any) -> None:
    def given() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        list(lake.stream("raises", given()))
    wait_until(lambda: server.service.streams.gate.inside == 0)


def test_a_loop_that_is_left_ends_the_stream(server: Lake, lake: Any) -> None:
    rows: Queue[Any] = Queue()
    rows.put({"n": 1})
    acks = lake.stream("left", waiting(rows))
    next(acks)
    acks.close()
    wait_until(lambda: server.service.streams.gate.inside == 0)
    rows.put(None)


def test_a_lost_connection_is_replaced_and_each_row_comes_once(server: Lake, lake: Any) -> None:
    rows: Queue[Any] = Queue()
    acks = lake.stream("lost", waiting(rows))
    for number in range(5):
        rows.put({"n": number})
        found = next(acks)
        while found.lines[1] < number + 2:
            found = next(acks)
        server.loop.call_soon_threadsafe(_cut, server)
        wait_until(lambda: server.service.streams.gate.inside == 0)
    rows.put(None)
    assert list(acks) == []
    assert numbers(server, "lost") == list(range(5))


def _cut(server: Lake) -> None:
    """End each stream as a server does that stops; the process goes on."""
    server.service.streams.close()
    server.service.streams._stopping = False


def test_a_stream_is_continued_under_its_key(server: Lake, lake: Any) -> None:
    some = [{"n": n} for n in range(3)]
    assert [ack.lines[1] for ack in lake.stream("kept", some, key="own")][-1] == 4
    more = [*some, {"n": 3}]
    acks = list(lake.stream("kept", more, key="own"))
    assert (acks[0].rows, acks[0].lines, acks[-1].lines[1]) == (0, (1, 4), 5)
    list(lake.stream("kept", [{"n": 4}], key="own", first_line=5))
    assert numbers(server, "kept") == list(range(5))


def test_a_lake_in_this_process_takes_streams_too(tmp_path: Path) -> None:
    with lakehouse.open(str(tmp_path / "bucket")) as lake:
        acks = list(lake.stream("d", ({"n": n} for n in range(1_000))))
        assert acks[-1].lines[1] == 1_001
        assert lake.sql("SELECT count(*) FROM d").one() == 1_000
