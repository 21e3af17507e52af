"""Keys in the browser: folders, an object, its bytes as of then, and its deletion."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from console_browser import Visitor
from lake_server import Lake
from playwright.sync_api import expect

Visit = Callable[..., AbstractContextManager[Visitor]]


def test_folders_lead_to_an_object_that_is_fetched_and_deleted(visit: Visit, lake: Lake) -> None:
    assert lake.put("deep/a/one.txt", b"first").status == 200
    then = lake.put("deep/a/one.txt", b"second").seq
    assert lake.put("deep/b.txt", b"b").status == 200
    with visit(java_script_enabled=False) as visitor:
        page = visitor.page
        visitor.open("/console/storage")
        page.get_by_role("link", name="deep/").click()
        rows = page.get_by_role("region", name="Entries").locator("tbody tr")
        assert [each.split("\t")[0] for each in rows.all_inner_texts()] == ["a/", "b.txt"]
        page.get_by_role("link", name="a/", exact=True).click()
        page.get_by_role("link", name="one.txt").click()
        with page.expect_download() as begun:
            page.get_by_role("link", name="Download", exact=True).click()
        assert begun.value.path().read_bytes() == b"second"
        versions = page.get_by_role("region", name="Versions").locator("tbody tr")
        expect(versions).to_have_count(2)
        expect(versions.first).to_contain_text("current")
        page.get_by_label("Reason").fill("not needed")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", name="No object in this folder")).to_be_visible()
        visitor.open("/console/storage/object?key=deep/a/one.txt")
        expect(page.get_by_text("deleted", exact=True)).to_be_visible()
        expect(versions.get_by_text("current")).to_have_count(0)
        page.get_by_role("link", name=f"View the version of event {then - 1}").click()
        with page.expect_download() as begun:
            page.get_by_role("link", name="Download", exact=True).click()
        assert begun.value.path().read_bytes() == b"first"
        expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    assert lake.get("deep/a/one.txt").status == 404


def test_an_object_that_a_dataset_uses_is_not_deleted(visit: Visit, lake: Lake) -> None:
    own = lake.manifest("sales").json["objects"][0]["key"]
    assert lake.put("held.parquet", b"x").status == 200
    assert lake.register("held", "held.parquet").status == 200
    with visit() as visitor:
        visitor.open(f"/console/storage/object?key={own}")
        button = visitor.page.get_by_role("button", name="Delete")
        expect(button).to_have_count(0)
        visitor.open("/console/storage/object?key=held.parquet")
        button.click()
        expect(visitor.page.locator("main")).to_contain_text("held")
        expect(visitor.page.get_by_role("alert")).to_contain_text("Drop the dataset that holds")
    assert lake.get("held.parquet").status == 200
