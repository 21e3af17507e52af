"""Signed tokens at the door: the principal they name, and what a dead issuer does not stop."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from fake_issuer import AUDIENCE, Issuer, running_issuer
from lake_server import Lake, running_lake
from mcp_client import content, refusal, send
from principals import closed, principal
from raw_http import Answer, Client
from refusals import refused

from lakehouse.service.access.authentication import Identity
from lakehouse.service.access.permissions import permissions
from lakehouse.service.caller import SIGNED, Caller


class Signed(NamedTuple):
    lake: Lake
    issuer: Issuer

    def client(self, **claims: object) -> Client:
        """One that sends a signed token."""
        return Client(self.lake.port, self.issuer.token(time.time(), **claims))


@pytest.fixture
def signed(tmp_path: Path) -> Iterator[Signed]:
    with running_issuer() as issuer:
        settings = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE}
        with running_lake(tmp_path / "bucket", **settings) as lake:
            lake.token = closed(lake)
            assert lake.ingest("name=sales").status == 200
            principal(lake, "rita", {"sales": ["read"]})
            yield Signed(lake, issuer)


def test_a_signed_token_is_its_principal(signed: Signed) -> None:
    rita = signed.client(sub="rita")
    me = rita.ask("GET", "/v1/access/me").json
    assert (me["principal"], me["admin"]) == ("rita", False)
    assert rita.ask("POST", "/v1/sql", {"sql": "FROM sales"}).status == 200
    refused(rita.ask("DELETE", "/v1/catalog/manifest/sales"), 403, "forbidden")
    admin = signed.client()
    assert admin.ask("GET", "/v1/access/me").json["admin"]
    assert admin.ask("DELETE", "/v1/catalog/manifest/sales").status == 200


def test_another_subject_is_nobody(signed: Signed) -> None:
    for subject in ("nobody", "RITA", "rita ", "", "lh_x_y"):
        answer = signed.client(sub=subject).ask("GET", "/v1/access/me")
        refused(answer, 401, "unauthenticated")
        assert "WWW-Authenticate" in answer.headers


def test_a_disabled_principal_is_refused_at_once(signed: Signed) -> None:
    rita = signed.client(sub="rita")
    assert rita.ask("GET", "/v1/access/me").status == 200
    signed.lake.ask("PUT", "/v1/access/principals/rita", {"kind": "user", "disabled": True})
    refused(rita.ask("GET", "/v1/access/me"), 401, "unauthenticated")


def test_a_dead_issuer_stops_no_token_of_the_lake(signed: Signed) -> None:
    signed.issuer.answers["/keys"] = (500, b"")
    answer = refused(signed.client().ask("GET", "/v1/access/me"), 503, "issuer_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert signed.lake.ask("GET", "/v1/access/me").status == 200
    assert signed.lake.ask("GET", "/ready").status == 200


def test_a_caller_is_nobody_once_its_token_has_ended(signed: Signed) -> None:
    """Streams ask again what their caller may do."""
    node = signed.lake.service.node
    for until, unrestricted in (("2026-01-01T00:00:00.000000Z", False), ("9999-01-01", True)):
        caller = Caller("ana", 0.0, principal="ana", token=SIGNED, signed_until=until)
        assert permissions(node, caller).unrestricted == unrestricted


def test_an_agent_with_a_signed_token_is_its_principal(signed: Signed) -> None:
    rita = signed.client(sub="rita")
    assert content(rita, "query", sql="FROM sales")["rows"] == [[1]]
    assert refusal(rita, "preview_restore", name="sales", as_of=1) == "forbidden"
    refused(send(signed.client(sub="nobody"), "tools/list"), 401, "unauthenticated")


def test_what_a_signed_token_may_read_is_not_recorded_as_hidden(signed: Signed) -> None:
    assert signed.lake.ingest("name=hidden").status == 200
    rita = Identity("rita", SIGNED, signed_until="9999-01-01T00:00:00.000000Z")
    hides = signed.lake.service.audit.hides
    assert [hides(rita, name) for name in ("sales", "hidden", "none")] == [False, True, False]


def test_no_token_outlives_the_sign_in_that_asks_for_it(signed: Signed) -> None:
    rita = signed.client(sub="rita")

    def issue(client: Client, **more: object) -> Answer:
        return client.ask("POST", "/v1/access/tokens", {"principal": "rita", **more})

    own = issue(rita).json
    assert datetime.now(UTC) < at(own["expires_at"]) < datetime.now(UTC) + timedelta(minutes=7)
    assert at(issue(rita, expires_in="1m").json["expires_at"]) < at(own["expires_at"])
    refused(issue(rita, expires_in="30d"), 403, "forbidden")
    chained = Client(signed.lake.port, own["token"])
    assert issue(chained).json["expires_at"] == own["expires_at"]
    refused(issue(chained, expires_in="1h"), 403, "forbidden")
    longer = issue(signed.client(), expires_in="30d").json
    assert at(longer["expires_at"]) > datetime.now(UTC) + timedelta(days=29)
    assert issue(signed.lake).json["expires_at"] is None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_it_counts_only_where_an_issuer_is_set(tmp_path: Path) -> None:
    with running_issuer() as issuer, running_lake(tmp_path / "bucket") as lake:
        lake.token = closed(lake)
        client = Client(lake.port, issuer.token(time.time()))
        refused(client.ask("GET", "/v1/access/me"), 401, "unauthenticated")
        assert issuer.asked == []
