"""Signing in to the console, and the sessions that it opens."""

import random
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from console_client import HIDDEN, SEEN, Browsing, proof_in
from fake_issuer import AUDIENCE, running_issuer
from lake_server import Lake, running_lake
from manual_clock import ManualClock
from principals import closed, principal, token
from raw_http import Client

from journal.bucket.keys import SESSION_KEY
from journal.bucket.memory import MemoryBucket
from lakehouse.commit.node import Node
from lakehouse.console.sessions import LIFETIME_S, Session, Sessions
from lakehouse.service.secret_key import SecretKey


def test_a_token_is_exchanged_for_a_session(shut: Lake) -> None:
    browsing = Browsing(shut.port)
    asked = browsing.get("/console/datasets?search=a")
    assert asked.status == 401
    assert b'name="next" value="/console/datasets?search=a"' in asked.body
    answer = browsing.sign_in(shut.token or "", "/console/datasets?search=a")
    assert (answer.status, answer.headers["Location"]) == (303, "/console/datasets?search=a")
    sent = answer.headers["Set-Cookie"]
    assert "HttpOnly" in sent and "SameSite=Strict" in sent and "Secure" not in sent
    assert (shut.token or "").split("_")[2] not in sent
    shown = browsing.get("/console/datasets")
    assert shown.status == 200 and b"Sign out" in shown.body


def test_a_wrong_token_is_refused_and_not_shown(shut: Lake) -> None:
    answer = Browsing(shut.port).sign_in("lh_abc_wrong")
    assert answer.status == 401
    assert b"wrong" not in answer.body
    assert b"unknown, revoked or expired" in answer.body


@pytest.mark.parametrize(
    "target", ["http://evil.example/", "//evil.example", "/v1/x", "/console\\x", "/console/\nx"]
)
def test_signing_in_leads_nowhere_else(shut: Lake, target: str) -> None:
    answer = Browsing(shut.port).sign_in(shut.token or "", target)
    assert answer.headers["Location"] == "/console/datasets"


def test_signing_out_ends_this_session_or_all(shut: Lake) -> None:
    first, second, third = (Browsing(shut.port) for _ in range(3))
    for each in (first, second, third):
        each.sign_in(shut.token or "")
    kept = dict(first.cookies)
    first.post("/console/sign-out", {}, proof_in(first.get("/console/datasets")))
    first.cookies = kept
    assert first.get("/console/datasets").status == 401
    assert second.get("/console/datasets").status == 200
    proof = proof_in(second.get("/console/datasets"))
    second.post("/console/sign-out", {"everywhere": "true"}, proof)
    assert third.get("/console/datasets").status == 401


def test_a_session_ends_with_its_token(shut: Lake) -> None:
    principal(shut, "leaving", {SEEN: ["read"]})
    issued = token(shut, "leaving")
    browsing = Browsing(shut.port)
    browsing.sign_in(issued)
    assert browsing.get("/console/datasets").status == 200
    shut.ask("DELETE", f"/v1/access/tokens/{issued.split('_')[1]}")
    assert browsing.get("/console/datasets").status == 401


def test_a_signed_token_opens_a_session_until_it_ends(tmp_path: Path) -> None:
    with running_issuer() as issuer:
        settings = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE}
        with running_lake(tmp_path / "bucket", queries=False, **settings) as lake:
            lake.token = closed(lake)
            for name in (SEEN, HIDDEN):
                assert lake.ingest(f"name={name}").status == 200
            principal(lake, "rita", {SEEN: ["read"]})
            browsing, ending = Browsing(lake.port), Browsing(lake.port)
            assert browsing.sign_in(issuer.token(time.time(), sub="nobody")).status == 401
            assert browsing.sign_in(issuer.token(time.time(), sub="rita")).status == 303
            page = browsing.get("/console/datasets").body
            assert SEEN.encode() in page
            assert HIDDEN.encode() not in page
            # Signed tokens count for a minute more than they say.
            ending.sign_in(issuer.token(time.time() - 358, sub="rita"))
            while ending.get("/console/datasets").status == 200:
                pass
            disabled = {"kind": "user", "disabled": True}
            assert lake.ask("PUT", "/v1/access/principals/rita", disabled).status == 200
            assert browsing.get("/console/datasets").status == 401


def test_a_session_reads_the_api_and_changes_nothing_without_the_proof(shut: Lake) -> None:
    browsing = Browsing(shut.port)
    browsing.sign_in(shut.token or "")
    page = browsing.get("/console/datasets")
    assert browsing.get("/v1/access/me").json["principal"] == "ana"
    cookies = "; ".join(f"{name}={value}" for name, value in browsing.cookies.items())
    client, body = Client(shut.port), {"sql": "SELECT 1"}
    refused = client.ask("POST", "/v1/sql", body, {"Cookie": cookies})
    assert (refused.status, refused.json["code"]) == (403, "stale_form")
    proved = {"Cookie": cookies, "X-Form-Token": proof_in(page)}
    assert client.ask("POST", "/v1/sql", body, proved).status == 200


