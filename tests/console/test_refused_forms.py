"""A form that is refused comes back: with what was typed, the error at its field, and the focus there."""

import re
from html import unescape
from typing import NamedTuple

import pytest
from console_browser import Chromium, visiting
from console_client import SEEN, Browsing, proof_in
from lake_server import Lake
from playwright.sync_api import expect
from principals import principal
from raw_http import Answer

from lakehouse.console.table import CONSOLE_PAGES

LONG = "🦆" * 300
"""More than 1,024 bytes in fewer than 500 characters, which the field takes."""


class Refusal(NamedTuple):
    """A form, what is wrong with it, and where that must stand."""

    path: str
    fields: dict[str, str]
    status: int
    at: str
    """The field at fault; empty: none alone."""
    says: str
    kept: tuple[str, ...] = ()
    """What else must be there again."""


REFUSALS = {
    "grant-on": Refusal(
        "/console/access/grant",
        {"principal": "bo", "on": "sales *x", "write": "true", "reason": ""},
        400,
        "on",
        "is none of these",
        ('name="write" value="true" checked', 'value="sales *x"'),
    ),
    "grant-nothing": Refusal(
        "/console/access/grant",
        {"principal": "bo", "on": "sales_*"},
        400,
        "read",
        "Choose at least one right",
        ('value="sales_*"',),
    ),
    "principal-name": Refusal(
        "/console/access/put",
        {"name": "b o", "kind": "service", "profile": "masked", "reason": "why not"},
        400,
        "name",
        "A principal's name has",
        ('value="b o"', 'value="masked"', 'value="why not"', "<option selected>service"),
    ),
    "principal-profile": Refusal(
        "/console/access/put",
        {"name": "bea", "kind": "user", "profile": "nosuch", "admin": "true"},
        404,
        "profile",
        "There is no profile nosuch",
        ('value="bea"', 'value="nosuch"', 'name="admin" value="true" checked'),
    ),
    "principal-settings": Refusal(
        "/console/access/put",
        {"name": "bo", "exists": "true", "kind": "user", "profile": "n o", "reason": "r e"},
        400,
        "profile",
        "A name has 1 to 128",
        ('value="n o"', 'value="r e"'),
    ),
    "principal-drop": Refusal(
        "/console/access/drop", {"name": "bo", "reason": LONG}, 431, "reason", "Shorten", (LONG,)
    ),
    "token": Refusal(
        "/console/access/issue",
        {"principal": "bo", "expires_in": "soon", "note": "for ci"},
        400,
        "expires_in",
        "a span such as 30d",
        ('value="soon"', 'value="for ci"'),
    ),
    "profile": Refusal(
        "/console/access/profile",
        {"name": "a b", "view:masked": "true", "others": "hidden", "reason": "because"},
        400,
        "name",
        "A name has 1 to 128",
        (
            'value="a b"',
            'name="view:masked" value="true" checked',
            "<option selected>hidden",
            'value="because"',
        ),
    ),
    "profile-twice": Refusal(
        "/console/access/profile",
        {"name": "ab", "view:masked": "true", "view:masked_too": "true", "others": "visible"},
        400,
        "",
        "choose one",
        ('name="view:masked" value="true" checked', 'name="view:masked_too" value="true" checked'),
    ),
    "mask-name": Refusal(
        "/console/mask",
        {"of": SEEN, "name": "1st", "column:a": "hash", "rows": "a > 1", "comment": "c c"},
        400,
        "name",
        "A name has 1 to 128",
        ('value="1st"', '<option value="hash" selected>', 'value="a &gt; 1"', 'value="c c"'),
    ),
    "mask-rows": Refusal(
        "/console/mask",
        {"of": SEEN, "name": "m2", "column:a": "last4", "rows": "nosuch = 1"},
        400,
        "rows",
        "nosuch",
        ('value="m2"', '<option value="last4" selected>', 'value="nosuch = 1"'),
    ),
    "mask-taken": Refusal(
        "/console/mask",
        {"of": SEEN, "name": "masked", "column:a": "last4", "reason": "again"},
        409,
        "name",
        "masked",
        ('value="masked"', 'value="again"'),
    ),
    "view-rename": Refusal(
        "/console/views/rename",
        {"name": "masked", "to": "1st", "reason": "tidy"},
        400,
        "to",
        "A name has 1 to 128",
        ('value="1st"', 'value="tidy"'),
    ),
    "view-rename-taken": Refusal(
        "/console/views/rename",
        {"name": "masked", "to": "masked_too", "reason": "tidy"},
        409,
        "to",
        "masked_too",
        ('value="masked_too"',),
    ),
    "view-drop": Refusal(
        "/console/views/drop", {"name": "masked", "reason": LONG}, 431, "reason", "Shorten", (LONG,)
    ),
    "undo": Refusal(
        "/console/undo", {"seq": "2", "reason": LONG}, 431, "reason", "Shorten", (LONG,)
    ),
    "restore": Refusal(
        "/console/restore",
        {"name": SEEN, "to": "2", "reason": LONG},
        431,
        "reason",
        "Shorten",
        (LONG,),
    ),
    "delete-key": Refusal(
        "/console/storage/delete",
        {"key": "raw/a.txt", "reason": LONG},
        431,
        "reason",
        "Shorten",
        (LONG,),
    ),
    "quarantine": Refusal(
        "/console/dataset/mended",
        {"dataset": "mended", "content": "n\n2,3\n", "reason": "typo", "load": "true"},
        422,
        "content",
        "field",
        ("n\n2,3\n</textarea>", 'value="typo"'),
    ),
    "load": Refusal(
        "/console/upload/load",
        {"staged": "abc def", "reason": LONG},
        431,
        "reason",
        "Shorten",
        (LONG, 'value="abc def"'),
    ),
}


