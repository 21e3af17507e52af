"""Views in the browser: found, renamed and dropped; a masked one keeps its masks."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from console_browser import Visitor
from lake_server import Lake
from playwright.sync_api import expect

Visit = Callable[..., AbstractContextManager[Visitor]]


def test_a_view_is_found_renamed_and_dropped(visit: Visit, lake: Lake) -> None:
    view = {"sql": "SELECT id FROM sales", "comment": "ids alone"}
    assert lake.ask("PUT", "/v1/catalog/view/to_rename", view).status == 200
    with visit(java_script_enabled=False) as visitor:
        page = visitor.page
        visitor.open("/console/datasets")
        page.get_by_role("link", name="Views").click()
        page.get_by_role("link", name="to_rename").click()
        expect(page.get_by_text("SELECT id FROM sales")).to_be_visible()
        page.get_by_label("New name").fill("renamed")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("renamed")
        expect(page.get_by_text("ids alone")).to_be_visible()
        assert lake.ask("GET", "/v1/catalog/view/to_rename").status == 404
        page.get_by_role("button", name="Drop").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Views")
        assert visitor.problems == []
    assert lake.ask("GET", "/v1/catalog/view/renamed").status == 404
    events = lake.ask("GET", "/v1/journal/events?limit=1000").json["events"]
    assert [each["type"] for each in events[-2:]] == ["change_set_committed", "view_dropped"]


def test_what_is_not_found_leads_to_the_list_of_its_kind(visit: Visit) -> None:
    lists = {
        "view/none": ("All views", "/console/views"),
        "dataset/none": ("All datasets", "/console/datasets"),
        "storage/object?key=none": ("Storage", "/console/storage"),
        "event/999999": ("Journal", "/console/journal"),
    }
    with visit(java_script_enabled=False) as visitor:
        for path, (label, target) in lists.items():
            assert visitor.open(f"/console/{path}") == 404
            link = visitor.page.locator("main").get_by_role("link", name=label)
            expect(link).to_have_attribute("href", target)


def test_a_masked_view_keeps_its_masks_under_its_new_name(visit: Visit, lake: Lake) -> None:
    masked = {"of": "sales", "masks": {"id": "hash"}, "unmasked": ["day"], "rows": "id < 10"}
    assert lake.ask("PUT", "/v1/catalog/view/secret_sales", masked).status == 200
    before = lake.ask("GET", "/v1/catalog/view/secret_sales").json["safe"]
    with visit() as visitor:
        visitor.open("/console/view/secret_sales")
        expect(visitor.page.locator("main")).to_contain_text("hash")
        visitor.page.get_by_label("New name").fill("hidden_sales")
        visitor.page.get_by_role("button", name="Rename").click()
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("hidden_sales")
        visitor.check()
    assert lake.ask("GET", "/v1/catalog/view/hidden_sales").json["safe"] == before


def test_a_view_is_not_renamed_to_what_is_there(visit: Visit, lake: Lake) -> None:
    with visit() as visitor:
        for name, says in (
            ("masked", "a dataset or view masked already"),
            ("DEAR", "called dear already"),
        ):
            visitor.open("/console/view/dear")
            visitor.page.get_by_label("New name").fill(name)
            visitor.page.get_by_role("button", name="Rename").click()
            expect(visitor.page.get_by_role("alert")).to_contain_text(says)
            expect(visitor.page.get_by_label("New name")).to_have_value(name)
    assert lake.ask("GET", "/v1/catalog/view/dear").status == 200
    assert lake.ask("GET", "/v1/catalog/view/masked").json["safe"]["of"] == "sales"