def test_a_page_s_script_is_not_asked_for_a_password(shut: Lake) -> None:
    answer = Client(shut.port).ask("GET", "/v1/access/me", headers={"Sec-Fetch-Mode": "cors"})
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="lakehouse"')


async def test_a_session_lasts_so_long() -> None:
    clock = ManualClock()
    node = await Node.open(MemoryBucket(), clock, random.Random(1))
    sessions = Sessions(SecretKey(node, SESSION_KEY), clock)
    assert sessions.find("anything") is None
    await sessions.load()
    cookie = sessions.seal(Session("ana", "id", 7, sessions.now()))
    found = sessions.find(cookie)
    assert found is not None and (found.principal, found.seq) == ("ana", 7)
    await clock.advance(LIFETIME_S)
    assert sessions.find(cookie) is not None
    await clock.advance(1)
    assert sessions.find(cookie) is None


async def test_a_cookie_that_was_changed_or_sealed_elsewhere_is_none() -> None:
    clock = ManualClock()
    sessions, others = [
        Sessions(
            SecretKey(await Node.open(MemoryBucket(), clock, random.Random(1)), SESSION_KEY), clock
        )
        for _ in range(2)
    ]
    for each in (sessions, others):
        await each.load()
    cookie = sessions.seal(Session("ana", "id", 7, sessions.now()))
    assert others.find(cookie) is None
    raw = urlsafe_b64decode(cookie)
    for number in range(len(raw)):
        changed = raw[:number] + bytes([raw[number] ^ 1]) + raw[number + 1 :]
        assert sessions.find(urlsafe_b64encode(changed).decode()) is None
    for odd in ("", "=", "ä", "AAAA", cookie[:-4], cookie + "A", "\udc80"):
        assert sessions.find(odd) is None
    assert sessions.find(cookie) is not None


def test_a_session_is_one_on_every_process(tmp_path: Path) -> None:
    with running_lake(tmp_path / "b", queries=False) as first:
        first.token = closed(first)
        assert first.ingest(f"name={SEEN}").status == 200
        with running_lake(tmp_path / "b", queries=False) as second:
            browsing, other = Browsing(first.port), Browsing(second.port)
            shown = browsing.get("/console/sign-in")
            # The form of one process, sent to the other one.
            other.post("/console/sign-in", {"token": first.token}, proof_in(shown))
            browsing.cookies = other.cookies
            page = browsing.get("/console/datasets")
            assert page.status == 200 and b"Sign out" in page.body
            theme = other.post("/console/theme", {"theme": "dark"}, proof_in(page))
            assert theme.status == 303
            kept = dict(other.cookies)
            everywhere = {"everywhere": "true"}
            assert browsing.post("/console/sign-out", everywhere, proof_in(page)).status == 303
            other.cookies = kept
            seq = first.ask("GET", "/v1/journal/head").json["seq"]
            waited = other.get("/console/datasets", **{"X-Min-Seq": str(seq)})
            assert waited.status in (200, 401), "refused before it waited, or after"
            refused = other.get("/console/datasets")
            assert refused.status == 401 and b"The session has ended" in refused.body
            events = first.ask("GET", f"/v1/journal/events?after={seq - 1}").json["events"]
            assert [(each["type"], each["actor"], each["reason"]) for each in events] == [
                ("principal_put", "ana", "signed out everywhere")
            ]
            assert other.sign_in(first.token).status == 303
            assert other.get("/console/datasets").status == 200


def test_a_change_of_the_principal_ends_its_sessions(shut: Lake) -> None:
    principal(shut, "moving", {SEEN: ["read"]})
    browsing = Browsing(shut.port)
    browsing.sign_in(token(shut, "moving"))
    assert browsing.get("/console/datasets").status == 200
    body = {"kind": "service"}
    assert shut.ask("PUT", "/v1/access/principals/moving", body).status == 200
    assert browsing.get("/console/datasets").status == 401


def test_over_tls_a_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    proxied = {"behind_proxy": ("127.0.0.1/32",), "public_url": "https://lake.example"}
    with running_lake(tmp_path / "bucket", queries=False, **proxied) as lake:
        issued = closed(lake)
        headers = {
            "Host": "lake.example",
            "X-Forwarded-Proto": "https",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        proof = proof_in(lake.ask("GET", "/console/sign-in", headers=headers))
        form = f"token={issued}&form_token={proof}"
        answer = lake.ask("POST", "/console/sign-in", form, headers)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-lakehouse_session=")
        assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/" in cookie
        kept = headers | {"Cookie": cookie.partition(";")[0]}
        assert lake.ask("GET", "/console/datasets", headers=kept).status == 200
