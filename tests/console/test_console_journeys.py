"""What people do with the console in a browser, and what hostile text does not do there."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from console_browser import NARROW, WIDE, Visitor
from console_pages import HOSTILE
from lake_server import Lake
from playwright.sync_api import expect
from sql_page import cell, done, run

from lakehouse.console.formatting import visible

Visit = Callable[..., AbstractContextManager[Visitor]]
_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) window.shifts += each.value;
}).observe({type: "layout-shift", buffered: true});
"""
_BLOCKING = """
() => performance.getEntriesByType("resource")
  .filter((each) => each.renderBlockingStatus === "blocking").map((each) => each.name)
"""


@pytest.mark.parametrize(
    "path",
    [
        "/console/dataset/hostile?profile=true",
        "/console/dataset/hostile?tab=rows",
        "/console/dataset/hostile?tab=history",
        "/console/dataset/hostile?tab=origin",
    ],
)
def test_hostile_text_is_shown_and_does_nothing(visit: Visit, path: str) -> None:
    with visit() as visitor:
        asked: list[str] = []
        visitor.page.on("request", lambda request: asked.append(request.url))
        visitor.open(path)
        visitor.page.wait_for_load_state("networkidle")
        assert visitor.page.evaluate("() => window.hit") is None
        assert not [url for url in asked if "/v1/" in url]
        assert (
            visitor.page.locator(
                "main script, main img, main [onerror], main [hx-on\\:load]"
            ).count()
            == 0
        )
        visitor.check()


