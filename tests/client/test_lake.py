"""Datasets, their past, change sets and events, as a program uses them."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lake_server import running_lake

import lakehouse
from lakehouse.client.lake import Lake


def test_importing_loads_neither_server_nor_arrow() -> None:
    script = (
        "import sys, lakehouse; lakehouse.connect('http://localhost:1');"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    asked = [sys.executable, "-c", script]
    loaded = subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split()
    assert not {"aiohttp", "duckdb", "aioboto3", "botocore", "pyarrow", "structlog"} & {*loaded}


def test_the_life_of_a_dataset(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    first = lake.ingest([{"a": 1}], name=name)
    second = lake.ingest([{"a": 2}, {"a": 3}], name=name, mode="append")
    dataset = lake.dataset(name)
    assert (dataset.row_count, dataset.seq) == (3, second.seq)
    assert [(each.name, each.type) for each in dataset.schema or []] == [("a", "int64")]
    assert dataset.arrow().num_rows == 3
    assert dataset.at(first.seq).row_count == 1
    assert dataset.at(first.seq).arrow().to_pylist() == [{"a": 1}]
    change = dataset.diff(first.seq, second.seq)
    assert change is not None
    assert (change.rows.first, change.rows.last) == (1, 3)
    assert dataset.diff(second.seq) is None
    dataset.drop(reason="over")
    with pytest.raises(lakehouse.Error) as gone:
        _ = dataset.row_count
    assert gone.value.code == "dataset_not_found"
    assert dataset.restore(first.seq).row_count == 1
    lake.undo(dataset.seq)
    assert dataset.restore(second.seq).row_count == dataset.row_count == 3
    other = fresh()
    assert dataset.rename(other).to == dataset.name == other
    assert [each.type for each in dataset.history()][-1] == "dataset_renamed"


def test_as_of_a_time(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest([{"a": 1}], name=name)
    at = dt.datetime.fromisoformat(lake.dataset(name).history()[0].at)
    lake.ingest([{"a": 2}], name=name)
    assert lake.sql(f"SELECT a FROM {name}", as_of=at).one() == 1
    assert lake.sql(f"SELECT a FROM {name}", as_of=at.isoformat()).one() == 1
    with pytest.raises(lakehouse.Error) as early:
        lake.sql("SELECT 1", as_of=10**9)
    assert early.value.code == "as_of_in_future"


def test_all_datasets_over_several_pages(
    lake: Lake, fresh: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.client.lake.PAGE", 2)
    names = {fresh() for _ in range(5)}
    with lake.transaction() as together:
        for name in names:
            together.ingest([{"a": 1}], name=name)
    listed = {each.name: each.row_count for each in lake.datasets()}
    assert names <= listed.keys()
    assert {listed[name] for name in names} == {1}


def test_a_transaction_is_one_event(lake: Lake, fresh: Callable[[], str]) -> None:
    a, b, c, d = fresh(), fresh(), fresh(), fresh()
    for name in (a, b):
        lake.ingest([{"from": name}], name=name)
    with lake.transaction(reason="swap") as together:
        together.swap(a, b)
        together.rename(b, c)
        together.ingest([{"new": 1}], name=d)
        together.put_view(f"{c}_view", sql=f'SELECT "from" FROM {a}')
        together.expect(a, lake.dataset(a).seq)
    assert together.receipt is not None
    assert [each.op for each in together.receipt.results] == [
        "swap",
        "rename",
        "commit",
        "put_view",
    ]
    assert lake.sql(f"FROM {c}_view").one() == b
    assert lake.dataset(c).history()[-1].reason == "swap"


def test_a_transaction_that_fails_changes_nothing(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    head = lake.ingest([{"a": 1}], name=name).seq
    with pytest.raises(KeyError), lake.transaction() as abandoned:
        abandoned.drop(name)
        raise KeyError(name)
    with pytest.raises(lakehouse.Error) as refused, lake.transaction() as wrong:
        wrong.drop(name)
        wrong.drop("absent")
    assert refused.value.errors[0]["change"] == 1
    with pytest.raises(lakehouse.Error) as outdated, lake.transaction() as late:
        late.drop(name)
        late.expect(name, head - 1)
    assert outdated.value.code == "expectation_failed"
    with lake.transaction() as empty:
        pass
    assert empty.receipt is None
    assert lake.dataset(name).seq == head


def test_events_there_are_and_those_to_come(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    first = lake.ingest([{"a": 1}], name=name).seq
    found = list(lake.events(after=first - 1, dataset=name))
    assert [(each.seq, each.type, each.actor) for each in found] == [
        (first, "dataset_registered", "tester")
    ]
    following = lake.events(after=first - 1, follow=True, dataset=name)
    assert next(following).seq == first
    second = lake.ingest([{"a": 2}], name=name).seq
    assert next(following).seq == second
    following.close()


def test_following_goes_on_after_a_restart(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as server:
        port = server.port
        following = lakehouse.connect(f"http://127.0.0.1:{port}").events(follow=True)
        server.ingest("name=a")
        assert next(following).seq == 1
    with running_lake(tmp_path / "bucket", queries=False, port=port) as server:
        server.ingest("name=b")
        event = next(following)
        assert (event.seq, event.data["name"]) == (2, "b")
    following.close()


def test_a_bucket_opened_in_this_process(tmp_path: Path) -> None:
    with lakehouse.open(str(tmp_path / "bucket"), actor="notebook") as lake:
        lake.ingest([{"a": 1}], name="t")
        assert lake.sql("SELECT a FROM t").one() == 1
        with lakehouse.open(str(tmp_path / "bucket")) as second:
            assert second.sql("SELECT a FROM t").one() == 1
        assert lake.dataset("t").history()[0].actor == "notebook"
    with lakehouse.open(f"file://{tmp_path}/bucket") as again:
        assert again.dataset("t").row_count == 1


@pytest.mark.parametrize("bucket", ["s3://", "ftp://x"])
def test_what_is_no_bucket(bucket: str) -> None:
    with pytest.raises(lakehouse.Error) as refused:
        lakehouse.open(bucket)
    assert refused.value.code == "usage"


def test_who_holds_the_bucket_needs_no_token(tmp_path: Path) -> None:
    bucket = str(tmp_path / "bucket")
    command = [sys.executable, "-m", "lakehouse", "access", "init", "--admin", "ada", "--json"]
    made = subprocess.run([*command, "--bucket", bucket], capture_output=True, check=True)
    token = json.loads(made.stdout)["token"]
    with lakehouse.open(bucket) as lake:
        lake.ingest([{"a": 1}], name="t")
        assert lake.sql("SELECT a FROM t").one() == 1
        assert lake.events(after=0)
    with running_lake(tmp_path / "bucket") as server:
        url = f"http://127.0.0.1:{server.port}"
        with lakehouse.connect(url, token=token) as lake:
            assert lake.sql("SELECT a FROM t").one() == 1
        with lakehouse.connect(url) as stranger, pytest.raises(lakehouse.Error) as refused:
            stranger.sql("SELECT 1")
        assert (refused.value.code, refused.value.status) == ("unauthenticated", 401)
