"""Erasures beside other changes and other processes, over many versions, and cut short at any step."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from canary_search import places_of
from lake_server import Lake, running_lake
from raw_http import Answer
from refusals import refused
from test_erase_http import CANARY, OTHERS, ROWS, WHERE, emails, erase, ingested

from journal.bucket.errors import BucketUnavailable
from journal.bucket.local.bucket import LocalBucket
from journal.verify import verify
from lakehouse.admin.inspection import object_faults
from lakehouse.service.erasure.successors import Successors
from lakehouse.service.gc.collector import GcWaits
from lakehouse.service.service import ServiceLimits
from projections.codec import state_root

NO_WAIT = ServiceLimits(waits=GcWaits(0, 0))
MANY = 1_000


@pytest.fixture
def lakes(tmp_path: Path) -> Iterator[list[Lake]]:
    """Two processes' worth of servers on one bucket."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running_lake(tmp_path / "bucket", NO_WAIT, spool_dir=str(tmp_path / f"spool{n}"))
            )
            for n in (1, 2)
        ]


def agree(*lakes: Lake) -> None:
    """Each has read the whole journal and folded it to the same state; objects are as it says."""
    roots = set()
    for lake in lakes:
        lake.run(lake.service.node.refresh())
        roots.add(state_root(lake.service.node.state))
    assert len(roots) == 1

    async def faults() -> list[Any]:
        node = lakes[0].service.node
        heads = [head async for head in verify(node.follower.journal)]
        assert heads[-1] == node.state.head
        return [fault async for fault in object_faults(node.bucket, node.state)]

    assert lakes[0].run(faults()) == []


def nowhere(*lakes: Lake) -> None:
    spools = [lake.service.spool_dir for lake in lakes]
    assert places_of(CANARY, lakes[0].bucket, *spools) == []


def test_every_process_answers_without_the_rows(lakes: list[Lake]) -> None:
    first, second = lakes
    seq = ingested(first, "name=people")
    ingested(first, "name=people", OTHERS)
    second.run(second.service.node.refresh())
    assert emails(second, "people", seq) == [CANARY, "eve@example.org"]
    assert erase(first, "people").json["collected"] == 1
    agree(first, second)
    assert emails(second, "people", seq) == emails(first, "people", seq) == ["eve@example.org"]
    nowhere(first, second)


def test_two_erasures_at_once_both_hold(lakes: list[Lake]) -> None:
    first, second = lakes
    seq = ingested(first, "name=people")
    for _ in range(3):
        ingested(first, "name=people&mode=append", OTHERS)
    second.run(second.service.node.refresh())
    with ThreadPoolExecutor() as pool:
        done = [
            pool.submit(erase, lake, "people", where)
            for lake, where in ((first, WHERE), (second, "email LIKE 'bob@%' OR id = 2"))
        ]
        assert [each.result().status for each in done] == [200, 200]
    agree(first, second)
    assert emails(first, "people", seq) == []
    assert emails(second, "people") == [None, None, None]
    nowhere(first, second)


def test_what_another_erasure_has_collected_is_looked_for_again(lakes: list[Lake]) -> None:
    first, second = lakes
    seq = ingested(first, "name=people")
    second.run(second.service.node.refresh())
    original, others = Successors.of, [lambda: erase(first, "people")]

    async def of(self: Successors, *found: Any) -> Any:
        if others:
            other = await asyncio.to_thread(others.pop())
            assert other.status == 200
        return await original(self, *found)

    with mock.patch.object(Successors, "of", of):
        assert erase(second, "people", "id = 2").status == 200
    agree(first, second)
    assert emails(first, "people", seq) == emails(second, "people", seq) == []


def test_changes_meanwhile_bring_nothing_back(lakes: list[Lake]) -> None:
    """Appends, deletes, restores and renames of the dataset while the rows are looked for."""
    first, second = lakes
    seq = ingested(first, "name=people")
    second.run(second.service.node.refresh())

    def disturb() -> None:
        ingested(second, "name=people&mode=append", ROWS.replace(b"1,", b"7,"))
        body = {"name": "people", "where": "id = 2"}
        assert second.ask("POST", "/v1/catalog/delete", body).status == 200
        second.drop("people")
        second.ask("POST", "/v1/catalog/restore", {"name": "people", "as_of": seq})

    answer = meanwhile(first, disturb)
    assert answer.status == 200, answer
    agree(first, second)
    head = second.head()
    for moment in range(seq, head + 1):
        found = second.sql("SELECT email FROM people", as_of=moment)
        assert CANARY.encode() not in found.body, moment
    nowhere(first, second)


def meanwhile(lake: Lake, disturb: Callable[[], None]) -> Answer:
    """Erase, with a disturbance after the objects are rewritten and before the event."""
    writer, once = lake.service.node.writer, []
    submit = writer.submit

    async def disturbed(*words: Any) -> Any:
        if not once:
            once.append(True)
            await asyncio.to_thread(disturb)
        return await submit(*words)

    with mock.patch.object(writer, "submit", disturbed):
        return erase(lake, "people")


def test_rows_of_one_person_over_many_versions(lakes: list[Lake]) -> None:
    """Each version has one object more; half of them hold the person. Every one of them is checked."""
    first, second = lakes
    for number in range(MANY // 10):
        rows = f"id,email\n{number},{CANARY if number % 2 else 'eve@example.org'}\n"
        ingested(first, "name=people&mode=append", rows.encode())
    dry = erase(first, "people", dry_run=True).json
    assert (dry["moments"], dry["objects"], dry["rows"]) == (MANY // 10 - 1, MANY // 20, MANY // 20)
    done = erase(first, "people").json
    assert (done["moments"], done["objects"]) == (dry["moments"], dry["objects"])
    agree(first, second)
    nowhere(first, second)
    for seq in range(1, MANY // 10 + 1, 7):
        assert second.manifest("people", f"?as_of={seq}").json["row_count"] == (seq + 1) // 2


@pytest.mark.parametrize("step", ["upload", "submit", "delete_blobs", "after"])
def test_an_erasure_that_is_cut_short_is_completed_by_the_next(tmp_path: Path, step: str) -> None:
    """Before its event it has changed nothing; after it, the objects are deleted by whoever comes."""
    bucket = tmp_path / "bucket"
    with running_lake(bucket, NO_WAIT, spool_dir=str(tmp_path / "spool")) as lake:
        seq = ingested(lake, "name=people")
        ingested(lake, "name=people", OTHERS)
        node = lake.service.node
        target = {"upload": LocalBucket, "delete_blobs": LocalBucket}.get(step, type(node.writer))
        name = "submit" if step == "after" else step
        real, calls = getattr(target, name), []

        async def cut(*words: Any, **more: Any) -> Any:
            calls.append(name)
            if step == "after" and len(calls) == 1:
                await real(*words, **more)
            raise BucketUnavailable("the process ends here")

        with mock.patch.object(target, name, cut):
            refused(erase(lake, "people"), 503, "bucket_unavailable")
        assert calls
    with running_lake(bucket, NO_WAIT, spool_dir=str(tmp_path / "spool")) as lake:
        found = emails(lake, "people", seq)
        assert found == (
            ["eve@example.org"] if step in ("delete_blobs", "after") else [CANARY, *found[1:]]
        )
        assert erase(lake, "people").status == 200
        assert emails(lake, "people", seq) == ["eve@example.org"]
        agree(lake)
        nowhere(lake)
