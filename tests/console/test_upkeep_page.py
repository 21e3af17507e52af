"""Garbage and small objects in the browser: seen first, then removed or merged, by forms alone."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from console_browser import Chromium, visiting
from console_client import Browsing, proof_in
from lake_server import Lake, running_lake
from playwright.sync_api import expect
from principals import closed, principal

from journal.bucket.keys import slot_key
from lakehouse.domain.progress import ProgressCallback
from lakehouse.service.caller import Caller
from lakehouse.service.upkeep.tasks import Task


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("upkeep") / "bucket") as lake:
        yield lake


def test_garbage_is_listed_and_then_collected(browser: Chromium, own: Lake) -> None:
    for number in range(3):
        assert own.ingest("name=t&mode=replace", f"a\n{number}\n").status == 200
    with visiting(browser, own, java_script_enabled=False) as visitor:
        visitor.open("/console/upkeep")
        page = visitor.page
        page.get_by_label("Unused for").fill("0s")
        page.get_by_role("button", name="Preview garbage").click()
        expect(page.get_by_role("heading", name="Can be removed")).to_be_visible()
        assert own.sql("SELECT a FROM t", as_of=1).status == 200
        page.get_by_label("Reason").fill("make room")
        page.get_by_role("button", name="Remove").click()
        expect(page.locator("#tasks")).to_contain_text("objects deleted")
    assert own.sql("SELECT a FROM t", as_of=1).status == 410
    assert own.sql("SELECT a FROM t").json["rows"] == [[2]]
    events = own.ask("GET", "/v1/journal/events").json["events"]
    assert "make room" in {each["reason"] for each in events}


def test_small_objects_are_previewed_and_merged(browser: Chromium, own: Lake) -> None:
    for number in range(4):
        assert own.ingest("name=t&mode=append", f"a\n{number}\n").status == 200
    with visiting(browser, own) as visitor:
        visitor.open("/console/upkeep")
        page = visitor.page
        page.get_by_role("button", name="Preview the merge").click()
        expect(page.get_by_role("heading", name="Can be merged")).to_be_visible()
        assert len(own.manifest("t").json["objects"]) == 4
        page.get_by_role("button", name="Merge", exact=True).click()
        expect(page.locator("#tasks tbody tr")).to_contain_text("t")
        visitor.check_accessible()
        visitor.check()
    assert len(own.manifest("t").json["objects"]) == 1
    assert own.sql("SELECT a FROM t").json["rows"] == [[0], [1], [2], [3]]


def test_a_span_that_is_none_is_refused(own: Lake) -> None:
    assert Browsing(own.port).get("/console/upkeep?collect=soon").status == 400


@pytest.mark.parametrize(
    ("label", "button", "text", "says"),
    [
        ("Unused for", "Preview garbage", "soon", "a span such as 7d"),
        ("Dataset", "Preview the merge", "nosuch", "There is no dataset nosuch"),
        ("Dataset", "Preview the merge", "no such", "A name has 1 to 128"),
    ],
)
def test_a_preview_that_is_refused_keeps_what_was_typed(
    browser: Chromium, own: Lake, label: str, button: str, text: str, says: str
) -> None:
    with visiting(browser, own, java_script_enabled=False) as visitor:
        page = visitor.page
        visitor.open("/console/upkeep")
        page.get_by_label(label).fill(text)
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).to_contain_text(says)
        expect(page.get_by_label(label)).to_have_value(text)
        expect(page.get_by_label(label)).to_be_focused()


@pytest.mark.parametrize("scripted", [True, False])
def test_a_preview_shows_how_far_it_is_and_is_cancelled(
    browser: Chromium, own: Lake, monkeypatch: pytest.MonkeyPatch, scripted: bool
) -> None:
    ended = threading.Event()

    async def endless(*_: object, reached: ProgressCallback, **__: object) -> None:
        reached(12)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(own.service.gc, "run", endless)
    with visiting(browser, own, java_script_enabled=scripted) as visitor:
        page, preview = visitor.page, visitor.page.locator("#preview")
        visitor.open("/console/upkeep")
        page.get_by_label("Unused for").fill("3d")
        page.get_by_role("button", name="Preview garbage").click()
        expect(preview.locator(".badge")).to_have_text("running")
        expect(preview).to_contain_text("12 objects")
        assert "collect=3d" in page.url
        page.reload()
        expect(preview.locator(".badge")).to_have_text("running")
        preview.get_by_role("button", name="Cancel").click()
        expect(preview.locator(".badge")).to_have_text("cancelled")
        expect(page.get_by_label("Unused for")).to_have_value("3d")
        assert ended.wait(60)
        visitor.check() if scripted else None


def test_a_preview_that_takes_longer_is_shown_by_itself(
    browser: Chromium, own: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, run = threading.Event(), own.service.compaction.run

    async def slow(*given: Any, **named: Any) -> Any:
        await asyncio.to_thread(go_on.wait)
        return await run(*given, **named)

    for number in range(4):
        assert own.ingest("name=t&mode=append", f"a\n{number}\n").status == 200
    monkeypatch.setattr(own.service.compaction, "run", slow)
    with visiting(browser, own) as visitor:
        page = visitor.page
        visitor.open("/console/upkeep?compact=true&name=t")
        expect(page.locator("#preview .badge")).to_have_text("running")
        go_on.set()
        expect(page.get_by_role("button", name="Merge", exact=True)).to_be_visible()
        expect(page.locator("#preview tbody tr")).to_contain_text("t")
        visitor.check_accessible()
        visitor.check()


def test_a_link_to_a_preview_shows_it_and_does_not_repeat_it(own: Lake) -> None:
    browsing, path = Browsing(own.port), "/console/upkeep?collect=2d"
    assert b"previewed" in browsing.get(path).body
    [first] = own.run(_latest(own)).values()
    browsing.get(path)
    assert own.run(_latest(own)) == {first.kind: first}
    browsing.get("/console/upkeep?collect=1d")
    [second] = own.run(_latest(own)).values()
    assert (first.about, second.about) == ("2d", "1d")


async def _latest(lake: Lake) -> Mapping[str, Task]:
    return lake.service.upkeep.latest(Caller(actor="local", accepted_s=0.0))


def test_who_is_no_admin_does_neither(own: Lake) -> None:
    own.token = closed(own)
    browsing = Browsing(own.port)
    browsing.sign_in(principal(own, "reader", {"*": ["read", "write"]}).token or "")
    shown = browsing.get("/console/datasets")
    assert b"/console/upkeep" not in shown.body
    for path, fields in (
        ("preview", {"kind": "preview_collect", "collect": "0s"}),
        ("collect", {"older_than": "0s"}),
        ("compact", {"name": ""}),
        ("check", {"kind": "verify"}),
        ("cancel", {"kind": "verify"}),
    ):
        answer = browsing.post(f"/console/upkeep/{path}", fields, proof_in(shown))
        assert answer.status == 403, path


def test_the_checks_show_what_they_find(browser: Chromium, own: Lake) -> None:
    assert own.ingest("name=t").status == 200
    [held] = own.manifest("t").json["objects"]
    with visiting(browser, own, java_script_enabled=False) as visitor:
        page, tasks = visitor.page, visitor.page.locator("#tasks article")
        visitor.open("/console/upkeep")
        page.get_by_role("button", name="Verify the journal").click()
        expect(tasks.first).to_contain_text("The journal is intact")
        page.get_by_role("button", name="Create a checkpoint").click()
        expect(tasks.first).to_contain_text("Stored as")
        [checkpoint] = (own.bucket / "_journal/checkpoints").glob("*/*.zst")
        checkpoint.write_bytes(b"damage")
        page.get_by_role("button", name="Verify the journal").click()
        expect(tasks.first).to_contain_text("Damaged cache, which is ignored")
        expect(tasks.first).to_contain_text(checkpoint.name)
        page.get_by_role("button", name="Verify the objects").click()
        expect(tasks.first).to_contain_text("1 object verified")
        (own.bucket / held["key"]).write_bytes(b"other bytes")
        page.get_by_role("button", name="Verify the objects").click()
        expect(tasks.first.get_by_role("alert")).to_contain_text("1 of 1 object is missing")
        expect(tasks.first.locator("tbody tr")).to_contain_text("it has 11 bytes")
        assert visitor.problems == []


def test_a_task_that_takes_longer_shows_its_result_by_itself(browser: Chromium, own: Lake) -> None:
    with visiting(browser, own) as visitor:
        page, task = visitor.page, visitor.page.locator("#tasks article").first
        visitor.open("/console/upkeep")
        page.get_by_role("button", name="Check the store").click()
        expect(task.locator(".heading .badge")).to_have_text("done")
        assert set(task.locator("tbody .badge").all_inner_texts()) == {"holds"}
        expect(task.locator("tbody tr").first).to_contain_text("clock")
        visitor.check_accessible()
        visitor.check()
    assert not [*(own.bucket / "_doctor").glob("*/*")], "the test objects are removed"


def test_a_damaged_slot_is_named(browser: Chromium, own: Lake) -> None:
    for number in range(3):
        assert own.ingest("name=t&mode=append", f"a\n{number}\n").status == 200
    slot = own.bucket / slot_key(2)
    slot.write_bytes(slot.read_bytes()[:-1] + b"?")
    with visiting(browser, own) as visitor:
        visitor.open("/console/upkeep")
        visitor.page.get_by_role("button", name="Verify the journal").click()
        problem = visitor.page.locator("#tasks").get_by_role("alert")
        expect(problem).to_contain_text("Slot 2")
        expect(problem).to_contain_text("Stop all writers")
        visitor.check_accessible()
        visitor.check()
