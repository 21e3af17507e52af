"""Every page of the console, by every kind of caller; forms that another site sends."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from console_client import HIDDEN, SEEN, Browsing, proof_in
from lake_server import Lake, running_lake
from principals import closed, principal, token
from raw_http import Client

from lakehouse.console.table import CONSOLE_PAGES

ANYONE, READ, WRITE, ADMIN, PUBLIC = "anyone", "read", "write", "admin", "public"
MANAGE = "manage"
EVENT, OBJECT, VIEW = "event", "object", "view"
"""What has tests of its own here, since it is not named by a dataset."""
ENTRIES = {
    "GET /console": (ANYONE, "/console"),
    "GET /console/datasets": (ANYONE, "/console/datasets"),
    "GET /console/sql": (ANYONE, "/console/sql?q=SELECT+*+FROM+lake.datasets&rows=100"),
    "GET /console/upload": (ANYONE, "/console/upload"),
    "GET /console/journal": (ANYONE, "/console/journal"),
    "GET /console/event/{seq}": (EVENT, "/console/event/1"),
    "GET /console/dataset/{name}": (READ, "/console/dataset/{name}"),
    "GET /console/views": (ANYONE, "/console/views"),
    "GET /console/view/{name}": (VIEW, "/console/view/{name}"),
    "GET /console/mask": (MANAGE, "/console/mask?of={name}"),
    "GET /console/undo": (WRITE, "/console/undo?seq=1"),
    "GET /console/restore": (WRITE, "/console/restore?name={name}&to=9"),
    "GET /console/storage": (ANYONE, "/console/storage"),
    "GET /console/storage/object": (OBJECT, "/console/storage/object?key=raw/a"),
    "GET /console/upkeep": (ADMIN, "/console/upkeep"),
    "GET /console/access": (ANYONE, "/console/access"),
    "GET /console/principal/{name}": (ADMIN, "/console/principal/reader"),
    "GET /console/audit": (ADMIN, "/console/audit"),
    "GET /console/sign-in": (PUBLIC, "/console/sign-in"),
}
"""The right that each page requires, and its path; `{name}` stands for a dataset. A new page without an
entry fails."""
FORMS = {
    "POST /console/upload": WRITE,
    "POST /console/upload/load": WRITE,
    "POST /console/storage/delete": WRITE,
    "POST /console/views/rename": MANAGE,
    "POST /console/views/drop": MANAGE,
    "POST /console/mask": MANAGE,
    "POST /console/upkeep/check": ADMIN,
    "POST /console/upkeep/preview": ADMIN,
    "POST /console/upkeep/cancel": ADMIN,
    "POST /console/upkeep/collect": ADMIN,
    "POST /console/upkeep/compact": ADMIN,
    "POST /console/access/put": ADMIN,
    "POST /console/access/drop": ADMIN,
    "POST /console/access/grant": ADMIN,
    "POST /console/access/ungrant": ADMIN,
    "POST /console/access/issue": ANYONE,
    "POST /console/access/revoke": ANYONE,
    "POST /console/access/profile": ADMIN,
    "POST /console/access/profile-drop": ADMIN,
    "POST /console/sign-in": PUBLIC,
    "POST /console/dataset/{name}": WRITE,
    "POST /console/undo": WRITE,
    "POST /console/restore": WRITE,
    "POST /console/sign-out": ANYONE,
    "POST /console/theme": ANYONE,
}
"""The same of forms, which all need their proof."""


BROWSER = "text/html,*/*;q=0.8"


class Callers(NamedTuple):
    strangers: dict[str, Client]
    restricted: dict[str, Client]
    admin: Client


@pytest.fixture(scope="module")
def callers(shut: Lake) -> Callers:
    disabled = principal(shut, "asleep")
    revoked = Client(shut.port, token(shut, "asleep"))
    shut.ask("DELETE", f"/v1/access/tokens/{(revoked.token or '').split('_')[1]}")
    shut.ask("PUT", "/v1/access/principals/asleep", {"kind": "user", "disabled": True})
    expired = Client(shut.port, token(shut, "ana", expires_in=1))
    while expired.ask("GET", "/v1/access/me").status == 200:
        pass
    strangers = {
        "none": Client(shut.port),
        "bad": Client(shut.port, "lh_nobody_nothing"),
        "expired": expired,
        "revoked": revoked,
        "disabled": disabled,
    }
    restricted = {
        "reader": principal(shut, "reader", {SEEN: ["read"]}),
        "writer": principal(shut, "writer", {"w_*": ["write"]}),
        "manager": principal(shut, "manager", {"m_*": ["manage"], SEEN: ["read"]}),
    }
    return Callers(strangers, restricted, shut)


def test_every_page_has_an_entry() -> None:
    pages = {f"{each.method} {each.path}" for each in CONSOLE_PAGES}
    assert pages == ENTRIES.keys() | FORMS.keys()


@pytest.mark.parametrize("page", ENTRIES)
@pytest.mark.parametrize("kind", ["none", "bad", "expired", "revoked", "disabled"])
def test_who_is_not_known_is_asked_to_sign_in(callers: Callers, page: str, kind: str) -> None:
    right, path = ENTRIES[page]
    answer = callers.strangers[kind].ask("GET", path.format(name=SEEN))
    assert answer.status == (200 if right == PUBLIC else 401)
    assert b"<h1>Sign in</h1>" in answer.body
    leading_back = re.compile(rb'name="next" value="[^"]*"')
    assert SEEN.encode() not in leading_back.sub(b"", answer.body)
    if right != PUBLIC:
        # A browser would ask for a password by itself at Basic.
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="lakehouse"'


@pytest.mark.parametrize("page", [name for name, each in ENTRIES.items() if each[0] == ANYONE])
def test_a_page_shows_only_what_its_visitor_may_read(callers: Callers, page: str) -> None:
    path = ENTRIES[page][1]
    for client in callers.restricted.values():
        answer = client.ask("GET", path)
        assert answer.status in (200, 303)
        assert HIDDEN.encode() not in _joined(answer.body)
    assert callers.admin.ask("GET", path).status in (200, 303)


@pytest.mark.parametrize("page", [name for name, each in ENTRIES.items() if each[0] == READ])
def test_what_may_not_be_read_is_absent(callers: Callers, page: str) -> None:
    path = ENTRIES[page][1]
    assert callers.restricted["reader"].ask("GET", path.format(name=SEEN)).status == 200
    for client in callers.restricted.values():
        hidden = client.ask("GET", path.format(name=HIDDEN))
        absent = client.ask("GET", path.format(name="none_a"))
        assert hidden.status == absent.status == 404
        assert _shape(hidden.body, HIDDEN) == _shape(absent.body, "none_a")


def test_an_object_is_shown_to_who_may_read_its_key(shut: Lake, callers: Callers) -> None:
    for key in ("raw/a", "secret/a"):
        assert shut.put(key).status == 200
    reader = principal(shut, "fetcher", {"storage:raw/*": ["read"]})
    path = "/console/storage/object?key={}".format
    assert reader.ask("GET", path("raw/a")).status == 200
    assert reader.ask("GET", path("secret/a")).status == 404
    listed = reader.ask("GET", "/console/storage")
    assert b"raw/" in listed.body and b"secret/" not in listed.body
    for client in callers.restricted.values():
        assert client.ask("GET", path("raw/a")).status == 404
    assert shut.delete("raw/a").status in (200, 204)
    gone = reader.ask("GET", path("raw/a"))
    assert gone.status == 200 and b"deleted" in gone.body
    for client in callers.restricted.values():
        assert client.ask("GET", path("raw/a")).status == 404, "nor are its versions there"
    assert callers.admin.ask("GET", path("secret/a")).status == 200


def test_a_view_is_there_for_who_may_read_it_and_changed_by_who_may_manage_it(
    shut: Lake, callers: Callers
) -> None:
    for name in ("seen_view", "m_view"):
        view = {"sql": f"SELECT * FROM {SEEN}"}
        assert shut.ask("PUT", f"/v1/catalog/view/{name}", view).status == 200
    reader = principal(shut, "viewer", {"seen_view": ["read"], SEEN: ["read"]})
    assert b"seen_view" in reader.ask("GET", "/console/views").body
    shown = reader.ask("GET", "/console/view/seen_view")
    assert shown.status == 200 and b"/console/views/drop" not in shown.body
    hidden, absent = (reader.ask("GET", f"/console/view/{name}") for name in ("m_view", "none_a"))
    assert hidden.status == absent.status == 404
    assert _shape(hidden.body, "m_view") == _shape(absent.body, "none_a")
    browsing = Browsing(shut.port)
    browsing.sign_in(reader.token or "")
    proof = proof_in(browsing.get("/console/datasets"))
    for form, fields in (("rename", {"to": "seen_b"}), ("drop", {})):
        refused = browsing.post(f"/console/views/{form}", {"name": "seen_view"} | fields, proof)
        assert refused.status == 403, form
    for name in ("seen_view", "m_view"):
        assert shut.ask("DELETE", f"/v1/catalog/view/{name}").status == 200


def test_an_event_about_what_may_not_be_read_is_absent(shut: Lake, callers: Callers) -> None:
    events = shut.ask("GET", "/v1/journal/events").json["events"]
    about = {each["about"][0]["entity"]: each["seq"] for each in events if each["about"]}
    path = "/console/event/{}".format
    assert callers.restricted["reader"].ask("GET", path(about[f"dataset:{SEEN}"])).status == 200
    hidden, absent = path(about[f"dataset:{HIDDEN}"]), path(10**9)
    for client in callers.restricted.values():
        answers = [client.ask("GET", each) for each in (hidden, absent)]
        assert [each.status for each in answers] == [404, 404]
        assert HIDDEN.encode() not in _joined(answers[0].body)
        assert client.ask("GET", path(1)).status == 404
    assert callers.admin.ask("GET", hidden).status == 200


@pytest.mark.parametrize("page", [name for name, each in ENTRIES.items() if each[0] == WRITE])
def test_a_preview_needs_the_right_of_its_change(callers: Callers, page: str) -> None:
    path = ENTRIES[page][1]
    for client in callers.restricted.values():
        hidden = client.ask("GET", path.format(name=HIDDEN))
        absent = client.ask("GET", path.format(name="none_a"))
        assert hidden.status == absent.status == 403
        assert _shape(hidden.body, HIDDEN) == _shape(absent.body, "none_a")
    assert callers.admin.ask("GET", path.format(name=SEEN)).status == 200


@pytest.mark.parametrize("page", [name for name, each in ENTRIES.items() if each[0] == ADMIN])
def test_what_an_admin_alone_may_see(callers: Callers, page: str) -> None:
    path = ENTRIES[page][1]
    for client in callers.restricted.values():
        assert client.ask("GET", path).status == 403
        assert path.encode() not in client.ask("GET", "/console/datasets").body
    assert callers.admin.ask("GET", path).status == 200


def _joined(body: bytes) -> bytes:
    """A page whose names have no places where they may be broken."""
    return body.replace(b"<wbr>", b"")


def _shape(body: bytes, name: str) -> bytes:
    """A page without its own random parts and the name that was asked for."""
    text = _joined(body).replace(name.encode(), b"NAME")
    text = re.sub(rb"nonce-?[^\s>]*=?\"[^\"]+\"", b"", text)
    return re.sub(rb"[0-9a-f]{128}|<code>[0-9a-f]{32}</code>", b"", text)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_without_its_proof_is_refused(shut: Lake, form: str) -> None:
    browsing = Browsing(shut.port)
    browsing.sign_in(shut.token or "")
    for proof in (None, "", "00" * 64, "zz"):
        answer = browsing.post(form.split()[1], {"theme": "dark", "token": "x"}, proof)
        assert answer.status == 403, (proof, answer)
        assert b"stale_form" in answer.body
    other = Browsing(shut.port)
    other.sign_in(shut.token or "")
    foreign = proof_in(other.get("/console/datasets"))
    assert browsing.post(form.split()[1], {"theme": "dark", "token": "x"}, foreign).status == 403


def test_a_program_gets_at_the_root_what_it_got_before(shut: Lake) -> None:
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json, text/html"}):
        answer = Client(shut.port).ask("GET", "/", headers=accept)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    page = Client(shut.port).ask("GET", "/", headers={"Accept": BROWSER})
    assert (page.status, page.headers["Location"]) == (303, "/console/datasets")


def test_a_process_of_one_role_says_where_the_console_is(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False, role="storage") as lake:
        page = lake.ask("GET", "/", headers={"Accept": BROWSER})
        assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert b"the storage process" in page.body and b"lakehouse serve" in page.body
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert lake.ask("GET", "/").json["code"] == "not_found"


def test_every_page_has_the_policy(shut: Lake) -> None:
    nonces = set()
    for path in ("/console/datasets", "/console/nowhere", "/console/sign-in"):
        headers = Client(shut.port).ask("GET", path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        nonces.add(re.findall(r"'nonce-([^']+)'", policy)[0])
    assert len(nonces) == 3


def test_a_lake_without_datasets_says_how_to_begin(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        page = lake.ask("GET", "/console/datasets").body.decode()
        assert "No datasets yet" in page
        assert f"{lake.host}/v1/ingest?name=sales" in page
        lake.token = closed(lake)
        reader = principal(lake, "reader")
        assert (
            "An admin can grant you the right"
            in reader.ask("GET", "/console/datasets").body.decode()
        )
