"""Masked views and profiles made with the forms of the console."""

import re
from collections.abc import Iterator

import pytest
from console_client import Browsing, proof_in
from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Answer

ROWS = "name,email,born\nAda,ada@example.org,1815-12-10\nBo,bo@example.org,2001-01-01\n"
MASKED = {
    "of": "people",
    "name": "people_masked",
    "column:name": "shown",
    "column:email": "hash",
    "column:born": "year",
    "rows": "born < DATE '2000-01-01'",
}


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("masks") / "bucket") as lake:
        lake.token = closed(lake)
        assert lake.ingest("name=people", ROWS).status == 200
        yield lake


@pytest.fixture
def admin(shut: Lake) -> Browsing:
    return signed_in(shut, shut.token)


def signed_in(lake: Lake, token: str | None) -> Browsing:
    browsing = Browsing(lake.port)
    browsing.sign_in(token or "")
    return browsing


def send(browsing: Browsing, path: str, fields: dict[str, str]) -> Answer:
    return browsing.post(path, fields, proof_in(browsing.get("/console/datasets")))


def chosen(page: Answer, column: str) -> str:
    """The label that is selected for a column."""
    select = re.search(rf'name="column:{column}".*?</select>', page.body.decode(), re.DOTALL)
    assert select, page
    (label,) = re.findall(r"<option[^>]* selected>([^<]*)</option>", select[0])
    return label


def test_a_masked_view_is_made_and_changed(shut: Lake, admin: Browsing) -> None:
    empty = admin.get("/console/mask?of=people").body.decode()
    assert empty.count("the year") == 1, "only a date has a year"
    made = send(admin, "/console/mask", MASKED)
    assert (made.status, made.headers["Location"]) == (303, "/console/view/people_masked")
    safe = shut.ask("GET", "/v1/catalog/view/people_masked").json["safe"]
    assert safe == {
        "of": "people",
        "masks": {"email": "hash", "born": "year"},
        "rows": "born < DATE '2000-01-01'",
        "unmasked": ["name"],
    }
    again = admin.get("/console/mask?view=people_masked")
    assert [chosen(again, each) for each in ("name", "email", "born")] == [
        "the value",
        "a hash",
        "the year",
    ]
    assert send(admin, "/console/mask", MASKED | {"column:name": ""}).status == 409
    changed = send(admin, "/console/mask", MASKED | {"column:name": "", "replace": "true"})
    assert changed.status == 303
    assert shut.ask("GET", "/v1/catalog/view/people_masked").json["safe"]["unmasked"] == []


def test_a_form_that_is_refused_keeps_what_was_chosen(admin: Browsing) -> None:
    for wrong in ({"rows": "born <"}, {"column:email": "year"}, {"name": "two words"}):
        refused = send(admin, "/console/mask", MASKED | {"name": "other"} | wrong)
        assert refused.status in (400, 422), refused
        assert b'role="alert"' in refused.body
        assert b"hange 0" not in refused.body
        assert chosen(refused, "born") == "the year"


def test_a_profile_is_made_of_masked_views_and_dropped(shut: Lake, admin: Browsing) -> None:
    for name in ("first_mask", "second_mask"):
        assert send(admin, "/console/mask", MASKED | {"name": name}).status == 303
    profile = {"name": "support", "others": "hidden", "view:first_mask": "true"}
    both = send(admin, "/console/access/profile", profile | {"view:second_mask": "true"})
    assert both.status == 400 and b"first_mask and second_mask" in both.body
    assert send(admin, "/console/access/profile", profile).status == 303
    found = shut.ask("GET", "/v1/catalog/profile/support").json
    assert (found["names"], found["others"]) == ({"people": {"to": "first_mask"}}, "hidden")
    assert send(admin, "/console/access/profile-drop", {"name": "support"}).status == 303
    assert shut.ask("GET", "/v1/catalog/profile/support").status == 404


def test_who_may_not_manage_makes_nothing(shut: Lake) -> None:
    reader = signed_in(shut, principal(shut, "reader", {"people": ["read"]}).token)
    assert b"/console/mask" not in reader.get("/console/views").body
    assert reader.get("/console/mask?of=people").status == 403
    assert send(reader, "/console/mask", MASKED).status == 403
    for form in ("profile", "profile-drop"):
        fields = {"name": "support", "others": "visible"}
        assert send(reader, f"/console/access/{form}", fields).status == 403
    manager = signed_in(shut, principal(shut, "manager", {"m_*": ["manage"]}).token)
    hidden, absent = (manager.get(f"/console/mask?of={name}") for name in ("people", "nothing"))
    assert hidden.status == absent.status == 404
    assert b"email" not in hidden.body
    sent = [
        send(manager, "/console/mask", MASKED | {"name": "m_a", "of": of})
        for of in ("people", "nothing")
    ]
    assert [each.status for each in sent] == [400, 400]
    assert b"<table" not in sent[0].body
