"""Every list comes in pages, by `after` and `limit`, in the order of the whole list."""

from collections.abc import Iterator

import msgspec
import pytest
from lake_server import Lake, running_lake
from principals import closed, principal, token
from refusals import refused

from lakehouse.web.routes import ROUTES

BAD_ROWS = b"a\nx\n"
LISTS = {
    "/v1/catalog/views": "views",
    "/v1/catalog/profiles": "profiles",
    "/v1/catalog/pins": "pins",
    "/v1/catalog/quarantine/q": "files",
    "/v1/access/principals": "principals",
    "/v1/access/tokens": "tokens",
    "/v1/access/grants": "grants",
}
"""The lists that are held as a whole, and the member with the rows of each."""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with three rows or more in each list; its client is an admin's."""
    with running_lake(tmp_path_factory.mktemp("lists") / "bucket") as lake:
        lake.token = closed(lake)
        assert lake.ingest("name=q", b"a\n1\n").status == 200
        for number in range(3):
            quarantined = lake.ingest("name=q&mode=append&on_error=quarantine", BAD_ROWS)
            assert quarantined.json["rows_quarantined"] == 1
            pin = {"name": "q", "as_of": quarantined.seq}
            assert lake.ask("POST", "/v1/catalog/pin", pin).status == 200
            view = {"sql": f"SELECT {number} AS a"}
            assert lake.ask("PUT", f"/v1/catalog/view/v{number}", view).status == 200
            profile = {"names": {"p": {"to": "q"}}, "others": "visible"}
            assert lake.ask("PUT", f"/v1/catalog/profile/p{number}", profile).status == 200
            principal(lake, ("eve", "eve.b", "eve-c")[number], {"q": ["read"], "r_*": ["write"]})
        token(lake, "eve")
        yield lake


@pytest.mark.parametrize("path", LISTS)
def test_pages_follow_each_other(full: Lake, path: str) -> None:
    rows = LISTS[path]
    whole = full.ask("GET", path).json
    assert whole["next"] is None
    assert len(whole[rows]) >= 3
    found, after = [], ""
    while after is not None:
        page = full.ask("GET", f"{path}?limit=1&after={quoted(after)}").json
        assert len(page[rows]) == 1
        found += page[rows]
        after = page["next"]
    assert found == whole[rows]
    refused(full.ask("GET", f"{path}?limit=0"), 400, "invalid_request")


def test_a_page_of_what_ran_before_is_empty(full: Lake) -> None:
    assert full.ask("GET", "/v1/queries?limit=1&after=9").json == {"queries": [], "next": None}


def test_every_list_of_the_api_has_pages() -> None:
    for route in ROUTES:
        for answer in route.answers:
            fields = getattr(answer, "__struct_fields__", ())
            if route.method == "GET" and isinstance(answer, type) and "next" in fields:
                asked = {each.name for each in msgspec.structs.fields(route.query or answer)}
                assert {"after", "limit"} <= asked, route.path
            listing = answer.__name__.endswith("List") if isinstance(answer, type) else False
            assert not listing or "next" in fields, route.path


def quoted(after: str) -> str:
    return after.replace(" ", "%20").replace("*", "%2A")
