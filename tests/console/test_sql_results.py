"""Results on the SQL page in Chromium: the grid, charts, exports, hostile values, results that break off."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from console_browser import MEDIUM, NARROW, WIDE, Visitor
from console_pages import HOSTILE
from lake_server import Lake
from playwright.sync_api import expect
from sql_page import DONE_MS, MANY, address, cell, done, run

Visit = Callable[..., AbstractContextManager[Visitor]]


def test_a_hundred_thousand_rows_scroll_in_few_elements(visit: Visit) -> None:
    with visit(viewport={"width": WIDE, "height": 900}) as visitor:
        page = visitor.page
        visitor.open(address(MANY.format(100_000)))
        assert done(page).startswith("100,000 rows")
        grid = page.locator("#grid")
        assert grid.get_attribute("aria-rowcount") == "100001"
        most = page.evaluate(
            """async () => {
              const grid = document.getElementById('grid');
              let most = 0;
              for (let part = 0; part <= 20; part++) {
                grid.scrollTop = grid.scrollHeight * part / 20;
                await new Promise(requestAnimationFrame);
                await new Promise(requestAnimationFrame);
                most = Math.max(most, document.querySelectorAll('.grid-row').length);
              }
              return most;
            }"""
        )
        assert most < 80
        assert page.locator("#cell-99999-0").inner_text() == "99999"
        visitor.check()


def test_the_grid_is_used_by_keyboard(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open(address(MANY.format(50_000)))
        done(page)
        grid = page.locator("#grid")
        grid.focus()
        active = page.locator("#grid [aria-selected=true]")
        for keys, shown in (
            ("ArrowDown", "0"),
            ("ArrowRight", "customer 0"),
            ("ArrowRight", "NULL"),
            ("ArrowDown", ""),
            ("Control+End", ""),
            ("Home", "49999"),
            ("Control+Home", "0"),
            ("End", "NULL"),
        ):
            page.keyboard.press(keys)
            expect(active).to_have_text(shown)
        assert grid.get_attribute("aria-activedescendant") == "cell-0-2"
        page.keyboard.press("Enter")
        expect(page.locator("#cell-dialog")).to_be_visible()
        expect(page.locator("#cell-value")).to_have_text("NULL")
        page.keyboard.press("Escape")
        expect(page.locator("#cell-dialog")).to_be_hidden()
        visitor.check()


def test_a_chart_stands_in_the_address(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open(
            address("SELECT day, sum(price) AS total, count(*) AS sold FROM sales GROUP BY day")
        )
        done(page)
        page.locator("#show-chart").click()
        expect(page.locator("svg.chart path.line")).to_have_count(1)
        page.get_by_role("checkbox", name="sold").check()
        expect(page.locator("svg.chart path.line")).to_have_count(2)
        page.locator("#chart-form [name=kind]").select_option("bar")
        expect(page.locator("svg.chart rect.bar").first).to_be_visible()
        query = parse_qs(urlsplit(page.url).query)
        assert [query[name] for name in ("chart", "x", "y", "y2")] == [
            ["bar"],
            ["day"],
            ["total"],
            ["sold"],
        ]
        page.reload()
        expect(page.locator("svg.chart rect.bar").first).to_be_visible()
        expect(page.locator(".legend li")).to_have_text(["total", "sold"])
        page.go_back()
        expect(page.locator("svg.chart path.line")).to_have_count(2)
        visitor.check()


def test_bars_of_long_names_have_a_label_each(visit: Visit) -> None:
    statement = "SELECT i || ' has a long name' AS name, i AS n FROM range(12) t(i)"
    with visit() as visitor:
        visitor.open(address(statement, chart="bar", x="name", y="n"))
        labels = visitor.page.locator("svg.chart text[transform]")
        expect(labels).to_have_count(12)
        expect(labels.last).to_have_text("11 has a long …")
        visitor.check_fits()
        visitor.check()


def test_a_result_is_exported_in_five_formats(visit: Visit, lake: Lake) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        run(page, "SELECT count(*) AS n FROM sales")
        done(page)
        links = page.locator("#result a[data-format]")
        assert links.all_inner_texts() == ["JSON", "NDJSON", "CSV", "Arrow", "Parquet"]
        for link in links.all():
            answer = lake.ask("GET", link.get_attribute("href") or "")
            assert answer.status == 200
            assert len(answer.body) > 0
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV", exact=True).click()
        assert Path(download.value.path()).read_text() == "n\n201\n"
        visitor.check()


def test_hostile_values_are_text(visit: Visit) -> None:
    texts = json.dumps(HOSTILE, ensure_ascii=False).replace("'", "''")
    statement = (
        f"SELECT unnest(CAST('{texts}' AS VARCHAR[])) AS \"<img src=x onerror=hit=1>\", "
        '1 AS "javascript:hit=1"'
    )
    with visit() as visitor:
        page = visitor.page
        visitor.open(address(statement))
        done(page)
        shown = [cell(page, row, 0) for row in range(len(HOSTILE))]
        assert shown[:-1] == list(HOSTILE[:-1])
        assert shown[-1] == "txt.‹U+202E›gpj.exe‹U+200B›"
        page.locator("#grid").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#cell-value")).to_have_text(HOSTILE[0])
        page.keyboard.press("Escape")
        page.locator("#show-chart").click()
        page.locator("#chart-form [name=kind]").select_option("bar")
        expect(page.locator("svg.chart rect.bar").first).to_be_visible()
        page.locator("svg.chart").hover()
        assert page.evaluate("() => window.hit") is None
        visitor.check()


def test_a_result_that_breaks_off_is_said_to_be_incomplete(visit: Visit) -> None:
    late = "SELECT CASE WHEN i = 3000000 THEN CAST('x' AS INTEGER) ELSE i END AS n FROM range(3000001) t(i)"
    with visit() as visitor:
        page = visitor.page
        visitor.open(address(late))
        expect(page.locator("#status")).to_contain_text("it is not complete", timeout=DONE_MS)
        assert page.locator("#status").get_attribute("data-outcome") == "broken"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, MEDIUM, NARROW])
def test_results_are_accessible_and_fit(visit: Visit, scheme: str, width: int) -> None:
    with visit(color_scheme=scheme, viewport={"width": width, "height": 900}) as visitor:
        visitor.open(address("SELECT *, NULL AS n FROM sales"))
        done(visitor.page)
        visitor.check_accessible()
        visitor.check_fits()
        visitor.page.locator("#show-chart").click()
        expect(visitor.page.locator("svg.chart")).to_be_visible()
        visitor.check_accessible()
        visitor.check_fits()
        visitor.check()


def test_a_million_rows_take_less_than_300_mb(visit: Visit) -> None:
    wide = (
        "SELECT i AS id, 'customer ' || i AS name, i * 1.5 AS amount, "
        "md5(CAST(i AS VARCHAR)) AS hash FROM range(1000000) t(i)"
    )
    with visit() as visitor:
        page = visitor.page
        visitor.open(address(wide))
        assert done(page).startswith("1,000,000 rows")
        page.locator("#grid").focus()
        page.keyboard.press("Control+End")
        expect(page.locator("#cell-999999-0")).to_have_text("999999")
        devtools = page.context.new_cdp_session(page)
        devtools.send("HeapProfiler.collectGarbage")
        heap = devtools.send("Runtime.getHeapUsage")
        used = heap["totalSize"] + heap["embedderHeapUsedSize"] + heap["backingStorageSize"]
        assert heap["backingStorageSize"] > 50_000_000  # the rows are in it
        assert used < 300_000_000
        visitor.check()


def test_a_nested_value_is_opened_with_all_its_digits(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open(address("SELECT {'n': 9007199254740993} AS large, {'n': [1, 2]} AS small"))
        done(page)
        page.locator("#cell-0-0").dblclick()
        expect(page.locator("#cell-value")).to_contain_text("9007199254740993")
        page.keyboard.press("Escape")
        page.locator("#cell-0-1").dblclick()
        expect(page.locator("#cell-value")).to_contain_text('"n": [')
        visitor.check()
