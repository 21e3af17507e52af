"""Which headers pass the gateway, in each direction. Pure.

Owns the headers by which the gateway describes the client to an upstream. Never passes a header
that belongs to one connection (RFC 9110, section 7.6.1), nor an address that a client claims to
have.
"""

from collections.abc import Mapping

from multidict import CIMultiDict, CIMultiDictProxy

from lakehouse.web.http.connections.peer import FORWARDED_FOR, FORWARDED_PROTO, Peer

MIN_SEQ, REQUEST_ID = "X-Min-Seq", "X-Request-Id"
_OF_ONE_CONNECTION = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_JUDGED_HERE = frozenset(
    {
        "host",
        "origin",
        "expect",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-fetch-user",
    }
)


def to_upstream(
    sent: CIMultiDictProxy[str], request_id: str, peer: Peer, min_seq: int, traceparent: str | None
) -> CIMultiDict[str]:
    """The headers of a client's request as an upstream receives them.

    `min_seq`: the client's last change, 0 where none is known. `traceparent`: of the gateway's own
    span, None where it records none.
    """
    headers = _passed(sent, _OF_ONE_CONNECTION | _JUDGED_HERE)
    headers[REQUEST_ID] = request_id
    headers[FORWARDED_FOR] = peer.address
    headers[FORWARDED_PROTO] = peer.scheme
    if traceparent is not None:
        headers["traceparent"] = traceparent
    if min_seq and (given := headers.get(MIN_SEQ, "0")).isdecimal():
        headers[MIN_SEQ] = str(max(int(given[:20]), min_seq))
    return headers


def to_client(sent: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers of an upstream's answer as the client receives them."""
    return _passed(sent, _OF_ONE_CONNECTION)


def bearer_of(sent: Mapping[str, str]) -> str | None:
    """What authenticates a request; None where nothing does."""
    return sent.get("Authorization")


def _passed(sent: CIMultiDictProxy[str], kept_back: frozenset[str]) -> CIMultiDict[str]:
    named = {
        name.strip().lower() for line in sent.getall("Connection", []) for name in line.split(",")
    }
    return CIMultiDict(
        (name, value)
        for name, value in sent.items()
        if name.lower() not in kept_back and name.lower() not in named
    )
