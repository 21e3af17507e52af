"""Which headers pass the gateway."""

from multidict import CIMultiDict, CIMultiDictProxy

from lakehouse.gateway.headers import to_client, to_upstream
from lakehouse.web.http.connections.peer import Peer

PEER = Peer("10.0.0.7", "https")


def sent(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


def upstream(
    *pairs: tuple[str, str], min_seq: int = 0, span: str | None = None
) -> CIMultiDict[str]:
    return to_upstream(sent(*pairs), "r1", PEER, min_seq, span)


def test_what_the_request_says_passes() -> None:
    pairs = (
        ("Authorization", "Bearer x"),
        ("traceparent", "00-a-b-01"),
        ("Idempotency-Key", "k"),
        ("Range", "bytes=1-"),
    )
    passed = upstream(*pairs)
    assert [(name, passed[name]) for name, _ in pairs] == [*pairs]
    assert passed["X-Request-Id"] == "r1"


def test_headers_of_one_connection_do_not_pass_in_either_direction() -> None:
    pairs = (
        ("Connection", "close, X-Mine"), ("X-Mine", "1"), ("Keep-Alive", "5"), ("TE", "trailers"),
        ("Transfer-Encoding", "chunked"), ("Upgrade", "h2c"), ("Trailer", "X"), ("Proxy-Authorization", "x"),
    )  # fmt: skip
    assert [*upstream(*pairs)] == ["X-Request-Id", "X-Forwarded-For", "X-Forwarded-Proto"]
    assert [*to_client(sent(*pairs, ("ETag", "e")))] == ["ETag"]


def test_what_the_gateway_has_judged_does_not_pass() -> None:
    pairs = (
        ("Host", "h"),
        ("Origin", "https://a"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Expect", "100-continue"),
    )
    assert [*upstream(*pairs)] == ["X-Request-Id", "X-Forwarded-For", "X-Forwarded-Proto"]


def test_the_address_is_the_gateway_s_word_and_not_the_client_s() -> None:
    passed = upstream(
        ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "http"), ("Forwarded", "for=1.2.3.4")
    )
    assert passed.getall("X-Forwarded-For") == ["10.0.0.7"]
    assert passed.getall("X-Forwarded-Proto") == ["https"]
    assert "Forwarded" not in passed


def test_the_later_of_two_events_is_waited_for() -> None:
    assert upstream(min_seq=7)["X-Min-Seq"] == "7"
    assert upstream(("X-Min-Seq", "9"), min_seq=7)["X-Min-Seq"] == "9"
    assert upstream(("X-Min-Seq", "3"), min_seq=7)["X-Min-Seq"] == "7"
    assert "X-Min-Seq" not in upstream()


def test_an_invalid_event_is_the_role_s_to_refuse() -> None:
    assert upstream(("X-Min-Seq", "soon"), min_seq=7)["X-Min-Seq"] == "soon"


def test_a_span_of_the_gateway_replaces_the_client_s() -> None:
    assert upstream(("traceparent", "of-client"), span="of-gateway").getall("traceparent") == [
        "of-gateway"
    ]
