"""Who sends a request: tokens, and what becomes of a request without a valid one."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from lake_server import Lake, running_lake
from principals import closed, principal, token
from raw_http import Client
from refusals import nothing_changes, refused

from lakehouse.web.routes import ROUTES

ASKED = ("create", "upload", "read", "stream", "stat", "list_objects", "delete_blobs", "local_file")
"""The methods of a bucket that reach its store."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("access") / "bucket", queries=False) as lake:
        lake.token = closed(lake)
        yield lake


def test_an_open_lake_asks_for_no_token_and_reads_none(own_lake: Lake) -> None:
    assert own_lake.ask("GET", "/v1/catalog/list").status == 200
    assert own_lake.ask("GET", "/v1/catalog/list", headers={"Authorization": "x"}).status == 200
    me = own_lake.ask("GET", "/v1/access/me").json
    assert (me["principal"], me["admin"]) == (None, True)


def test_the_first_principal_is_made_on_the_bucket(own_lake: Lake) -> None:
    with nothing_changes(own_lake):
        put = own_lake.ask("PUT", "/v1/access/principals/eve", {"kind": "user", "admin": True})
        refused(put, 403, "forbidden")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer lh_",
        "Bearer lh_a_b",
        "bearer lh_{id}_wrong",
        "Bearer {token}x",
        "Bearer {token} x",
        "Basic {token}",
        "Basic !",
        "Basic eDp5",
        "Digest {token}",
        "{token}",
        "Bearer ü",
    ],
)
def test_without_a_valid_token_there_is_401_and_no_answer(lake: Lake, header: str | None) -> None:
    assert lake.token is not None
    id_ = lake.token.split("_")[1]
    headers = (
        {"Authorization": header.format(token=lake.token, id=id_)} if header is not None else {}
    )
    answer = Client(lake.port).ask("GET", "/v1/catalog/list", headers=headers)
    refused(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="lakehouse", Basic')


def test_two_authorizations_are_none(lake: Lake) -> None:
    twice = [("Authorization", f"Bearer {lake.token}")] * 2
    refused(lake.ask("GET", "/v1/access/me", headers=twice), 401, "unauthenticated")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_but_two_needs_one(lake: Lake, route: object) -> None:
    stranger = Client(lake.port)
    answer = stranger.ask(route.method, route.path.replace("{", "").replace("}", ""))
    if route.path in ("/health", "/ready"):
        assert answer.status == 200
    elif route.path.startswith("/iceberg/"):
        assert (answer.status, answer.json["error"]["type"]) == (401, "NotAuthorizedException")
    else:
        refused(answer, 401, "unauthenticated")


def test_where_nothing_is_there_is_404_before_401(lake: Lake) -> None:
    refused(Client(lake.port).ask("GET", "/v1/nowhere"), 404, "not_found")
    refused(Client(lake.port).ask("PUT", "/health"), 405, "method_not_allowed")


def test_401_comes_before_the_body(lake: Lake) -> None:
    head = f"PUT /v1/storage/put/k HTTP/1.1\r\nHost: {lake.host}\r\nContent-Length: 9\r\n"
    received = Client(lake.port).raw(f"{head}Expect: 100-continue\r\n\r\n".encode(), end=True)
    assert received.startswith(b"HTTP/1.1 401 ")


def test_a_401_asks_nothing_of_the_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_lake(tmp_path / "bucket", queries=False, poll_interval_s=60) as lake:
        lake.token = closed(lake)
        lake.put("k")
        asked: list[str] = []

        def counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **more: Any) -> Any:
                asked.append(name)
                return method(*given, **more)

            return call

        bucket = lake.service.node.bucket
        for name in ASKED:
            monkeypatch.setattr(bucket, name, counted(name, getattr(bucket, name)))
        for token in (None, "lh_nobody_nothing", "x.y.z"):
            for route in ROUTES:
                path = route.path.replace("{", "").replace("}", "")
                if not route.public:
                    assert Client(lake.port, token).ask(route.method, path).status == 401
        assert asked == []
        lake.get("k")
        assert asked != []


