"""An operator looks at a damaged slot: what is wrong, what to do, and all that can still be read."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from console_browser import Chromium, visiting
from console_client import Browsing, proof_in
from lake_server import Lake, running_lake
from playwright.sync_api import expect
from principals import closed, principal

from journal.bucket.keys import slot_key

EVENTS = 6


def changed(bucket: Path) -> None:
    slot = bucket / slot_key(3)
    slot.write_bytes(slot.read_bytes().replace(b"local", b"mallo", 1))


def truncated(bucket: Path) -> None:
    slot = bucket / slot_key(3)
    slot.write_bytes(slot.read_bytes()[:-20])


def missing(bucket: Path) -> None:
    (bucket / slot_key(3)).unlink()


def swapped(bucket: Path) -> None:
    one, other = bucket / slot_key(3), bucket / slot_key(4)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def last(bucket: Path) -> None:
    slot = bucket / slot_key(EVENTS)
    slot.write_bytes(slot.read_bytes().replace(b"local", b"mallo", 1))


DAMAGES = {
    "changed": (changed, [3], "its SHA-256 is"),
    "truncated": (truncated, [3], "it does not end in a line feed"),
    "missing": (missing, [3], "it is missing"),
    "swapped": (swapped, [4, 3], "its header"),
    "last": (last, [6], "its SHA-256 is"),
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Lake]:
    with running_lake(tmp_path / "bucket") as lake:
        for number in range(EVENTS):
            assert lake.ingest(f"name=t{number % 2}&mode=append", f"a\n{number}\n").status == 200
        yield lake


@pytest.mark.parametrize("name", DAMAGES)
def test_the_journal_is_readable_beside_a_damaged_slot(
    browser: Chromium, own: Lake, name: str
) -> None:
    damage, slots, reason = DAMAGES[name]
    damage(own.bucket)
    with visiting(browser, own, java_script_enabled=False) as visitor:
        page = visitor.page
        assert visitor.open("/console/journal") == 200
        for slot in slots:
            expect(page.locator("#damage")).to_contain_text(f"Slot {slot}, with event")
        expect(page.locator("#damage")).to_contain_text(reason)
        expect(page.locator("#damage")).to_contain_text("lakehouse journal verify")
        listed = page.locator("#events tbody th").all_inner_texts()
        numbers = [int(text.partition("–")[0]) for text in listed[::-1]]
        assert numbers == sorted(numbers)
        readable = page.locator("#events tbody th a").all_inner_texts()
        assert readable == [str(seq) for seq in range(EVENTS, 0, -1) if seq not in slots]
        for seq in readable:
            assert visitor.open(f"/console/event/{seq}") == 200, seq
        assert visitor.open(f"/console/event/{slots[0]}") == 503
        page.get_by_role("link", name="Show the journal").first.click()
        expect(page.locator("#damage")).to_be_visible()
        assert visitor.problems == []


def test_the_lists_by_dataset_and_by_type_are_readable_too(own: Lake) -> None:
    changed(own.bucket)
    browsing = Browsing(own.port)
    assert browsing.get("/console/journal").status == 200
    for query in ("dataset=t0", "type=dataset_appended", "as_of=5", "before=5"):
        shown = browsing.get(f"/console/journal?{query}")
        assert shown.status == 200, query
        assert b"Slot 3, with event 3" in shown.body, query
        assert b"/console/event/1?" in shown.body or b'/console/event/1"' in shown.body, query


def test_the_command_of_the_page_repairs_the_slot(browser: Chromium, own: Lake) -> None:
    copy = shutil.copytree(own.bucket, own.bucket.parent / "copy")
    changed(own.bucket)
    with visiting(browser, own) as visitor:
        page = visitor.page
        visitor.open("/console/journal")
        shown = page.locator("#damage pre").inner_text()
        expect(page.get_by_text("Changes are refused now")).to_be_visible()
        page.get_by_role("link", name="Datasets").first.click()
        expect(page.get_by_text("Changes are refused now")).to_be_visible()
        visitor.open("/console/journal")
        visitor.check_accessible()
        visitor.check_fits()
        visitor.check()
    copied = next(line for line in shown.splitlines() if line.startswith('cp "$COPY'))
    source, target = (each.strip('"') for each in copied.split()[1:])
    shutil.copy(
        source.replace("$COPY", str(copy)), target.replace("$LAKEHOUSE_BUCKET", str(own.bucket))
    )
    assert b'id="damage"' not in Browsing(own.port).get("/console/journal").body


def test_a_start_from_a_checkpoint_above_the_damage_shows_it(own: Lake, tmp_path: Path) -> None:
    browsing = Browsing(own.port)
    proof = proof_in(browsing.get("/console/upkeep"))
    assert browsing.post("/console/upkeep/check", {"kind": "checkpoint"}, proof).status == 303
    copy = shutil.copytree(own.bucket, tmp_path / "copy")
    changed(copy)
    with running_lake(copy) as again:
        assert again.ask("GET", "/health").status == 200
        browsing = Browsing(again.port)
        assert browsing.get("/", Accept="text/html").status == 303
        assert b"Slot 3, with event 3" in browsing.get("/console/journal").body
        assert again.ask("GET", "/ready").status == 503


def test_damage_on_another_page_of_the_list_is_found_by_a_link(own: Lake) -> None:
    for number in range(60):
        assert own.put(f"k/{number}", b"x").status == 200
    changed(own.bucket)
    browsing = Browsing(own.port)
    assert b'id="damage"' not in browsing.get("/console/journal").body
    assert browsing.get("/console/event/3").status == 503
    found = re.search(
        rb'href="(/console/journal\?before=\d+)"', browsing.get("/console/journal").body
    )
    assert found
    assert b'id="damage"' in browsing.get(found[1].decode()).body


def test_a_reader_is_not_shown_how_to_repair(own: Lake) -> None:
    own.token = closed(own)
    browsing = Browsing(own.port)
    browsing.sign_in(principal(own, "reader", {"t0": ["read"]}).token or "")
    changed(own.bucket)
    shown = browsing.get("/console/journal")
    assert shown.status == 200
    assert b"Slot 3, with event 3" in shown.body
    assert b"cp -a" not in shown.body
    assert b"t1" not in shown.body