@pytest.fixture(scope="module")
def filled(shut: Lake) -> Lake:
    principal(shut, "bo", {SEEN: ["read"]})
    safe = {"of": SEEN, "unmasked": ["a"]}
    for name in ("masked", "masked_too"):
        assert shut.ask("PUT", f"/v1/catalog/view/{name}", safe).status == 200
    assert shut.ingest(f"name={SEEN}&mode=append", "a\n7\n").status == 200
    assert shut.put("raw/a.txt").status == 200
    bad = "name=mended&on_error=quarantine&types=n%3Aint64"
    assert shut.ingest(bad, "n\n1\ntwo\n").status == 200
    return shut


@pytest.fixture
def admin(filled: Lake) -> Browsing:
    browsing = Browsing(filled.port)
    assert browsing.sign_in(filled.token or "").status == 303
    return browsing


def fields_of(lake: Lake, browsing: Browsing, name: str) -> dict[str, str]:
    """Fields that only a page of this lake can tell."""
    if name == "undo":
        [appended] = lake.ask("GET", "/v1/journal/events?type=dataset_appended").json["events"]
        return {"seq": str(appended["seq"])}
    if name == "quarantine":
        page = browsing.get("/console/dataset/mended?tab=quarantine").body.decode()
        keys = re.search(r'name="keys" value="([^"]*)"', page)
        assert keys
        return {"keys": unescape(keys[1])}
    return {}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_comes_back_with_what_was_typed(filled: Lake, admin: Browsing, name: str) -> None:
    path, fields, status, at, says, kept = REFUSALS[name]
    page = admin.get("/console/upkeep")
    fields = fields | fields_of(filled, admin, name)
    answer = admin.post(path, fields, proof_in(page))
    assert answer.status == status
    shown = answer.body.decode()
    for text in kept:
        assert text in shown
    assert says in fault(answer)
    if at:
        assert at_fault(answer) == at
    assert shown.count("autofocus") == 1


def test_each_form_that_changes_the_lake_is_tried(admin: Browsing) -> None:
    tried = {each.path for each in REFUSALS.values()} | {"/console/dataset/{name}"}
    missing = {each.path for each in CONSOLE_PAGES if each.again} - tried
    # These have no field to type in, or are of the tests of the page that they are on.
    untyped = {"ungrant", "revoke", "profile-drop"}
    others = {
        "/console/upload",
        "/console/upkeep/check",
        "/console/upkeep/preview",
        "/console/upkeep/collect",
        "/console/upkeep/compact",
    }
    assert missing <= {f"/console/access/{each}" for each in untyped} | others


def test_the_focus_is_on_the_field_and_the_next_attempt_goes_through(
    browser: Chromium, filled: Lake
) -> None:
    with visiting(browser, filled, java_script_enabled=False) as visitor:
        page = visitor.page
        visitor.open("/console/principal/bo")
        page.get_by_label("Token").fill(filled.token or "")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("On", exact=True).fill("sales *x")
        page.get_by_label("write", exact=True).check()
        page.get_by_role("button", name="Grant", exact=True).click()
        expect(page.get_by_label("On", exact=True)).to_be_focused()
        expect(page.get_by_label("On", exact=True)).to_have_value("sales *x")
        expect(page.locator("h1")).to_have_text("bo")
        page.keyboard.press("Control+a")
        page.keyboard.type("sales_x*")
        page.keyboard.press("Enter")
        expect(page.get_by_role("rowheader", name="sales_x*")).to_be_visible()
        assert page.url.endswith("/console/principal/bo")
        expect(page.get_by_role("alert")).to_have_count(0)
        assert visitor.problems == []


def test_a_refused_form_is_accessible(browser: Chromium, filled: Lake) -> None:
    with visiting(browser, filled) as visitor:
        page = visitor.page
        visitor.open("/console/principal/bo")
        page.get_by_label("Token").fill(filled.token or "")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("On", exact=True).fill("sales *x")
        page.get_by_role("button", name="Grant", exact=True).click()
        expect(page.get_by_role("alert")).to_be_visible()
        visitor.check_accessible()
        visitor.check_fits()
        visitor.check_nothing_overlaps()
        visitor.check()


def test_who_may_not_is_told_so_by_a_page(filled: Lake) -> None:
    browsing = Browsing(filled.port)
    browsing.sign_in(principal(filled, "cy", {SEEN: ["read"]}).token or "")
    proof = proof_in(browsing.get("/console/access"))
    answer = browsing.post(
        "/console/access/grant", {"principal": "cy", "on": "*", "read": "true"}, proof
    )
    assert answer.status == 403
    assert b"form-fault" not in answer.body


def fault(answer: Answer) -> str:
    """What the page says of the refused form."""
    found = re.search(r'id="form-fault".*?</div>', answer.body.decode(), re.DOTALL)
    assert found, answer.body.decode().partition("<main")[2][:2000]
    return unescape(re.sub(r"<[^>]+>", "", found[0]))


def at_fault(answer: Answer) -> str:
    """The field that is marked as the one at fault, and has the focus."""
    found = re.search(
        r'<(?:input|textarea)[^>]* name="([^"]+)"[^>]*aria-invalid="true"[^>]*autofocus',
        answer.body.decode(),
    )
    assert found, "no field is marked"
    return found[1]