def test_a_token_is_a_password_too(lake: Lake) -> None:
    for name in ("", "x", "xy"):
        encoded = base64.b64encode(f"{name}:{lake.token}".encode()).decode()
        # Arrow's Flight client in Go leaves the padding out.
        for sent in (encoded, encoded.rstrip("=")):
            me = lake.ask("GET", "/v1/access/me", headers={"Authorization": f"Basic {sent}"})
            assert (me.status, me.json["principal"]) == (200, "ana")


def test_the_actor_is_the_principal_whatever_it_says(lake: Lake) -> None:
    stored = lake.put("who", headers={"X-Actor": "the queen"})
    event = lake.ask("GET", f"/v1/journal/events?after={stored.seq - 1}").json["events"][0]
    assert (event["actor"], event["on_behalf_of"]) == ("ana", "the queen")
    stored = lake.put("who", b"else")
    event = lake.ask("GET", f"/v1/journal/events?after={stored.seq - 1}").json["events"][0]
    assert (event["actor"], event["on_behalf_of"]) == ("ana", None)


def test_a_revoked_token_and_a_disabled_or_dropped_principal_are_refused(lake: Lake) -> None:
    bo = principal(lake, "bo")
    other = Client(lake.port, token(lake, "bo"))
    assert bo.ask("GET", "/v1/access/me").json["principal"] == "bo"
    id_ = bo.token.split("_")[1] if bo.token else ""
    assert bo.ask("DELETE", f"/v1/access/tokens/{id_}").status == 200
    refused(bo.ask("GET", "/v1/access/me"), 401, "unauthenticated")
    assert other.ask("GET", "/v1/access/me").status == 200
    disabled = {"kind": "user", "disabled": True}
    assert lake.ask("PUT", "/v1/access/principals/bo", disabled).status == 200
    refused(other.ask("GET", "/v1/access/me"), 401, "unauthenticated")
    assert lake.ask("PUT", "/v1/access/principals/bo", {"kind": "user"}).status == 200
    assert other.ask("GET", "/v1/access/me").status == 200
    assert lake.ask("DELETE", "/v1/access/principals/bo").status == 200
    refused(other.ask("GET", "/v1/access/me"), 401, "unauthenticated")


def test_a_principal_manages_its_own_tokens_alone(lake: Lake) -> None:
    cy, dee = principal(lake, "cy"), principal(lake, "dee")
    own = cy.ask("POST", "/v1/access/tokens", {"principal": "cy", "note": "laptop"}).json
    assert [each["principal"] for each in cy.ask("GET", "/v1/access/tokens").json["tokens"]] == [
        "cy",
        "cy",
    ]
    refused(cy.ask("POST", "/v1/access/tokens", {"principal": "dee"}), 403, "forbidden")
    refused(cy.ask("POST", "/v1/access/tokens", {"principal": "nobody"}), 403, "forbidden")
    refused(dee.ask("DELETE", f"/v1/access/tokens/{own['id']}"), 404, "token_not_found")
    assert len(lake.ask("GET", "/v1/access/tokens").json["tokens"]) >= 4


def test_an_admin_alone_manages_principals_and_grants(lake: Lake) -> None:
    eve = principal(lake, "eve")
    with nothing_changes(lake):
        for method, path, body in (
            ("PUT", "principals/eve", {"kind": "user", "admin": True}),
            ("GET", "principals/eve", None),
            ("GET", "principals", None),
            ("DELETE", "principals/ana", None),
            ("DELETE", "principals/nobody", None),
            ("PUT", "grants", {"principal": "eve", "on": "*", "can": ["read"]}),
            ("GET", "grants", None),
            ("DELETE", "grants?principal=ana&on=x", None),
        ):
            refused(eve.ask(method, f"/v1/access/{path}", body), 403, "forbidden")


