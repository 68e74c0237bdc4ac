"""Keys of providers: fetched seldom, believed within bounds, whatever the provider or a token does."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from accounts import jwks
from accounts.errors import KeysUnavailable
from accounts.tests.issuers import EC_KEY, RSA_KEYS, Issuer, jwk, serving

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def issuer():
    with serving(Issuer([jwk(RSA_KEYS[0], "one"), jwk(EC_KEY, "two")])) as playing:
        yield playing


@pytest.fixture
def keys(issuer) -> jwks.KeySet:
    return jwks.KeySet(issuer.address)


class TestKinds:
    def test_a_keys_kind_says_what_it_is_for(self, keys):
        assert keys.find("one", now=NOW).algorithm == "RS256"
        assert keys.find("two", now=NOW).algorithm == "ES256"

    @pytest.mark.parametrize(
        "entry",
        [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
            jwk(RSA_KEYS[0], "x", use="enc"),
            jwk(RSA_KEYS[0], "x", alg="HS256"),
            jwk(RSA_KEYS[0], "x", alg="RS512"),
            jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024), "x"),  # noqa: S505
            jwk(EC_KEY, "x", crv="P-384"),
            jwk(EC_KEY, "x", y="AAAA"),
            jwk(EC_KEY, "x", alg="RS256"),
            {**jwk(RSA_KEYS[0], "x"), "kid": 7},
            {**jwk(RSA_KEYS[0], "x"), "kid": None},
            {**jwk(RSA_KEYS[0], "x"), "n": 5},
            {**jwk(RSA_KEYS[0], "x"), "kty": ["RSA"]},
            {"kty": "EC", "crv": "secp256k1", "kid": "x", "x": "AA", "y": "AA"},
            {},
            "x",
            None,
        ],
    )
    def test_what_is_no_key_for_us_is_left_out(self, entry):
        assert set(jwks.usable({"keys": [entry, jwk(RSA_KEYS[1], "good")]})) == {"good"}

    def test_another_curve_is_left_out(self):
        other = ec.generate_private_key(ec.SECP384R1())
        entry = jwk(EC_KEY, "x", x=jwks_number(other.public_key().public_numbers().x))
        assert jwks.usable({"keys": [entry]}) == {}

    def test_a_private_part_is_not_taken_up(self):
        found = jwks.usable({"keys": [jwk(RSA_KEYS[0], "x", d="AAAA", p="AAAA")]})
        assert isinstance(found["x"].public, rsa.RSAPublicKey)

    @pytest.mark.parametrize("document", [None, [], "x", {}, {"keys": {}}, {"keys": [{}] * 33}])
    def test_what_is_no_set_is_refused(self, document):
        with pytest.raises(ValueError, match="not a set of keys"):
            jwks.usable(document)


def jwks_number(value: int) -> str:
    from accounts.tests.issuers import number

    return number(value)


@pytest.mark.parametrize(
    ("header", "lifetime"),
    [
        ("", HOUR),
        ("no-store", HOUR),
        ("public, max-age=19845, must-revalidate, no-transform", timedelta(seconds=19845)),
        ("max-age=0", timedelta(minutes=5)),
        ("max-age=999999999", timedelta(days=1)),
        ("max-age=99999999999999999999", HOUR),
        ("s-maxage=7200", HOUR),
        ("MAX-AGE=7200", 2 * HOUR),
        ("max-age=-1", HOUR),
    ],
)
def test_cache_control_counts_within_bounds(header, lifetime):
    assert jwks.lifetime_of(header) == lifetime


class TestFetching:
    def test_keys_are_asked_for_once_while_they_are_fresh(self, issuer, keys):
        for minutes in (0, 1, 59):
            assert keys.find("one", now=NOW + timedelta(minutes=minutes))
        assert issuer.asked == 1
        assert keys.find("one", now=NOW + HOUR)
        assert issuer.asked == 2

    def test_a_rotated_key_is_found_and_the_old_one_gone(self, issuer, keys):
        keys.find("one", now=NOW)
        issuer.keys = [jwk(RSA_KEYS[1], "three")]
        later = NOW + timedelta(minutes=2)
        assert keys.find("three", now=later).public == RSA_KEYS[1].public_key()
        assert keys.find("one", now=later) is None

    def test_a_flood_of_unknown_keys_asks_once_a_minute(self, issuer, keys):
        for number in range(100):
            assert keys.find(f"unknown {number}", now=NOW + timedelta(seconds=number)) is None
        assert issuer.asked == 2

    def test_a_provider_that_is_down_is_believed_for_a_day(self, issuer, keys):
        keys.find("one", now=NOW)
        issuer.status = 500
        assert keys.find("one", now=NOW + HOUR + timedelta(hours=23, minutes=59))
        with pytest.raises(KeysUnavailable):
            keys.find("one", now=NOW + timedelta(hours=25))
        issuer.status = 200
        with pytest.raises(KeysUnavailable):
            keys.find("one", now=NOW + timedelta(hours=25, seconds=59))
        assert keys.find("one", now=NOW + timedelta(hours=25, minutes=1))

    def test_a_provider_that_is_down_from_the_start_is_asked_once_a_minute(self, issuer, keys):
        issuer.status = 503
        for second in range(0, 120, 10):
            with pytest.raises(KeysUnavailable):
                keys.find("one", now=NOW + timedelta(seconds=second))
        assert issuer.asked == 2

    @pytest.mark.parametrize(
        "body",
        [b"", b"<html>", b"[" * 60000, b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}', b"\xff\xfe", b" " * 70000],
    )
    def test_nonsense_changes_nothing(self, issuer, keys, body):
        keys.find("one", now=NOW)
        issuer.body = body
        assert keys.find("one", now=NOW + 2 * HOUR)
        assert issuer.asked == 2

    def test_a_redirect_is_not_followed(self, issuer, keys):
        with serving(Issuer([jwk(RSA_KEYS[1], "one")])) as elsewhere:
            issuer.status, issuer.headers = 302, {"Location": elsewhere.address}
            with pytest.raises(KeysUnavailable):
                keys.find("one", now=NOW)
            assert elsewhere.asked == 0

    def test_a_server_that_drips_or_is_silent_is_given_up(self, issuer, keys, monkeypatch):
        monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.3)
        issuer.drip = 0.1
        with pytest.raises(jwks.FetchFailed):
            jwks.fetch(issuer.address)
        issuer.drip, issuer.pause = 0, 1
        with pytest.raises(jwks.FetchFailed):
            jwks.fetch(issuer.address)

    def test_a_server_that_drips_headers_is_given_up_as_soon(self, issuer, keys, monkeypatch):
        monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.3)
        issuer.drip, issuer.drips_head, begun = 0.1, True, time.monotonic()
        with pytest.raises(jwks.FetchFailed, match="TimeoutError"):
            jwks.fetch(issuer.address)
        assert time.monotonic() - begun < 2

    def test_nobody_there_is_a_failure(self):
        with pytest.raises(jwks.FetchFailed):
            jwks.fetch("http://127.0.0.1:9/certs")

    def test_many_threads_ask_once(self, issuer, keys):
        from tests.races.threads import at_once

        issuer.pause = 0.2
        found = at_once([lambda: keys.find("one", now=NOW)] * 12)
        assert [key.algorithm for key in found] == ["RS256"] * 12
        assert issuer.asked == 1
