"""Files in the browser: their columns are seen and corrected before anything changes; then one change."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from console_browser import Chromium, Visitor, tab, visiting
from console_pages import HOSTILE
from lake_server import Lake
from playwright.sync_api import Locator, Route, expect
from principals import principal

Visit = Callable[..., AbstractContextManager[Visitor]]


def file(name: str, text: str) -> Any:
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


def choose(visitor: Visitor, files: Sequence[Any]) -> Locator:
    """Choose files on the page; their cards."""
    visitor.page.locator("#files").set_input_files(list(files))
    return visitor.page.locator(".card")


def lose_first(visitor: Visitor, path: str, *, answered: bool) -> None:
    """Lose the connection of the first request to a path; `answered`: after the server has done it."""
    lost = [True]

    def judge(route: Route) -> None:
        if not lost:
            route.continue_()
            return
        lost.pop()
        if answered:
            route.fetch()
        route.abort()

    visitor.page.route(path, judge)


def head(lake: Lake) -> int:
    seq: int = lake.ask("GET", "/v1/journal/head").json["seq"]
    return seq


def test_two_files_are_seen_corrected_and_loaded_as_one_change(visit: Visit, lake: Lake) -> None:
    before = head(lake)
    with visit() as visitor:
        visitor.open("/console/upload")
        cards = choose(
            visitor, [file("up one.csv", "zip,n\n01,1\n"), file("up_two.csv", "a\n1\n2\n")]
        )
        expect(cards.first.locator("[data-part=state]")).to_have_text("1 row: ready to load")
        zip_ = cards.first.locator("tbody tr").first
        expect(zip_).to_contain_text("string")
        cards.first.get_by_label("Type of n").select_option("string")
        expect(cards.first.locator("tbody tr").nth(1)).to_contain_text("string")
        button = visitor.page.get_by_role("button", name="Load 2 files as one change")
        expect(button).to_be_enabled()
        visitor.check_accessible()
        assert head(lake) == before, "nothing changes before the files are loaded"
        visitor.page.get_by_label("Reason").fill("für März")
        button.click()
        expect(visitor.page.get_by_role("link", name="up_one")).to_be_visible()
        visitor.check()
    events = lake.ask("GET", f"/v1/journal/events?after={before}").json["events"]
    assert [(each["type"], each["reason"]) for each in events] == [
        ("change_set_committed", "für März")
    ]
    assert lake.sql("SELECT zip, n FROM up_one").json["rows"] == [["01", "1"]]
    assert lake.sql("SELECT a FROM up_two").json["rows"] == [[1], [2]]


def test_what_is_wrong_with_a_file_is_said_beside_it(visit: Visit, lake: Lake) -> None:
    before = head(lake)
    with visit() as visitor:
        visitor.open("/console/upload")
        cards = choose(
            visitor, [file("up_bad.csv", "a,b\n1,2\n3\n"), file("up_good.csv", "a\n1\n")]
        )
        problem = cards.first.get_by_role("alert")
        expect(problem).to_contain_text("Line 3")
        expect(visitor.page.get_by_role("button", name="Load 2 files")).to_be_disabled()
        cards.first.get_by_label("Bad rows").select_option("quarantine")
        state = cards.first.locator("[data-part=state]")
        expect(state).to_have_text("1 row, 1 in quarantine: ready to load")
        cards.first.get_by_role("button", name="Remove").click()
        expect(visitor.page.get_by_role("button", name="Load", exact=True)).to_be_enabled()
        visitor.check()
    assert head(lake) == before


def test_hostile_names_and_cells_stay_text(visit: Visit) -> None:
    # The last one is no column's name: it changes the direction of text.
    quoted = ",".join('"' + text.replace('"', '""') + '"' for text in HOSTILE[:-1])
    with visit() as visitor:
        visitor.open("/console/upload")
        cards = choose(visitor, [file(f"{HOSTILE[0].replace('/', '')}.csv", f"{quoted}\n" * 2)])
        expect(cards.first.locator("h2")).to_contain_text("<script>")
        expect(cards.first.locator("tbody")).to_contain_text(HOSTILE[2])
        assert visitor.page.evaluate("window.hit") is None
        visitor.check()


def test_a_lost_connection_is_shown_and_the_file_is_sent_again(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/upload")
        lose_first(visitor, "**/v1/ingest*", answered=False)
        cards = choose(visitor, [file("up_lost.csv", "a\n1\n")])
        expect(cards.first.get_by_role("alert")).to_contain_text("The connection was lost")
        cards.first.get_by_role("button", name="Check again").click()
        expect(cards.first.locator("[data-part=state]")).to_have_text("1 row: ready to load")


def test_a_load_whose_answer_is_lost_is_made_once(visit: Visit, lake: Lake) -> None:
    with visit() as visitor:
        visitor.open("/console/upload")
        lose_first(visitor, "**/v1/catalog/transaction", answered=True)
        cards = choose(visitor, [file("up_once.csv", "a\n1\n")])
        cards.first.get_by_label("Mode").select_option("append")
        expect(cards.first.locator("[data-part=state]")).to_have_text("1 row: ready to load")
        button = visitor.page.get_by_role("button", name="Load", exact=True)
        button.click()
        expect(visitor.page.locator("#outcome")).to_contain_text("The connection was lost")
        button.click()
        expect(visitor.page.get_by_role("link", name="up_once")).to_be_visible()
    assert lake.sql("SELECT count(*) FROM up_once").json["rows"] == [[1]]


def test_an_upload_is_cancelled(visit: Visit, lake: Lake) -> None:
    before = head(lake)
    with visit() as visitor:
        visitor.open("/console/upload")
        visitor.page.route("**/v1/ingest*", lambda route: None)
        cards = choose(visitor, [file("up_slow.csv", "a\n1\n")])
        cards.first.get_by_role("button", name="Cancel").click()
        expect(cards.first.locator("[data-part=state]")).to_have_text(
            "Cancelled. Nothing was changed."
        )
        expect(visitor.page.get_by_role("button", name="Load", exact=True)).to_be_disabled()
    assert head(lake) == before


def test_a_session_that_ended_loses_no_upload(browser: Chromium, shut: Lake) -> None:
    assert shut.token
    with visiting(browser, shut) as visitor:
        page = visitor.page
        sign_in(visitor, shut.token)
        visitor.open("/console/upload")
        choose(visitor, [file("kept_file.csv", "a\n1\n")])
        expect(page.locator("[data-part=state]")).to_have_text("1 row: ready to load")
        page.context.clear_cookies()
        page.get_by_label("Reason").fill("kept")
        page.get_by_role("button", name="Load").click()
        expect(page.locator("#outcome")).to_contain_text("The session has ended")
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Sign in in another tab").click()
        opened.value.get_by_label("Token").fill(shut.token)
        opened.value.get_by_role("button", name="Sign in").click()
        opened.value.wait_for_url("**/console/datasets")
        page.get_by_role("button", name="Load").click()
        expect(page.get_by_text("Loaded with event")).to_be_visible()
    event = shut.ask("GET", "/v1/catalog/history/kept_file").json["events"][0]
    assert (event["actor"], event["reason"]) == ("ana", "kept")


def test_another_principal_s_session_does_not_take_an_upload_over(
    browser: Chromium, shut: Lake
) -> None:
    assert shut.token
    other = principal(shut, "bo", {"*": ["read", "write"]})
    assert other.token
    with visiting(browser, shut) as visitor:
        page = visitor.page
        sign_in(visitor, shut.token)
        visitor.open("/console/upload")
        choose(visitor, [file("not_taken.csv", "a\n1\n")])
        expect(page.locator("[data-part=state]")).to_have_text("1 row: ready to load")
        page.context.clear_cookies()
        with tab(page.context, shut) as second:
            sign_in(second, other.token)
        page.get_by_role("button", name="Load").click()
        expect(page.locator("#outcome")).to_contain_text("Stale form")
    assert shut.ask("GET", "/v1/catalog/manifest/not_taken").status == 404


def sign_in(visitor: Visitor, token: str) -> None:
    visitor.open("/console/sign-in")
    visitor.page.get_by_label("Token").fill(token)
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.wait_for_url("**/console/datasets")
