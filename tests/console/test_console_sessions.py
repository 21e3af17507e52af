"""Signing in to the console, and the sessions that it opens."""

import time
from pathlib import Path

import pytest
from console_client import HIDDEN, SEEN, Browsing, proof_in
from fake_issuer import AUDIENCE, running_issuer
from lake_server import Lake, running_lake
from manual_clock import ManualClock
from principals import closed, principal, token
from raw_http import Client

from lakehouse.console.sessions import LIFETIME_S, MAX_OF_PRINCIPAL, Sessions


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


async def test_a_session_lasts_so_long_and_there_are_so_many() -> None:
    clock = ManualClock()
    sessions = Sessions(clock)
    first = sessions.open("ana", "id")
    assert sessions.find(first) is not None
    for _ in range(MAX_OF_PRINCIPAL):
        last = sessions.open("ana", "id")
    assert sessions.find(first) is None
    await clock.advance(LIFETIME_S + 1)
    assert sessions.find(last) is None


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
