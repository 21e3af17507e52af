"""Signed tokens: which count, and how often the issuer is asked, by a clock that the test moves."""

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_issuer import AUDIENCE, NEXT, SIGNING, Issuer, running_issuer
from joserfc.jwk import RSAKey

from lakehouse.domain.errors import RefusedError
from lakehouse.service.access.oidc.issuer import MAX_BYTES
from lakehouse.service.access.oidc.key_times import KEEP_S, REFRESH_S, RETRY_S, KeyTimes
from lakehouse.service.access.oidc.signed_token import LEEWAY_S, MAX_CHARACTERS
from lakehouse.service.access.oidc.signed_tokens import SignedTokens

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"
BEGIN = datetime(2026, 11, 26, 9, tzinfo=UTC)
STRANGER = RSAKey.generate_key(2048, {"kid": "one"})


class Watch:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return self.passed_s

    @property
    def s(self) -> float:
        return self.now().timestamp()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def clock() -> Watch:
    return Watch()


def tokens_of(issuer: Issuer, clock: Any, claim: str = "sub") -> SignedTokens:
    return SignedTokens(clock, issuer.url, AUDIENCE, claim)


async def code(tokens: SignedTokens, token: str) -> str:
    with pytest.raises(RefusedError) as caught:
        await tokens.subject(token)
    assert token[-20:] not in caught.value.refused.detail
    return caught.value.refused.code


async def test_a_token_of_the_issuer_names_its_subject(issuer: Issuer, clock: Watch) -> None:
    tokens = tokens_of(issuer, clock)
    assert await tokens.subject(issuer.token(clock.s)) == ("ana", "2026-11-26T09:06:00.000000Z")
    many = issuer.token(clock.s, aud=["other", AUDIENCE], header={"typ": "at+jwt", "x5t": "abc"})
    assert (await tokens.subject(many))[0] == "ana"
    assert issuer.asked == [DISCOVERY, KEYS], "both are kept"


async def test_another_claim_may_name_the_principal(issuer: Issuer, clock: Watch) -> None:
    tokens = tokens_of(issuer, clock, "preferred_username")
    found = await tokens.subject(issuer.token(clock.s, preferred_username="bob"))
    assert found[0] == "bob"
    assert await code(tokens, issuer.token(clock.s)) == "unauthenticated"


async def test_an_address_counts_once_the_issuer_has_verified_it(
    issuer: Issuer, clock: Watch
) -> None:
    tokens, address = tokens_of(issuer, clock, "email"), {"email": "ana@example.org"}
    verified = issuer.token(clock.s, **address, email_verified=True)
    assert (await tokens.subject(verified))[0] == "ana@example.org"
    for claims in ({}, {"email_verified": False}, {"email_verified": "true"}):
        token = issuer.token(clock.s, **address, **claims)
        assert await code(tokens, token) == "unauthenticated"


CLAIMS: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "a part of the audience": {"aud": "lak"},
    "another issuer": {"iss": "https://login.example.com"},
    "no issuer": {"iss": None},
    "expired": {"exp": int(BEGIN.timestamp()) - LEEWAY_S},
    "no end": {"exp": None},
    "an end that is no time": {"exp": "tomorrow"},
    "an end beyond all time": {"exp": 10**18},
    "not yet": {"nbf": int(BEGIN.timestamp()) + LEEWAY_S + 1},
    "issued in the future": {"iat": int(BEGIN.timestamp()) + LEEWAY_S + 1},
    "no subject": {"sub": None},
    "a subject that is no text": {"sub": 7},
    "a list of subjects": {"sub": ["ana"]},
}


@pytest.mark.parametrize("wrong", CLAIMS)
async def test_claims_that_do_not_count(issuer: Issuer, clock: Watch, wrong: str) -> None:
    tokens = tokens_of(issuer, clock)
    assert await code(tokens, issuer.token(clock.s, **CLAIMS[wrong])) == "unauthenticated"


@pytest.mark.parametrize(
    ("claim", "value"), [("exp", -LEEWAY_S + 1), ("nbf", LEEWAY_S), ("iat", LEEWAY_S)]
)
async def test_clocks_may_differ_a_little(
    issuer: Issuer, clock: Watch, claim: str, value: int
) -> None:
    token = issuer.token(clock.s, **{claim: int(clock.s) + value})
    assert (await tokens_of(issuer, clock).subject(token))[0] == "ana"


def unsigned(issuer: Issuer, clock: Watch, **header: Any) -> str:
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ana", "exp": int(clock.s) + 300}
    parts = [json.dumps(each).encode() for each in (header, claims)]
    return ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts) + "."


def attacks(issuer: Issuer, clock: Watch) -> dict[str, str]:
    """Tokens that somebody made who does not have the issuer's private key."""
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ana", "exp": int(clock.s) + 300}
    shared = unsigned(issuer, clock, alg="HS256", kid="one")
    digest = hmac.digest(SIGNING.as_pem(private=False), shared[:-1].encode(), "sha256")
    good = issuer.token(clock.s)
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "root"}).encode()).decode()
    own_key = {"jwk": STRANGER.as_dict(private=False)}
    elsewhere = {"jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/cert"}
    return {
        "no algorithm": unsigned(issuer, clock, alg="none", kid="one"),
        "NONE": unsigned(issuer, clock, alg="NONE", kid="one"),
        "no alg": unsigned(issuer, clock, kid="one"),
        "the public key as a shared secret": shared
        + base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "another key under the same name": issuer.token(clock.s, STRANGER),
        "a key of its own": issuer.token(clock.s, STRANGER, own_key),
        "a key elsewhere": issuer.token(clock.s, STRANGER, elsewhere),
        "other claims": f"{head}.{other.rstrip('=')}.{signature}",
        "no signature": f"{head}.{body}.",
        "half a signature": f"{head}.{body}.{signature[:40]}",
        "four parts": f"{good}.x",
        "a critical extension": issuer.token(clock.s, header={"b64": True, "crit": ["b64"]}),
        "a logout token": issuer.token(clock.s, header={"typ": "logout+jwt"}),
        "another algorithm for its key": f"{unsigned(issuer, clock, alg='ES256', kid='one')}{signature}",
        "no JSON": f"!!!.{body}.{signature}",
        "deep JSON": base64.urlsafe_b64encode(b"[" * 5_000).decode() + f".{body}.{signature}",
        "nothing": "..",
    }


