"""Query strings and headers as structs: names, types, defaults, bounds and what is refused."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta
from multidict import CIMultiDict, CIMultiDictProxy

from lakehouse.domain.errors import RefusedError
from lakehouse.web.http.parameters import headers_of, query_of, refuse_unknown
from lakehouse.web.route import Nothing, Route
from lakehouse.web.routes import ROUTES


class Query(msgspec.Struct, frozen=True):
    name: str
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    after: Annotated[int, Meta(ge=0)] | None = None
    summary: bool = False
    mode: Literal["replace", "append"] = "replace"
    keys: list[str] = []


class Headers(msgspec.Struct, frozen=True):
    tags: list[str] = msgspec.field(name="If-None-Match", default_factory=list)
    seq: int | None = msgspec.field(name="X-Min-Seq", default=None)


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


def test_what_is_absent_has_its_default_and_a_required_text_is_empty() -> None:
    assert query_of(Query, ()) == Query("")


def test_each_type_is_read() -> None:
    pairs = [
        ("name", "t"), ("limit", "10000"), ("after", "007"), ("summary", "true"),
        ("mode", "append"), ("keys", "a"), ("keys", ""), ("unknown", "1"),
    ]  # fmt: skip
    assert query_of(Query, pairs) == Query("t", 10_000, 7, True, "append", ["a", ""])


@pytest.mark.parametrize(
    ("pair", "detail"),
    [
        (("limit", "0"), "limit must be a whole number from 1 to 10,000"),
        (("limit", "10001"), "limit must be a whole number from 1 to 10,000"),
        (("limit", "+5"), "limit must be a whole number from 1 to 10,000"),
        (("limit", "\u0663"), "limit must be a whole number from 1 to 10,000"),
        (("after", ""), "after must be a whole number from 0 to 9,007,199,254,740,991"),
        (("after", "9007199254740992"), "after must be a whole number from 0"),
        (("summary", "1"), "summary must be true or false"),
        (("mode", "x" * 100), f"mode must be append or replace, not '{'x' * 64}'"),
    ],
)
def test_what_a_field_cannot_be_is_refused(pair: tuple[str, str], detail: str) -> None:
    with pytest.raises(RefusedError) as error:
        query_of(Query, [pair])
    assert error.value.refused.code == "invalid_request"
    assert detail in error.value.refused.detail


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(RefusedError, match="the parameter name is given 2 times; give it once"):
        query_of(Query, [("name", "a"), ("name", "a")])


@pytest.mark.parametrize(
    ("names", "detail"),
    [
        (["nome"], "unknown parameter: nome; known are after, keys, limit, mode, name, summary"),
        (["NAME", "name", "\x1b"], "unknown parameter: \x1b, NAME; known are"),
        (["x" * 100], f"unknown parameter: {'x' * 64};"),
        ([f"p{number:02}" for number in range(99)], "p08, p09; known are"),
    ],
)
def test_unknown_parameters_are_named_and_so_are_the_known_ones(
    names: list[str], detail: str
) -> None:
    refuse_unknown(Query, ["name", "keys"])
    with pytest.raises(RefusedError) as error:
        refuse_unknown(Query, names)
    assert detail in error.value.refused.detail
    with pytest.raises(RefusedError, match="the route has none"):
        refuse_unknown(Nothing, ["name"])


def test_headers_are_read_in_any_case_and_a_list_from_all_lines() -> None:
    sent = headers(("if-none-match", '"a"'), ("IF-NONE-MATCH", '"b"'), ("x-min-seq", "4"))
    assert headers_of(Headers, sent) == Headers(['"a"', '"b"'], 4)
    with pytest.raises(RefusedError, match="the header X-Min-Seq is given 2 times"):
        headers_of(Headers, headers(("X-Min-Seq", "1"), ("X-Min-Seq", "1")))


def test_a_struct_that_has_no_reader_is_a_bug_at_once() -> None:
    class Bad(msgspec.Struct):
        x: dict[str, str] = {}

    with pytest.raises(TypeError):
        query_of(Bad, ())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_struct_of_the_table_can_be_read(route: Route) -> None:
    for shape in (route.query, route.headers):
        query_of(shape, ())


def test_a_handler_that_reads_what_its_route_does_not_declare_fails() -> None:
    route = ROUTES[0]
    route.expect(route.query, Nothing)
    with pytest.raises(TypeError, match="does not declare Query"):
        route.expect(route.query, Query)
