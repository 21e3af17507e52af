"""Uploads without a script: a form whose files are checked while they arrive, and one that loads them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from console_browser import Visitor
from console_client import Browsing, proof_in
from lake_server import Lake, running_lake
from playwright.sync_api import expect
from principals import closed, principal

from lakehouse.console.pages.upload import MAX_FILES, UPLOAD, dataset_name

Visit = Callable[..., AbstractContextManager[Visitor]]
LOAD = f"{UPLOAD}/load"


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with access control; the client is an admin's."""
    with running_lake(tmp_path_factory.mktemp("forms") / "bucket", queries=False) as lake:
        lake.token = closed(lake)
        yield lake


@pytest.fixture
def writer(shut: Lake) -> Browsing:
    return signed_in(shut, "writer", {"w_*": ["write"]})


def signed_in(lake: Lake, name: str, grants: dict[str, list[str]]) -> Browsing:
    browsing = Browsing(lake.port)
    browsing.sign_in(principal(lake, name, grants).token or "")
    return browsing


def check(browsing: Browsing, files: list[tuple[str, str]], **fields: str) -> str:
    """The page that shows what the files hold."""
    proof = proof_in(browsing.get(UPLOAD))
    answer = browsing.post_files(UPLOAD, fields, files, proof)
    assert answer.status == 200, answer
    return answer.body.decode()


def head(lake: Lake) -> int:
    seq: int = lake.ask("GET", "/v1/journal/head").json["seq"]
    return seq


def test_two_files_are_checked_and_loaded_as_one_change_without_a_script(
    visit: Visit, lake: Lake
) -> None:
    before = head(lake)
    files = [("form one.csv", "zip,n\n01,1\n"), ("form_two.csv", "a\n1\nx\n")]
    with visit(java_script_enabled=False) as visitor:
        page = visitor.page
        visitor.open("/console/upload")
        expect(page.locator("#drop")).to_be_hidden()
        page.get_by_label("Files (up to 20)").set_input_files(
            [
                {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
                for name, text in files
            ]
        )
        page.get_by_role("button", name="Check the files").click()
        cards = page.locator(".card")
        expect(cards.first).to_contain_text("dataset form_one")
        expect(cards.first.locator("tbody tr").first).to_contain_text("leading zero")
        expect(cards.nth(1).locator("tbody tr")).to_contain_text("Line 3: 'x' is not a number")
        assert head(lake) == before, "nothing changes before the files are loaded"
        visitor.check_fits()
        page.get_by_label("Reason").fill("by a form")
        page.get_by_role("button", name="Load 2 files as one change").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Event")
        assert visitor.problems == []
    events = lake.ask("GET", f"/v1/journal/events?after={before}").json["events"]
    assert [(each["type"], each["reason"]) for each in events] == [
        ("change_set_committed", "by a form")
    ]
    assert lake.sql("SELECT zip FROM form_one").json["rows"] == [["01"]]
    assert lake.sql("SELECT a FROM form_two").json["rows"] == [["1"], ["x"]]


def test_what_a_file_lacks_is_said_and_the_others_can_be_loaded(
    shut: Lake, writer: Browsing
) -> None:
    files = [("w_bad.csv", "a,b\n1,2\n3\n"), ("hidden.csv", "a\n1\n"), ("w_good.csv", "a\n1\n")]
    page = check(writer, files)
    assert "malformed_csv" not in page and "Line 3" in page
    assert "That requires the right to write hidden" in page
    assert ">Load</button>" in page


def test_what_is_given_decides_how_a_file_is_read(shut: Lake, writer: Browsing) -> None:
    page = check(
        writer,
        [("x.csv", "a;b\n1;2\n")],
        name="w_given",
        types="a:string",
        delimiter=";",
        null="",
        format="",
        mode="append",
    )
    assert "the request says so" in page and "dataset <strong>w_given</strong>" in page
    assert "1 row: ready to append" in page
    refused = check(writer, [("x.csv", "a\n1\n")], name="w_given", mode="merge")
    assert "Mode must be one of: replace, append" in refused


def test_what_was_loaded_is_loaded_once(shut: Lake, writer: Browsing) -> None:
    page = check(writer, [("w_once.csv", "a\n1\n")])
    staged = page.partition('name="staged" value="')[2].partition('"')[0]
    form = {"staged": staged, "idempotency_key": "k1", "reason": "once"}
    proof = proof_in(writer.get(UPLOAD))
    first, again = (writer.post(LOAD, form, proof) for _ in range(2))
    assert [first.status, again.status] == [303, 303]
    assert first.headers["Location"] == again.headers["Location"]
    spent = writer.post(LOAD, form | {"idempotency_key": "k2"}, proof)
    assert spent.status == 404


def test_a_form_without_files_or_with_too_many_is_refused(shut: Lake, writer: Browsing) -> None:
    proof = proof_in(writer.get(UPLOAD))
    assert writer.post_files(UPLOAD, {}, [], proof).status == 400
    assert writer.post_files(UPLOAD, {}, [("", "")], proof).status == 400
    many = [(f"w_{number}.csv", "a\n1\n") for number in range(MAX_FILES + 1)]
    assert b"more than" in writer.post_files(UPLOAD, {}, many, proof).body


def test_files_that_another_site_sends_are_refused(shut: Lake, writer: Browsing) -> None:
    before = head(shut)
    for proof in ("", "00" * 64):
        answer = writer.post_files(UPLOAD, {}, [("w_forged.csv", "a\n1\n")], proof)
        assert (answer.status, b"stale_form" in answer.body) == (403, True)
    assert head(shut) == before


def test_who_may_not_write_a_dataset_loads_nothing(shut: Lake, writer: Browsing) -> None:
    page = check(writer, [("w_mine.csv", "a\n1\n")])
    staged = page.partition('name="staged" value="')[2].partition('"')[0]
    other = signed_in(shut, "other", {"o_*": ["write"]})
    answer = other.post(LOAD, {"staged": staged}, proof_in(other.get(UPLOAD)))
    assert answer.status == 404, "what one has staged is there for oneself alone"


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("sales.csv", "sales"),
        ("sales 2026.csv.gz", "sales_2026"),
        ("2026.ndjson", "_2026"),
        ("a.b.parquet", "a_b"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_dataset_is_named_after_its_file(file_name: str, name: str) -> None:
    assert dataset_name(file_name) == name