def test_every_hostile_cell_reads_as_it_was_written(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/dataset/hostile?tab=rows")
        cells = visitor.page.locator("main tbody td:nth-child(2)").all_inner_texts()
        assert cells == [visible(text) for text in HOSTILE]
        assert cells[-1] == "txt.‹U+202E›gpj.exe‹U+200B›"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_the_address_does_nothing(visit: Visit, text: str) -> None:
    with visit() as visitor:
        for path in ("/console/datasets?", "/console/dataset/sales?tab=rows&"):
            named = urlencode({"search": text, "where": text, "done": text, "x": text})
            visitor.open(path + named)
            assert visitor.page.evaluate("() => window.hit") is None
        visitor.open(f"/console/datasets?{urlencode({'as_of': text})}")
        assert visitor.page.evaluate("() => window.hit") is None
        visitor.check()


def test_the_search_finds_while_one_types_and_keeps_it_in_the_address(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.page.get_by_label("Search").press_sequentially("SAL")
        expect(visitor.page.locator("tbody tr")).to_have_count(1)
        expect(visitor.page.locator("tbody th a")).to_have_text("sales")
        visitor.page.wait_for_url("**/console/datasets?*search=SAL*")
        visitor.page.reload()
        expect(visitor.page.get_by_label("Search")).to_have_value("SAL")
        visitor.check()


def test_the_profile_comes_by_itself_and_moves_nothing(visit: Visit) -> None:
    with visit() as visitor:
        visitor.page.add_init_script(_SHIFTS)
        visitor.open("/console/dataset/sales")
        expect(visitor.page.locator("svg.histogram")).to_have_count(3)
        assert visitor.page.evaluate("() => window.shifts") < 0.02
        visitor.check()


def test_nothing_blocks_the_first_paint(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/dataset/sales")
        assert visitor.page.evaluate(_BLOCKING) == []


def test_the_moment_is_kept_from_page_to_page_until_it_is_cleared(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.page.get_by_label("Event or time").fill("1")
        visitor.page.get_by_label("Event or time").press("Enter")
        expect(visitor.page.get_by_text("You are viewing the past.")).to_be_visible()
        visitor.page.get_by_role("link", name="sales").click()
        expect(visitor.page.locator(".facts").first).to_contain_text("200 rows")
        visitor.page.get_by_role("link", name="Rows", exact=True).click()
        assert "as_of=1" in visitor.page.url
        visitor.page.get_by_role("link", name="Back to now").click()
        expect(visitor.page.locator(".facts").first).to_contain_text("201 rows")
        assert "as_of" not in visitor.page.url
        visitor.check()


def test_an_analyst_goes_from_two_files_to_a_chart_and_an_export(visit: Visit, lake: Lake) -> None:
    files = {"visits.csv": "day,n\n2026-01-01,1\n2026-01-02,3\n", "shops.csv": "zip,n\n1,1\n2,3\n"}
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/upload")
        chosen = [
            {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
            for name, text in files.items()
        ]
        page.locator("#files").set_input_files(chosen)
        shops = page.locator(".card").nth(1)
        expect(shops.locator("tbody tr").first).to_contain_text("every value is a whole number")
        shops.get_by_label("Type of zip").select_option("string")
        expect(shops.locator("tbody tr").first).to_contain_text("the request says so")
        page.get_by_role("button", name="Load 2 files as one change").click()
        expect(page.get_by_text("Loaded with event")).to_be_visible()
        page.get_by_role("link", name="visits").click()
        page.get_by_role("link", name="Query").click()
        page.go_back()
        page.wait_for_url("**/console/dataset/visits")
        page.go_forward()
        run(page, "SELECT day, zip, v.n FROM visits v, shops s WHERE v.n = s.n ORDER BY day")
        assert done(page).startswith("2 rows")
        assert [cell(page, row, 1) for row in range(2)] == ["1", "2"]
        page.locator("#show-chart").click()
        expect(page.locator("svg.chart path.line")).to_have_count(1)
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV", exact=True).click()
        exported = Path(download.value.path()).read_text()
        assert exported == "day,zip,n\n2026-01-01,1,1\n2026-01-02,2,3\n"
        visitor.check()
    loaded = lake.ask("GET", "/v1/catalog/history/visits").json["events"]
    assert loaded == lake.ask("GET", "/v1/catalog/history/shops").json["events"], "one change"


def test_an_auditor_asks_why_looks_at_then_and_undoes(visit: Visit, lake: Lake) -> None:
    lake.ingest("name=audited", "id,price\n1,5\n")
    lake.ingest(
        "name=audited&mode=append",
        "id,price\n2,999\n",
        [("Content-Type", "text/csv"), ("X-Actor", "eve"), ("X-Change-Reason", "a joke")],
    )
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/dataset/audited?tab=rows&where=price+%3E+900")
        page.get_by_role("link", name="Origin of row").click()
        expect(page.locator(".timeline")).to_contain_text("eve · 1 row in 1 object")
        expect(page.get_by_text("“a joke”")).to_be_visible()
        asked_at = page.url
        page.get_by_role("link", name="What changed").click()
        expect(page.locator(".added-rows tbody")).to_contain_text("999")
        page.get_by_role("link", name="History").click()
        page.get_by_role("link", name="View as of event").last.click()
        expect(page.get_by_text("You are viewing the past.")).to_be_visible()
        expect(page.locator(".facts").first).to_contain_text("1 row ")
        page.goto(asked_at)
        page.get_by_role("link", name="Undo…").click()
        expect(page.get_by_text("2 → 1")).to_be_visible()
        page.get_by_label("Reason").fill("not a real price")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("Done in event")).to_be_visible()
        expect(page.locator(".facts").first).to_contain_text("1 row ")
        expect(page.get_by_text("“not a real price”")).to_be_visible()
        visitor.check()


def test_an_engineer_repairs_a_refused_row(visit: Visit, lake: Lake) -> None:
    lake.ingest("name=repaired&on_error=quarantine&types=n%3Aint64", "n\n1\ntwo\n")
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/datasets?search=repaired")
        page.get_by_role("link", name="1 in quarantine").click()
        page.get_by_label("Corrected rows").fill("n\n2\n")
        page.get_by_role("button", name="Check").click()
        expect(page.get_by_text("1 row fits")).to_be_visible()
        page.get_by_role("button", name="Load the corrected rows").click()
        expect(page.locator(".facts").first).to_contain_text("2 rows")
        visitor.check()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_long_row_in_quarantine_makes_its_table_no_wider(
    visit: Visit, lake: Lake, width: int
) -> None:
    wrong = "very long wrong value " * 12
    lake.ingest("name=lengthy&on_error=quarantine&types=n%3Aint64", f"n\n1\n{wrong}\n")
    with visit(viewport={"width": width, "height": 800}) as visitor:
        visitor.open("/console/dataset/lengthy?tab=quarantine")
        expect(visitor.page.locator("td.raw")).to_contain_text("very long wrong value")
        wider = visitor.page.locator(".scroll").evaluate(
            "(each) => each.scrollWidth - each.clientWidth"
        )
        assert wider <= 0
        visitor.check_nothing_overlaps()
        visitor.check_fits()


def test_the_theme_is_chosen_and_kept(visit: Visit) -> None:
    with visit(color_scheme="light") as visitor:
        visitor.open("/console/datasets?search=sal")
        visitor.page.get_by_label("Theme").select_option("dark")
        visitor.page.wait_for_selector("html[data-theme=dark]")
        assert "search=sal" in visitor.page.url
        shade = "() => getComputedStyle(document.body).backgroundColor"
        assert visitor.page.evaluate(shade) == "rgb(15, 20, 25)"
        visitor.check()


def test_everything_is_reached_by_the_keyboard(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.page.keyboard.press("Tab")
        assert visitor.page.locator(":focus").inner_text() == "Skip to content"
        visitor.page.keyboard.press("Enter")
        assert visitor.page.evaluate("() => document.activeElement.id") == "main"


def test_a_lost_server_is_shown_and_the_note_leaves_by_itself(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.page.context.set_offline(True)
        expect(visitor.page.get_by_text("The server does not answer")).to_be_visible()
        visitor.page.context.set_offline(False)
        expect(visitor.page.get_by_text("The server does not answer")).to_be_hidden()