NAMES = list(attacks(Issuer("http://x"), Watch()))


@pytest.mark.parametrize("attack", NAMES)
async def test_what_the_issuer_did_not_sign_does_not_count(
    issuer: Issuer, clock: Watch, attack: str
) -> None:
    tokens = tokens_of(issuer, clock)
    assert await code(tokens, attacks(issuer, clock)[attack]) == "unauthenticated"
    assert {*issuer.asked} <= {DISCOVERY, KEYS}


async def test_a_token_may_have_so_many_characters(issuer: Issuer, clock: Watch) -> None:
    tokens = tokens_of(issuer, clock)
    assert (await tokens.subject(issuer.token(clock.s, more="x" * 5_000)))[0] == "ana"
    assert await code(tokens, issuer.token(clock.s, more="x" * MAX_CHARACTERS)) == "unauthenticated"


async def test_unknown_keys_cost_one_attempt_in_a_while(issuer: Issuer, clock: Watch) -> None:
    tokens = tokens_of(issuer, clock)
    await tokens.subject(issuer.token(clock.s))
    for second in range(round(RETRY_S) * 3):
        clock.passed_s = float(second)
        for name in ("a", "b", "c"):
            token = issuer.token(clock.s, header={"kid": f"{name}{second}"})
            assert await code(tokens, token) == "unauthenticated"
    assert issuer.asked.count(KEYS) == 3


async def test_keys_are_rotated(issuer: Issuer, clock: Watch) -> None:
    tokens = tokens_of(issuer, clock)
    old = issuer.token(clock.s, exp=int(clock.s + 2 * REFRESH_S))
    await tokens.subject(old)
    issuer.keys = [NEXT]
    clock.passed_s += RETRY_S
    assert (await tokens.subject(issuer.token(clock.s, NEXT)))[0] == "ana"
    assert await code(tokens, old) == "unauthenticated", "its key has been removed"


async def test_a_dead_issuer_keeps_its_keys_for_a_day(issuer: Issuer, clock: Watch) -> None:
    tokens = tokens_of(issuer, clock)
    await tokens.subject(issuer.token(clock.s))
    issuer.answers[KEYS] = (503, b"")
    for hours in range(1, round(KEEP_S / 3600)):
        clock.passed_s = hours * 3600.0
        assert (await tokens.subject(issuer.token(clock.s)))[0] == "ana"
    clock.passed_s = KEEP_S
    assert await code(tokens, issuer.token(clock.s)) == "issuer_unavailable"
    del issuer.answers[KEYS]
    clock.passed_s += RETRY_S
    assert (await tokens.subject(issuer.token(clock.s)))[0] == "ana"
    await tokens.close()


BAD: dict[str, tuple[str, int, bytes]] = {
    "an error": (KEYS, 500, b""),
    "a redirect": (KEYS, 302, b"http://127.0.0.1:9/keys"),
    "no JSON": (KEYS, 200, b"<html>"),
    "too much": (KEYS, 200, b'{"keys": [], "x": "' + b"x" * MAX_BYTES + b'"}'),
    "another issuer": (DISCOVERY, 200, b'{"issuer": "https://a.example", "jwks_uri": "http://b"}'),
    "no keys": (DISCOVERY, 200, b"{}"),
    "a file": (DISCOVERY, 302, b"file:///etc/passwd"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_an_issuer_that_answers_badly_has_no_keys(
    issuer: Issuer, clock: Watch, bad: str
) -> None:
    path, status, body = BAD[bad]
    issuer.answers[path] = (status, body)
    assert await code(tokens_of(issuer, clock), issuer.token(clock.s)) == "issuer_unavailable"


async def test_keys_that_cannot_verify_are_left_out(issuer: Issuer, clock: Watch) -> None:
    good = SIGNING.as_dict(private=False)
    odd = [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
           {"kty": "OKP"}, {}, {**good, "use": "enc"}, {**good, "key_ops": ["encrypt"]}]  # fmt: skip
    issuer.answers[KEYS] = (200, json.dumps({"keys": [*odd, good]}).encode())
    assert (await tokens_of(issuer, clock).subject(issuer.token(clock.s)))[0] == "ana"


def test_when_keys_are_fetched() -> None:
    times = KeyTimes()
    assert times.may_try(0) and times.are_old(0) and not times.are_usable(0)
    times = times.tried(0)
    assert times == KeyTimes(None, 0)
    assert not times.may_try(RETRY_S - 1) and times.may_try(RETRY_S)
    times = times.fetched(2)
    assert times == KeyTimes(2, 0)
    assert times.are_usable(KEEP_S + 1) and not times.are_usable(KEEP_S + 2)
    assert not times.are_old(REFRESH_S + 1) and times.are_old(REFRESH_S + 2)
