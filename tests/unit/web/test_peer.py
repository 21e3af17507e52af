"""Which client a request comes from: forwarded headers count from the settings' proxies alone."""

from ipaddress import ip_network

import pytest

from lakehouse.web.http.connections.peer import Peer, Site, peer_of

PROXIES = tuple(map(ip_network, ["10.0.0.0/8", "fd00::/8"]))
BEHIND = Site(proxies=PROXIES, public_origin="https://lake.example")
PLAIN = Site()
TLS = Site(tls=True)
CLIENT, OTHER, PROXY, INNER = "203.0.113.7", "198.51.100.9", "10.0.0.1", "10.9.9.9"


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        (PROXY, [], PROXY),
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"{OTHER}, {CLIENT}"], CLIENT),
        (PROXY, [OTHER, CLIENT], CLIENT),
        (PROXY, [f"{CLIENT}, {INNER}"], CLIENT),
        (PROXY, [f"{OTHER}, {CLIENT}, {INNER}, {PROXY}"], CLIENT),
        (PROXY, [f"127.0.0.1, {CLIENT}"], CLIENT),
        (PROXY, [f"{INNER}, {CLIENT}"], CLIENT),
        (PROXY, [f"{INNER}, {PROXY}"], INNER),
        (PROXY, [f"{CLIENT}:51234"], CLIENT),
        (PROXY, ["[2001:db8::1]:51234"], "2001:db8::1"),
        (PROXY, ["2001:db8::1"], "2001:db8::1"),
        (PROXY, [f"::ffff:{CLIENT}"], CLIENT),
        (PROXY, [f"{CLIENT}, unknown"], PROXY),
        (PROXY, [f"{CLIENT}, unknown, {INNER}"], INNER),
        (PROXY, [f"{CLIENT},, ,"], CLIENT),
        (PROXY, ["'; DROP TABLE"], PROXY),
        ("fd00::1", [CLIENT], CLIENT),
        (f"::ffff:{PROXY}", [CLIENT], CLIENT),
        (CLIENT, [OTHER], CLIENT),
        (CLIENT, [f"{OTHER}, {PROXY}"], CLIENT),
        ("127.0.0.1", [OTHER], "127.0.0.1"),
        ("192.168.0.1", [OTHER], "192.168.0.1"),
        (None, [OTHER], ""),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_no_proxys(
    remote: str | None, forwarded: list[str], address: str
) -> None:
    assert peer_of(BEHIND, remote, forwarded, ["https"]).address == address


@pytest.mark.parametrize("site", [PLAIN, TLS])
def test_without_proxies_no_forwarded_header_counts(site: Site) -> None:
    scheme = "https" if site.tls else "http"
    assert peer_of(site, "127.0.0.1", [CLIENT], ["http", "https"]) == Peer("127.0.0.1", scheme)


@pytest.mark.parametrize(
    ("remote", "protos", "scheme", "unprotected"),
    [
        (PROXY, ["https"], "https", False),
        (PROXY, ["HTTPS"], "https", False),
        (PROXY, ["http"], "http", True),
        (PROXY, ["https, http"], "http", True),
        (PROXY, ["http, https"], "https", False),
        (PROXY, ["https", "http"], "http", True),
        (PROXY, [], "http", False),
        (PROXY, ["wss"], "http", False),
        (CLIENT, ["https"], "http", True),
        ("127.0.0.1", ["https"], "http", False),
        ("::1", ["https"], "http", False),
    ],
)
def test_the_scheme_is_what_the_nearest_proxy_says(
    remote: str, protos: list[str], scheme: str, unprotected: bool
) -> None:
    found = peer_of(BEHIND, remote, [CLIENT], protos)
    assert (found.scheme, found.unprotected) == (scheme, unprotected)


def test_plain_http_to_a_public_url_of_http_is_what_the_settings_ask_for() -> None:
    site = Site(proxies=PROXIES, public_origin="http://lake.internal")
    assert not peer_of(site, PROXY, [CLIENT], ["http"]).unprotected


def test_tls_protects_every_peer() -> None:
    assert peer_of(TLS, CLIENT, [], []) == Peer(CLIENT, "https", unprotected=False)
