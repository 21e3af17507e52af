"""Hostile text in forms, in their refusals, and in what they made is shown as text and does nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from console_browser import Chromium, Visitor, visiting
from console_client import Browsing, proof_in
from console_pages import HOSTILE
from lake_server import Lake, running_lake
from principals import closed, principal

TEXT = " ".join((*HOSTILE, "nul\x00nul", "word" * 60, "\u2066isolate\u2069"))
FIELD = "t"
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "grant": ("/console/access/grant", {"principal": "bo", "on": TEXT, "read": "true"}),
    "principal": (
        "/console/access/put",
        {"name": TEXT, "kind": "user", "profile": TEXT, "reason": TEXT},
    ),
    "settings": (
        "/console/access/put",
        {"name": "bo", "exists": "true", "kind": "user", "profile": TEXT},
    ),
    "nobody": ("/console/access/put", {"name": TEXT, "exists": "true", "kind": "user"}),
    "token": ("/console/access/issue", {"principal": "bo", "expires_in": TEXT, "note": TEXT}),
    "profile": ("/console/access/profile", {"name": TEXT, "others": TEXT, "reason": TEXT}),
    "profile-view": (
        "/console/access/profile",
        {"name": "p", f"view:{TEXT}": "true", "others": TEXT},
    ),
    "mask": (
        "/console/mask",
        {"of": "people", "name": TEXT, "column:a": TEXT, "rows": TEXT, "comment": TEXT},
    ),
    "mask-rows": ("/console/mask", {"of": "people", "name": "m", "rows": TEXT}),
    "mask-of": ("/console/mask", {"of": TEXT, "name": "m"}),
    "rename": ("/console/views/rename", {"name": "masked", "to": TEXT, "reason": TEXT}),
    "undo": ("/console/undo", {"seq": TEXT, "reason": TEXT}),
    "restore": ("/console/restore", {"name": "people", "to": TEXT, "reason": TEXT}),
    "delete": ("/console/storage/delete", {"key": TEXT, "reason": TEXT}),
    "preview": ("/console/upkeep/preview", {"kind": "preview_collect", "collect": TEXT}),
    "preview-merge": ("/console/upkeep/preview", {"kind": "preview_compact", "name": TEXT}),
    "preview-kind": ("/console/upkeep/preview", {"kind": TEXT}),
    "check": ("/console/upkeep/check", {"kind": TEXT}),
    "collect": ("/console/upkeep/collect", {"older_than": TEXT, "reason": TEXT}),
    "merge": ("/console/upkeep/compact", {"name": TEXT, "reason": TEXT}),
    "load": ("/console/upload/load", {"staged": TEXT, "reason": TEXT}),
    "mend": (
        "/console/dataset/people",
        {"dataset": "people", "keys": TEXT, "content": TEXT, "reason": TEXT},
    ),
    "theme": ("/console/theme", {"theme": TEXT, "next": TEXT}),
}
_HARM = "main script, main img, main iframe, main style, [onerror], [hx-on\\:load], [hx-get*=journal\\/head]"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("hostile") / "bucket") as lake:
        lake.token = closed(lake)
        principal(lake, "bo", {"people": ["read"]})
        assert (
            lake.ingest("name=people&on_error=quarantine&types=a%3Aint64", "a\n1\nx\n").status
            == 200
        )
        safe = {
            "of": "people",
            "unmasked": [],
            "comment": HOSTILE[0],
            "masks": {"a": f"constant:{HOSTILE[1]}"},
        }
        assert lake.ask("PUT", "/v1/catalog/view/masked", safe).status == 200
        yield lake


@pytest.fixture(scope="module")
def admin(browser: Chromium, own: Lake) -> Iterator[Visitor]:
    with visiting(browser, own) as visitor:
        visitor.open("/console/upkeep")
        visitor.page.get_by_label("Token").fill(own.token or "")
        visitor.page.get_by_role("button", name="Sign in").click()
        visitor.page.wait_for_selector("text=Merge small objects")
        yield visitor


_SEND = """([action, fields]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  for (const [name, value] of Object.entries({...fields, form_token: document.body.dataset.formToken})) {
    const field = document.createElement("textarea");
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}"""


@pytest.mark.parametrize("name", FORMS)
def test_a_form_with_hostile_text_does_nothing(admin: Visitor, name: str) -> None:
    admin.open("/console/upkeep")
    with admin.page.expect_navigation():
        admin.page.evaluate(_SEND, FORMS[name])
    expect_inert(admin)


def test_what_hostile_forms_made_does_nothing(own: Lake, admin: Visitor) -> None:
    browsing = Browsing(own.port)
    browsing.sign_in(own.token or "")
    said = HOSTILE[0] + HOSTILE[2] + HOSTILE[-1]
    proof = proof_in(browsing.get("/console/upkeep"))
    made: list[tuple[str, dict[str, Any]]] = [
        ("/console/access/issue", {"principal": "bo", "expires_in": "1d", "note": said}),
        (
            "/console/access/grant",
            {"principal": "bo", "on": "storage:<b>x*", "read": "true", "reason": said},
        ),
        (
            "/console/access/profile",
            {"name": "p", "view:masked": "true", "others": "hidden", "reason": said},
        ),
        (
            "/console/mask",
            {"of": "people", "name": "m2", "column:a": f"constant:{said}", "comment": said},
        ),
    ]
    for path, fields in made:
        assert browsing.post(path, fields, proof).status in (200, 303), path
    for path in (
        "/console/access",
        "/console/principal/bo",
        "/console/view/masked",
        "/console/view/m2",
        "/console/mask?view=m2",
        "/console/views",
        "/console/journal",
        "/console/dataset/people?tab=quarantine",
        "/console/audit",
    ):
        assert admin.open(path) == 200, path
        expect_inert(admin)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_addresses_do_nothing(admin: Visitor, text: str) -> None:
    for query in (
        {"collect": text},
        {"compact": "true", "name": text},
    ):
        admin.open(f"/console/upkeep?{urlencode(query)}")
        expect_inert(admin)
    for path, field in (("mask", "of"), ("mask", "view"), ("undo", "seq"), ("restore", "name")):
        admin.open(f"/console/{path}?{urlencode({field: text})}")
        expect_inert(admin)


def test_the_name_of_a_file_does_nothing(own: Lake, admin: Visitor, tmp_path: Path) -> None:
    admin.open("/console/upload")
    named = "<img src=x onerror=window.hit=1>\u202e.csv"
    admin.page.locator("#files").set_input_files(
        {"name": named, "mimeType": "text/csv", "buffer": b"a\n1\n"}
    )
    admin.page.wait_for_selector(".card tbody tr")
    expect_inert(admin)
    browsing = Browsing(own.port)
    browsing.sign_in(own.token or "")
    proof = proof_in(browsing.get("/console/upload"))
    shown = browsing.post_files(
        "/console/upload", {}, [("<script>hit</script>\u202e.csv", "a\n1\n")], proof
    )
    assert b"<script>hit" not in shown.body and "\u202e".encode() not in shown.body


def expect_inert(visitor: Visitor) -> None:
    assert visitor.page.evaluate("() => window.hit") is None
    assert visitor.page.locator(_HARM).count() == 0
    assert "\u202e" not in visitor.page.locator("main").inner_text()
    visitor.check()
