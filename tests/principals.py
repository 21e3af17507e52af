"""Principals of a test's lake: the first admin, and others with their tokens and grants."""

from typing import Any

from lake_server import Lake
from raw_http import Client

from lakehouse.service.caller import CLI, Caller


def closed(lake: Lake, admin: str = "ana") -> str:
    """Give the lake its first admin, as a command on the bucket does; its token."""
    root = Caller(actor="root@here", accepted_s=lake.service.clock.monotonic(), door=CLI)
    token = lake.run(lake.service.access.init(root, admin, recover=False)).body.token
    assert token is not None
    return token


def principal(
    lake: Lake, name: str, grants: dict[str, list[str]] | None = None, **more: Any
) -> Client:
    """A new principal as a client. `lake` asks as an admin."""
    body = {"kind": "user", **more}
    assert lake.ask("PUT", f"/v1/access/principals/{name}", body).status == 200
    for on, can in (grants or {}).items():
        granted = {"principal": name, "on": on, "can": can}
        assert lake.ask("PUT", "/v1/access/grants", granted).status == 200
    return Client(lake.port, token(lake, name))


def token(lake: Lake, name: str, **more: Any) -> str:
    """A new token of a principal."""
    issued = lake.ask("POST", "/v1/access/tokens", {"principal": name, **more})
    assert issued.status == 200, issued
    found: str = issued.json["token"]
    return found