def test_what_is_refused_to_an_admin(lake: Lake) -> None:
    refused(lake.ask("DELETE", "/v1/access/principals/ana"), 409, "last_admin")
    refused(lake.ask("GET", "/v1/access/principals/nobody"), 404, "principal_not_found")
    refused(lake.ask("DELETE", "/v1/access/tokens/nothing"), 404, "token_not_found")
    refused(lake.ask("DELETE", "/v1/access/grants?principal=ana&on=x"), 404, "grant_not_found")
    refused(lake.ask("PUT", "/v1/access/principals/a%20b", {"kind": "user"}), 400, "invalid_name")
    wrong = {"principal": "ana", "on": "a*b", "can": ["read"]}
    refused(lake.ask("PUT", "/v1/access/grants", wrong), 400, "invalid_request")
    none = {"principal": "ana", "on": "a", "can": []}
    refused(lake.ask("PUT", "/v1/access/grants", none), 400, "invalid_request")
    for span in ("soon", "0s", 0, -1, "99999999w"):
        asked = {"principal": "ana", "expires_in": span}
        refused(lake.ask("POST", "/v1/access/tokens", asked), 400, "invalid_request")


def test_a_token_is_answered_once(lake: Lake) -> None:
    asked, key = {"principal": "ana"}, {"Idempotency-Key": "once"}
    first = lake.ask("POST", "/v1/access/tokens", asked, key)
    again = lake.ask("POST", "/v1/access/tokens", asked, key)
    assert first.json["token"].startswith(f"lh_{first.json['id']}_")
    assert again.json == first.json | {"token": None}
    assert first.headers["Cache-Control"] == "no-store"


def test_the_bucket_has_no_secret(lake: Lake) -> None:
    secrets = [token(lake, "ana").split("_")[2] for _ in range(3)]
    stored = b"".join(path.read_bytes() for path in lake.bucket.rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret.encode() in stored]


def test_init_and_recover(lakehouse: CommandLine, tmp_path: Path) -> None:
    first = lakehouse("access", "init", "--admin", "ana").strip()
    assert "already_initialised" in lakehouse("access", "init", "--admin", "bo", "--json", code=1)
    lakehouse("access", "init", "--admin", "bo", code=1)
    more = lakehouse("access", "init", "--admin", "Ana", "--recover").strip()
    other = lakehouse("access", "init", "--admin", "bo", "--recover").strip()
    with running_lake(Path("bucket"), queries=False) as lake:
        names = [
            Client(lake.port, each).ask("GET", "/v1/access/me").json["principal"]
            for each in (first, more, other)
        ]
    assert names == ["ana", "ana", "bo"]


def test_limits_are_a_principals_own(lake: Lake) -> None:
    flo = principal(
        lake, "flo", {"storage:flo/*": ["read", "write"]}, limits={"bytes_per_day": 500}
    )
    assert flo.ask("PUT", "/v1/storage/put/flo/a", b"x" * 600).status == 200
    refused(flo.ask("GET", "/v1/storage/get/flo/a"), 429, "quota_exceeded")
    assert lake.get("flo/a").status == 200


def test_a_second_process_sees_tokens_and_grants_come_and_go(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with running_lake(bucket, queries=False) as one, running_lake(bucket, queries=False) as two:
        one.token = two.token = closed(one)
        one.put("raw/a")
        bo = principal(one, "bo", {"storage:raw/*": ["read"]})
        there = Client(two.port, bo.token)

        def caught_up(seq: int) -> None:
            assert two.ask("GET", "/v1/journal/head", headers={"X-Min-Seq": str(seq)}).status == 200

        two.run(two.service.node.refresh())
        assert there.ask("GET", "/v1/storage/get/raw/a").status == 200
        caught_up(one.ask("DELETE", "/v1/access/grants?principal=bo&on=storage:raw/*").seq)
        refused(there.ask("GET", "/v1/storage/get/raw/a"), 404, "object_not_found")
        refused(there.ask("GET", "/v1/storage/get/raw/a?as_of=2"), 404, "object_not_found")
        id_ = (bo.token or "").split("_")[1]
        caught_up(one.ask("DELETE", f"/v1/access/tokens/{id_}").seq)
        refused(there.ask("GET", "/v1/access/me"), 401, "unauthenticated")
