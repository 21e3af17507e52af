"""The SQL page in Chromium: completion, errors at their place, cancelling, history, sharing, views."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from console_browser import Visitor
from lake_server import Lake
from playwright.sync_api import expect
from sql_page import MANY, address, cell, done, run, write

Visit = Callable[..., AbstractContextManager[Visitor]]

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"


def test_a_statement_is_run_and_its_address_shows_the_same_again(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        run(
            page,
            "SELECT 12345678901234567890123 AS n, NULL AS nothing, '' AS empty, 'NULL' AS word",
        )
        assert done(page).startswith("1 row · 4 columns")
        assert [cell(page, 0, at) for at in range(4)] == [
            "12345678901234567890123",
            "NULL",
            "",
            "NULL",
        ]
        styles = [page.locator(f"#cell-0-{at}").get_attribute("class") for at in range(4)]
        assert styles == ["number", "null", "", ""]
        labels = [page.locator(f"#cell-0-{at}").get_attribute("aria-label") for at in (1, 2, 3)]
        assert labels == ["null", "empty text", None]
        page.reload()
        assert done(page).startswith("1 row · 4 columns")
        assert cell(page, 0, 0) == "12345678901234567890123"
        run(page, "SELECT 2 AS two")
        expect(page.locator("#status")).to_contain_text("1 column ")
        page.go_back()
        expect(page.locator("#status")).to_contain_text("4 columns")
        expect(page.locator(".cm-content")).to_contain_text("AS word")
        visitor.check()


def test_relations_and_columns_are_completed(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        options = page.locator(".cm-tooltip-autocomplete li")
        write(page, "SELECT * FROM orders JOIN sal")
        expect(options.first).to_contain_text("sales")
        expect(page.locator(".tok-keyword")).to_have_text(["SELECT", "FROM", "JOIN"])
        options.first.click()  # a key is ignored in the first 75 ms of a list
        page.keyboard.type(" s WHERE s.pr")
        expect(options.first).to_contain_text("price")
        options.first.click()
        expect(page.locator(".cm-content")).to_have_text(
            "SELECT * FROM orders JOIN sales s WHERE s.price"
        )
        page.keyboard.type(" > 3 AND da")
        expect(options.filter(has_text=re.compile("^day")).first).to_be_visible()
        write(page, "SELECT s.pri FROM orders o, sales s")
        for _ in range(len(" FROM orders o, sales s")):
            page.keyboard.press("ArrowLeft")
        page.keyboard.press("Control+Space")
        expect(options.first).to_contain_text("price")
        page.keyboard.press("Escape")
        run(page, "SELECT * FROM lake.queri")
        write(page, "SELECT * FROM lake.queri")
        expect(options.first).to_contain_text("queries")
        page.keyboard.press("Control+Enter")
        expect(options).to_have_count(0)
        expect(page.locator(".cm-content")).to_have_text("SELECT * FROM lake.queri")
        assert visitor.problems == []


def test_an_error_is_marked_at_its_place(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open(address("SELECT id,\n  'ä😀', nosuch\nFROM sales"))
        expect(page.locator(".problem .where")).to_have_text("Line 2, column 9")
        expect(page.locator(".problem pre")).to_contain_text('Referenced column "nosuch" not found')
        expect(page.locator(".cm-lintRange-error")).to_have_text("nosuch")
        visitor.check_accessible()
        run(page, "SELECT 1")
        done(page)
        expect(page.locator(".cm-lintRange-error")).to_have_count(0)
        expect(page.locator(".problem")).to_have_count(0)
        visitor.check()


def test_long_names_beside_the_editor_are_cut_and_hide_no_type(visit: Visit, lake: Lake) -> None:
    name = "a_name_" + "that_is_long_" * 6
    assert lake.ingest(f"name={name}", f"{name}\n1\n").status == 200
    with visit() as visitor:
        visitor.open("/console/sql")
        relations = visitor.page.locator("#relations")
        relations.locator("summary").first.click()
        expect(relations.locator("small").nth(1)).to_have_text("BIGINT")
        assert relations.evaluate("each => each.scrollWidth - each.clientWidth") == 0
    assert lake.drop(name).status == 200


def test_a_query_is_cancelled_on_the_server(visit: Visit, lake: Lake) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open(address(ENDLESS))
        expect(page.locator("#progress")).to_contain_text("Running")
        page.locator("#cancel").click()
        expect(page.locator("#status")).to_contain_text("Cancelled after")
        expect(page.locator("#cancel")).to_be_hidden()
        found = lake.sql(f"SELECT outcome FROM lake.queries WHERE sql = '{ENDLESS}'").json
        assert found["rows"] == [["query_cancelled"]]
        assert lake.ask("GET", "/v1/queries").json["queries"] == []
        visitor.check()


def test_a_page_that_is_left_leaves_no_query_running(visit: Visit, lake: Lake) -> None:
    statement = f"{ENDLESS} WHERE a.range > 1"
    with visit() as visitor:
        visitor.open(address(statement))
        expect(visitor.page.locator("#progress")).to_contain_text("Running")
        visitor.open("/console/datasets")
    query = f"SELECT count(*) FROM lake.queries WHERE sql = '{statement}' AND outcome IS NULL"
    for _ in range(100):
        if lake.sql(query).json["rows"] == [[0]]:
            return
    pytest.fail("the query still runs")


def test_an_address_is_shared_as_of_the_event_that_was_read(visit: Visit, lake: Lake) -> None:
    assert lake.ingest("name=shared", "a\n1\n").status == 200
    with visit() as visitor:
        page = visitor.page
        visitor.open(address("SELECT count(*) AS n FROM shared"))
        done(page)
        page.locator("#share").click()
        fixed = page.locator("#share-fixed").input_value()
        here = page.locator("#share-here").input_value()
        assert lake.ingest("name=shared&mode=append", "a\n2\n").status == 200
        for link, shown in ((fixed, "1"), (here, "2")):
            page.goto(link)
            done(page)
            assert cell(page, 0, 0) == shown
        visitor.check()


def test_a_statement_is_saved_as_a_view_and_replaced_only_when_asked(
    visit: Visit, lake: Lake
) -> None:
    before = lake.ask("GET", "/v1/journal/head").json["seq"]
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        write(page, "SELECT * FROM sales WHERE price > 6")
        page.keyboard.press("Escape")
        for statement in ("SELECT * FROM sales WHERE price > 6", "SELECT 7 AS seven"):
            write(page, statement)
            page.keyboard.press("Escape")
            page.locator("#save").click()
            page.get_by_label("Name", exact=True).fill("expensive")
            page.get_by_label("Reason").fill("für den Bericht")
            page.get_by_role("button", name="Save", exact=True).click()
            if statement != "SELECT 7 AS seven":
                expect(page.locator("#save-done")).to_contain_text("Saved as view expensive")
            else:
                expect(page.locator("#save-replace-row")).to_be_visible()
                assert lake.sql("SELECT count(*) > 1 FROM expensive").json["rows"] == [[True]]
                page.get_by_label("replace it").check()
                page.get_by_role("button", name="Save", exact=True).click()
                expect(page.locator("#save-done")).to_contain_text("Saved as view expensive")
            visitor.check_accessible()
            page.locator("#save-dialog").get_by_role("button", name="Close").click()
        assert lake.sql("SELECT * FROM expensive").json["rows"] == [[7]]
        saved = lake.ask("GET", f"/v1/journal/events?after={before}&type=view_put").json["events"]
        assert {each["reason"] for each in saved} == {"für den Bericht"}
        visitor.check()


def test_a_view_that_cannot_be_saved_says_why(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        write(page, "SELECT nosuch FROM sales")
        page.keyboard.press("Escape")
        page.locator("#save").click()
        page.get_by_label("Name", exact=True).fill("broken")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#save-problem")).to_contain_text("nosuch")
        expect(page.locator("#save-done")).to_be_hidden()
        visitor.check()


def test_history_is_kept_in_the_browser_and_cleared(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        run(page, "SELECT 41 AS answer")
        done(page)
        visitor.open("/console/sql")
        entry = page.locator("#history button").first
        expect(entry).to_contain_text("SELECT 41 AS answer")
        entry.click()
        done(page)
        assert cell(page, 0, 0) == "41"
        page.locator("#forget").click()
        expect(page.locator("#history button")).to_have_count(0)
        visitor.check()


def test_a_server_that_is_gone_is_said(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        page.context.set_offline(True)
        run(page, "SELECT 1")
        expect(page.locator("#status")).to_contain_text("The server was not reached")
        page.context.set_offline(False)
        page.locator("#sql-form button.primary").click()
        assert done(page).startswith("1 row")
        assert not [each for each in visitor.problems if each.startswith("script:")]


def test_without_a_script_the_form_shows_the_first_rows(visit: Visit) -> None:
    with visit(java_script_enabled=False) as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        page.locator("#sql-text").fill(f"{MANY.format(100_000)} ORDER BY id")
        page.get_by_role("button", name="Run").click()
        expect(page.locator("#server-rows .sql-status")).to_contain_text("The first 100 rows")
        assert page.locator("#server-rows tbody tr").count() == 100
        assert page.locator("#server-rows tbody tr").nth(1).locator("td").all_inner_texts() == [
            "1",
            "customer 1",
            "",
        ]
        assert page.locator("#server-rows .null").count() == 34
        page.locator("#sql-text").fill("SELECT nosuch")
        page.get_by_role("button", name="Run").click()
        expect(page.locator(".problem pre")).to_contain_text("nosuch")
