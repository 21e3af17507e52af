"""Every route, by every kind of caller: generated from the table of routes.

A new route without an entry here fails. An entry says which right the route requires, and how it is
asked about a name. What one may not read is answered exactly as what is absent; a change without the
right is refused alike, whether the thing exists or not.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from lake_server import Lake, running_lake
from principals import closed, principal, token
from raw_http import Answer, Client
from refusals import refused

from lakehouse.web.routes import ROUTES

READ, WRITE, MANAGE, ADMIN, ANYONE, PUBLIC = "read", "write", "manage", "admin", "anyone", "public"
CSV = {"Content-Type": "text/csv"}
SEEN, HIDDEN, ABSENT = "seen_a", "hidn_a", "none_a"
"""A reader may read the first; the second exists, the third does not. They are as long as each other."""
TABLES = "/iceberg/v1/namespaces/lake/tables"
Asked = tuple[str, str, Any, dict[str, str]]


class Entry(NamedTuple):
    """The right that a route requires, and a request about a name."""

    right: str
    ask: Callable[[str], Asked]


def get(path: str) -> Callable[[str], Asked]:
    return lambda name: ("GET", path.format(name=name), None, {})


def delete(path: str) -> Callable[[str], Asked]:
    return lambda name: ("DELETE", path.format(name=name), None, {})


def send(method: str, path: str, **body: Any) -> Callable[[str], Asked]:
    """A JSON body in which `{name}` stands for the name."""

    def ask(name: str) -> Asked:
        filled = json.loads(json.dumps(body).replace("{name}", name))
        return method, path.format(name=name), filled, {}

    return ask


def upload(method: str) -> Callable[[str], Asked]:
    return lambda name: (method, f"/v1/ingest?name={name}", b"a\n1\n", CSV)


def rows(name: str) -> Asked:
    return "POST", f"/v1/stream/{name}", b'{"a": 1}\n', {}


def link(name: str) -> Asked:
    return "GET", f"/v1/sql?q=SELECT+*+FROM+{name}&format=json", None, {}


def agent(_name: str) -> Asked:
    """The list of tools: what each tool shows of a name is in test_mcp_http.py."""
    return "POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, {}


ENTRIES = {
    "PUT /v1/storage/put/{key}": Entry(
        WRITE, lambda name: ("PUT", f"/v1/storage/put/raw/{name}", b"x", {})
    ),
    "GET /v1/storage/get/{key}": Entry(READ, get("/v1/storage/get/raw/{name}")),
    "GET /v1/storage/list": Entry(READ, get("/v1/storage/list?prefix=raw/{name}")),
    "DELETE /v1/storage/delete/{key}": Entry(WRITE, delete("/v1/storage/delete/raw/{name}x")),
    "POST /v1/catalog/register": Entry(
        WRITE,
        send("POST", "/v1/catalog/register", name="{name}", schema_fingerprint="f", objects=[]),
    ),
    "POST /v1/catalog/transaction": Entry(
        WRITE,
        send(
            "POST",
            "/v1/catalog/transaction",
            changes=[{"op": "restore", "name": "{name}", "as_of": 99}],
        ),
    ),
    "POST /v1/catalog/derive": Entry(
        WRITE, send("POST", "/v1/catalog/derive", name="{name}", sql="SELECT 1 AS a", dry_run=True)
    ),
    "POST /v1/catalog/refresh": Entry(WRITE, send("POST", "/v1/catalog/refresh", name="{name}")),
    "POST /v1/catalog/rename": Entry(
        MANAGE, send("POST", "/v1/catalog/rename", name="{name}", to="{name}")
    ),
    "POST /v1/catalog/delete": Entry(
        WRITE, send("POST", "/v1/catalog/delete", name="{name}", where="false", dry_run=True)
    ),
    "POST /v1/catalog/update": Entry(
        WRITE,
        send(
            "POST", "/v1/catalog/update", name="{name}", set={"a": "a"}, where="false", dry_run=True
        ),
    ),
    "GET /v1/catalog/quarantine/{name}": Entry(READ, get("/v1/catalog/quarantine/{name}")),
    "GET /v1/catalog/why/{name}": Entry(READ, get("/v1/catalog/why/{name}")),
    "POST /v1/catalog/compact": Entry(
        MANAGE, send("POST", "/v1/catalog/compact", name="{name}", dry_run=True)
    ),
    "POST /v1/catalog/restore": Entry(
        WRITE, send("POST", "/v1/catalog/restore", name="{name}", as_of=99)
    ),
    "PUT /v1/catalog/view/{name}": Entry(
        MANAGE, send("PUT", "/v1/catalog/view/{name}v", sql="SELECT 1 AS a")
    ),
    "GET /v1/catalog/view/{name}": Entry(READ, get("/v1/catalog/view/{name}_v")),
    "DELETE /v1/catalog/view/{name}": Entry(MANAGE, delete("/v1/catalog/view/{name}x")),
    "GET /v1/catalog/views": Entry(ANYONE, get("/v1/catalog/views")),
    "PUT /v1/catalog/profile/{name}": Entry(
        MANAGE,
        send(
            "PUT",
            "/v1/catalog/profile/{name}",
            names={"{name}": {"to": SEEN}},
            others="visible",
        ),
    ),
    "GET /v1/catalog/profile/{name}": Entry(READ, get("/v1/catalog/profile/{name}_p")),
    "DELETE /v1/catalog/profile/{name}": Entry(MANAGE, delete("/v1/catalog/profile/{name}_p")),
    "GET /v1/catalog/profiles": Entry(ANYONE, get("/v1/catalog/profiles")),
    "GET /v1/catalog/manifest/{name}": Entry(READ, get("/v1/catalog/manifest/{name}")),
    "DELETE /v1/catalog/manifest/{name}": Entry(WRITE, delete("/v1/catalog/manifest/{name}_d")),
    "GET /v1/catalog/list": Entry(ANYONE, get("/v1/catalog/list")),
    "GET /v1/catalog/history/{name}": Entry(READ, get("/v1/catalog/history/{name}")),
    "GET /v1/catalog/diff": Entry(ANYONE, get("/v1/catalog/diff?from=0")),
    "POST /v1/catalog/pin": Entry(WRITE, send("POST", "/v1/catalog/pin", name="{name}", as_of=99)),
    "POST /v1/catalog/unpin": Entry(
        WRITE, send("POST", "/v1/catalog/unpin", name="{name}", as_of_seq=1)
    ),
    "GET /v1/catalog/pins": Entry(ANYONE, get("/v1/catalog/pins")),
    "POST /v1/ingest": Entry(WRITE, upload("POST")),
    "PUT /v1/ingest": Entry(WRITE, upload("PUT")),
    "POST /v1/stream/{dataset}": Entry(WRITE, rows),
    "GET /v1/sql": Entry(READ, link),
    "POST /v1/sql": Entry(READ, send("POST", "/v1/sql", sql="SELECT * FROM {name}")),
    "POST /v1/vectors/search": Entry(
        READ,
        send("POST", "/v1/vectors/search", dataset="{name}_v", column="v", vector=[1.0], k=1),
    ),
    "GET /v1/queries": Entry(ANYONE, get("/v1/queries")),
    "DELETE /v1/queries/{id}": Entry(READ, delete("/v1/queries/none")),
    "GET /v1/journal/head": Entry(ANYONE, get("/v1/journal/head")),
    "GET /v1/journal/events": Entry(ANYONE, get("/v1/journal/events?dataset={name}")),
    "GET /v1/journal/stream": Entry(READ, get("/v1/journal/stream?after=x")),
    "POST /v1/journal/undo": Entry(ADMIN, send("POST", "/v1/journal/undo", seq=1, dry_run=True)),
    "POST /v1/catalog/erase": Entry(
        ADMIN,
        send("POST", "/v1/catalog/erase", name="{name}", where="a = 1", reason="r", dry_run=True),
    ),
    "POST /v1/gc": Entry(ADMIN, send("POST", "/v1/gc", dry_run=True)),
    "PUT /v1/stores/{id}": Entry(ADMIN, send("PUT", "/v1/stores/cold", url="relative")),
    "GET /v1/stores/{id}": Entry(ADMIN, get("/v1/stores/main")),
    "DELETE /v1/stores/{id}": Entry(ADMIN, delete("/v1/stores/none")),
    "GET /v1/stores": Entry(ADMIN, get("/v1/stores")),
    "POST /v1/stores/doctor/{id}": Entry(ADMIN, send("POST", "/v1/stores/doctor/none")),
    "POST /v1/stores/copy": Entry(
        ADMIN, send("POST", "/v1/stores/copy", **{"from": "main", "to": "none", "on": "{name}"})
    ),
    "POST /v1/stores/move": Entry(
        ADMIN, send("POST", "/v1/stores/move", **{"from": "main", "to": "none", "on": "{name}"})
    ),
    "GET /v1/audit/entries": Entry(ADMIN, get("/v1/audit/entries")),
    "POST /mcp": Entry(ANYONE, agent),
    "GET /health": Entry(PUBLIC, get("/health")),
    "GET /ready": Entry(PUBLIC, get("/ready")),
    "GET /metrics": Entry(ADMIN, get("/metrics")),
    "GET /openapi.json": Entry(ANYONE, get("/openapi.json")),
    "PUT /v1/access/principals/{name}": Entry(
        ADMIN, send("PUT", "/v1/access/principals/{name}", kind="user")
    ),
    "GET /v1/access/principals/{name}": Entry(ADMIN, get("/v1/access/principals/{name}")),
    "DELETE /v1/access/principals/{name}": Entry(ADMIN, delete("/v1/access/principals/{name}")),
    "GET /v1/access/principals": Entry(ADMIN, get("/v1/access/principals")),
    "POST /v1/access/tokens": Entry(ADMIN, send("POST", "/v1/access/tokens", principal="{name}")),
    "GET /v1/access/tokens": Entry(ANYONE, get("/v1/access/tokens")),
    "DELETE /v1/access/tokens/{id}": Entry(READ, delete("/v1/access/tokens/{name}")),
    "PUT /v1/access/grants": Entry(
        ADMIN, send("PUT", "/v1/access/grants", principal="{name}", on="*", can=["read"])
    ),
    "GET /v1/access/grants": Entry(ADMIN, get("/v1/access/grants")),
    "DELETE /v1/access/grants": Entry(ADMIN, delete("/v1/access/grants?principal={name}&on=x")),
    "GET /v1/access/me": Entry(ANYONE, get("/v1/access/me")),
    "PUT /v1/sources/{name}": Entry(
        ADMIN, send("PUT", "/v1/sources/{name}", uri="s3://raw/in/", dataset="{name}")
    ),
    "GET /v1/sources/{name}": Entry(ADMIN, get("/v1/sources/{name}")),
    "DELETE /v1/sources/{name}": Entry(ADMIN, delete("/v1/sources/{name}")),
    "GET /v1/sources": Entry(ADMIN, get("/v1/sources")),
    "POST /v1/sources/{name}/run": Entry(ADMIN, send("POST", "/v1/sources/{name}/run")),
    "GET /iceberg/v1/{path}": Entry(READ, get(f"{TABLES}/{{name}}")),
    "POST /iceberg/v1/{path}": Entry(READ, send("POST", f"{TABLES}/{{name}}/metrics")),
    "DELETE /iceberg/v1/{path}": Entry(READ, delete(f"{TABLES}/{{name}}")),
}
NOT_ABOUT_A_NAME = {
    "POST /iceberg/v1/{path}",
    "DELETE /iceberg/v1/{path}",
    "DELETE /v1/queries/{id}",
    "GET /v1/journal/stream",
    "DELETE /v1/access/tokens/{id}",
}
"""Reads that no one here gets an answer to: refused to everyone, or about no name that a reader may see."""


class Callers(NamedTuple):
    """One client of each kind."""

    strangers: dict[str, Client]
    reader: Client
    writer: Client
    manager: Client
    admin: Client

    @property
    def restricted(self) -> dict[str, Client]:
        return {"reader": self.reader, "writer": self.writer, "manager": self.manager}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("matrix") / "bucket") as lake:
        lake.token = closed(lake)
        for name in (SEEN, HIDDEN, "w_one", "m_one"):
            assert lake.ingest(f"name={name}").status == 200
            assert lake.put(f"raw/{name}").status == 200
            view = {"sql": f"SELECT *, [1.0] AS v FROM {name}"}
            assert lake.ask("PUT", f"/v1/catalog/view/{name}_v", view).status == 200
            profile = {"names": {name: {"to": f"{name}_v"}}, "others": "visible"}
            assert lake.ask("PUT", f"/v1/catalog/profile/{name}_p", profile).status == 200
        yield lake


@pytest.fixture(scope="module")
def callers(lake: Lake) -> Callers:
    disabled = principal(lake, "asleep")
    gone = Client(lake.port, token(lake, "asleep"))
    lake.ask("DELETE", f"/v1/access/tokens/{(gone.token or '').split('_')[1]}")
    lake.ask("PUT", "/v1/access/principals/asleep", {"kind": "user", "disabled": True})
    expired = Client(lake.port, _expired(lake))
    strangers = {
        "none": Client(lake.port),
        "bad": Client(lake.port, "lh_nobody_nothing"),
        "expired": expired,
        "revoked": gone,
        "disabled": disabled,
    }
    return Callers(
        strangers,
        reader=principal(
            lake, "reader", {SEEN: [READ], f"{SEEN}_v": [READ], f"storage:raw/{SEEN}": [READ]}
        ),
        writer=principal(lake, "writer", {"w_*": [WRITE], "storage:raw/w_*": [WRITE]}),
        manager=principal(
            lake, "manager", {"m_*": [MANAGE], SEEN: [READ], "m_one_v": [READ, MANAGE]}
        ),
        admin=lake,
    )


def _expired(lake: Lake) -> str:
    """A token whose time is over: its second passes while this waits for the lake to say so."""
    import time

    issued = token(lake, "ana", expires_in=1)
    client = Client(lake.port, issued)
    for _ in range(200):
        if client.ask("GET", "/v1/access/me").status == 401:
            return issued
        time.sleep(0.02)
    raise AssertionError("the token did not expire")


def answer(client: Client, entry: Entry, name: str) -> Answer:
    return client.ask(*entry.ask(name))


def said(found: Answer, name: str) -> tuple[int, str]:
    """Status and body of an answer, without its own ids, and with another name for the thing."""
    body = found.body.decode(errors="replace").replace(name, "NAME")
    if body.startswith("{"):
        shown = json.loads(body)
        shown.pop("request_id", None)
        body = json.dumps(shown)
    return found.status, body


def test_every_route_has_an_entry() -> None:
    assert ENTRIES.keys() == {f"{route.method} {route.path}" for route in ROUTES}


@pytest.mark.parametrize("route", ENTRIES)
@pytest.mark.parametrize("kind", ["none", "bad", "expired", "revoked", "disabled"])
def test_who_is_not_known_gets_no_answer(callers: Callers, route: str, kind: str) -> None:
    found = answer(callers.strangers[kind], ENTRIES[route], SEEN)
    if ENTRIES[route].right == PUBLIC:
        assert found.status == 200
    elif "/iceberg/" in route:
        assert (found.status, found.json["error"]["type"]) == (401, "NotAuthorizedException")
    else:
        refused(found, 401, "unauthenticated")


@pytest.mark.parametrize("route", [name for name, each in ENTRIES.items() if each.right == READ])
def test_what_may_not_be_read_is_absent(callers: Callers, route: str) -> None:
    entry = ENTRIES[route]
    if route not in NOT_ABOUT_A_NAME:
        assert answer(callers.reader, entry, SEEN).status == 200
    for client in callers.restricted.values():
        hidden, absent = answer(client, entry, HIDDEN), answer(client, entry, ABSENT)
        assert said(hidden, HIDDEN) == said(absent, ABSENT)
        assert hidden.status in (200, 400, 404, 406)
        assert hidden.status != 200 or b'"objects":[]' in hidden.body


@pytest.mark.parametrize(
    "route", [name for name, each in ENTRIES.items() if each.right in (WRITE, MANAGE)]
)
def test_a_change_needs_its_right_whether_the_thing_exists_or_not(
    callers: Callers, route: str
) -> None:
    entry = ENTRIES[route]
    named = {WRITE: ("writer", "w_one"), MANAGE: ("manager", "m_one")}[entry.right]
    for kind, client in callers.restricted.items():
        hidden, absent = answer(client, entry, HIDDEN), answer(client, entry, ABSENT)
        assert hidden.json["code"] == "forbidden", (kind, hidden)
        assert said(hidden, HIDDEN) == said(absent, ABSENT)
        held = answer(client, entry, named[1])
        assert (held.status == 403) == (kind != named[0]), (kind, held)
    assert answer(callers.admin, entry, "adm_a").status not in (401, 403)


@pytest.mark.parametrize("route", [name for name, each in ENTRIES.items() if each.right == ADMIN])
def test_what_an_admin_may_do_alone(callers: Callers, route: str) -> None:
    for client in callers.restricted.values():
        refused(answer(client, ENTRIES[route], "adm_b"), 403, "forbidden")
    assert answer(callers.admin, ENTRIES[route], "adm_b").status not in (401, 403)


@pytest.mark.parametrize("route", [name for name, each in ENTRIES.items() if each.right == ANYONE])
def test_what_anyone_may_ask_shows_what_each_may_read(callers: Callers, route: str) -> None:
    for client in callers.restricted.values():
        found = answer(client, ENTRIES[route], HIDDEN)
        assert found.status == 200
        assert HIDDEN.encode() not in found.body
