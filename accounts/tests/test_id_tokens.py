"""Identity tokens: what is taken, and every forgery that is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from accounts import id_tokens
from accounts.errors import IdTokenRefused, KeysUnavailable, UnknownSocialProvider
from accounts.models import Provider
from accounts.tests.issuers import CLIENT, EC_KEY, RSA_KEYS, claims, jwk, raw_token, signed

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SECOND = int(NOW.timestamp())
GOOGLE, APPLE = Provider.GOOGLE, Provider.APPLE
OTHER_CLIENT = "somebody-elses.apps.example"
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)

pytestmark = pytest.mark.usefixtures("issuer")


def said(provider=GOOGLE, nonce="a nonce", **others):
    return claims(provider, nonce, now=NOW, **others)


def verify(token, provider=GOOGLE):
    return id_tokens.verify(provider, token, now=NOW)


def refused(token, provider=GOOGLE) -> None:
    with pytest.raises(IdTokenRefused):
        verify(token, provider)


class TestTaken:
    def test_googles(self):
        found = verify(signed(said()))
        assert (found.provider, found.email, found.is_authoritative) == ("google", "ana@gmail.com", True)
        assert (found.first_name, found.last_name) == ("Ana", "Houngbo")
        assert found.nonce_hashes == (hashlib.sha256(b"a nonce").digest(),)

    def test_apples_by_either_algorithm(self, issuer):
        issuer.keys.append(jwk(EC_KEY, "two"))
        for token in (signed(said(APPLE)), signed(said(APPLE), key=EC_KEY, kid="two")):
            found = verify(token, APPLE)
            assert (found.provider, found.email, found.is_authoritative) == ("apple", "ana@gmail.com", True)
            assert (found.first_name, found.last_name) == ("", "")

    @pytest.mark.parametrize(
        "others",
        [
            {"iss": "accounts.google.com"},
            {"aud": [CLIENT]},
            {"aud": [CLIENT, "1234-android.apps.example"]},
            {"azp": "1234-android.apps.example"},
            {"azp": None},
            {"exp": SECOND - 59},
            {"iat": SECOND + 60},
            {"nbf": SECOND + 60},
            {"exp": SECOND + 60.5},
        ],
    )
    def test_other_writings(self, others):
        assert verify(signed(said(**others))).email == "ana@gmail.com"

    def test_one_subject_at_two_providers_is_two(self):
        assert verify(signed(said())).subject_index != verify(signed(said(APPLE)), APPLE).subject_index

    @pytest.mark.parametrize(
        ("others", "email", "is_authoritative"),
        [
            ({"email": "ANA@Gmail.com"}, "ana@gmail.com", True),
            ({"email": " Straße@example.com"}, "strasse@example.com", False),
            ({"email": "ana@example.com"}, "ana@example.com", False),
            ({"email": "ana@example.com", "hd": "example.com"}, "ana@example.com", True),
            ({"email": "ana@example.com", "hd": ""}, "ana@example.com", False),
            ({"email": "ana@example.com", "hd": True}, "ana@example.com", False),
            ({"email": "ana@notgmail.com"}, "ana@notgmail.com", False),
            ({"email": "ana@gmail.com.example.com"}, "ana@gmail.com.example.com", False),
            ({"email_verified": "true"}, "ana@gmail.com", True),
            ({"email_verified": False}, "", False),
            ({"email_verified": "false"}, "", False),
            ({"email_verified": "True"}, "", False),
            ({"email_verified": 1}, "", False),
            ({"email_verified": ["true"]}, "", False),
            ({"email_verified": None}, "", False),
            ({"email": None}, "", False),
            ({"email": 7}, "", False),
            ({"email": "ana"}, "", False),
            ({"email": "ana@gmail.com\x00"}, "", False),
            ({"email": "ana\u202e@gmail.com"}, "", False),
            ({"email": "\ud800@gmail.com"}, "", False),
            ({"email": "x" * 300 + "@gmail.com"}, "", False),
        ],
    )
    def test_only_an_address_that_was_verified_is_one(self, others, email, is_authoritative):
        found = verify(signed(said(**others)))
        assert (found.email, found.is_authoritative) == (email, is_authoritative)

    def test_a_letter_that_looks_like_another_is_another_address(self):
        """Cyrillic а: no folding makes it Ana's; beyond ASCII it is none that we take."""
        assert verify(signed(said(email="аna@gmail.com"))).email == ""
        assert verify(signed(said(email="ana@ɡmail.com"))).email != "ana@gmail.com"

    @pytest.mark.parametrize("name", [7, "", "12", "\u202eanA", "x" * 101, "a\x00b", "\ud800", ["Ana"]])
    def test_what_is_no_name_is_none(self, name):
        assert verify(signed(said(given_name=name))).first_name == ""

    def test_a_relay_of_apples_is_an_address(self):
        relay = "dpdcnf87nu@privaterelay.appleid.com"
        found = verify(signed(said(APPLE, email=relay, is_private_email="true")), APPLE)
        assert (found.email, found.is_authoritative) == (relay, True)

    def test_a_nonce_may_be_written_as_its_hash(self):
        digest = hashlib.sha256(b"a nonce")
        for written in (digest.hexdigest(), digest.hexdigest().upper()):
            assert digest.digest() in verify(signed(said(APPLE, nonce=written)), APPLE).nonce_hashes


class TestForged:
    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
    def test_unsigned(self, algorithm):
        refused(raw_token({"alg": algorithm, "kid": "one", "typ": "JWT"}, said()))

    def test_signed_with_the_public_key_as_a_secret(self):
        """Key confusion: whoever believes the header would compare an HMAC by the key that everybody has."""
        public = RSA_KEYS[0].public_key()
        for form in (
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
            json.dumps(jwk(RSA_KEYS[0], "one")).encode(),
        ):
            body = raw_token({"alg": "HS256", "kid": "one"}, said()).rpartition(".")[0]
            mac = hmac.new(form, body.encode(), hashlib.sha256).digest()
            refused(f"{body}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}")

    def test_signed_by_a_stranger(self):
        refused(signed(said(), key=STRANGER))

    @pytest.mark.parametrize("provider", [GOOGLE, APPLE])
    def test_a_key_of_the_other_kind(self, issuer, provider):
        """The header names an RSA key and ES256, or the other way: the key's kind is what counts."""
        issuer.keys.append(jwk(EC_KEY, "two"))
        refused(signed(said(provider), key=EC_KEY, kid="one"), provider)
        refused(signed(said(provider), kid="two"), provider)

    def test_an_algorithm_that_this_provider_doesnt_use(self, issuer):
        issuer.keys.append(jwk(EC_KEY, "two"))
        refused(signed(said(), key=EC_KEY, kid="two"))
        for algorithm in ("RS384", "RS512", "PS256"):
            refused(signed(said(), alg=algorithm))

    @pytest.mark.parametrize("name", ["jku", "x5u"])
    def test_an_address_of_keys_in_the_header_is_not_asked(self, issuer, name):
        from accounts.tests.issuers import Issuer, serving

        with serving(Issuer([jwk(STRANGER, "mine")])) as mine:
            refused(signed(said(), key=STRANGER, kid="mine", **{name: mine.address}))
            assert mine.asked == 0

    def test_a_key_in_the_header_is_not_believed(self):
        refused(signed(said(), key=STRANGER, jwk=jwk(STRANGER, "one")))

    @pytest.mark.parametrize("kid", ["", "two", "../../etc/passwd", "' OR 1=1 --", "x" * 4000, "\ud800"])
    def test_an_unknown_key(self, kid):
        refused(signed(said(), kid=kid))

    def test_no_key_or_an_odd_one(self):
        for kid in (None, 1, ["one"], {"one": 1}, True):
            refused(raw_token({"alg": "RS256", "kid": kid}, said(), b"x"))
        refused(raw_token({"alg": ["RS256"], "kid": "one"}, said(), b"x"))
        refused(raw_token({"alg": "RS256"}, said(), b"x"))

    def test_what_must_be_understood_and_isnt(self):
        refused(signed(said(), crit=["exp"], exp=1))
        refused(signed(said(), b64=False, crit=["b64"]))

    def test_tampered(self):
        head, body, signature = signed(said()).split(".")
        other = raw_token({}, said(sub="1")).split(".")[1]
        for token in (f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA"):
            refused(token)

    @pytest.mark.parametrize(
        "token", ["", ".", "..", "...", "x", "a.b.c", "é.é.é", "{}", "eyJ" * 100, "." * 8000, "W" * 9000 + ".e30.x"]
    )
    def test_nonsense(self, token):
        refused(token)

    def test_nested_out_of_measure(self):
        for opening in (b"[", b'{"a":'):
            deep = urlsafe_b64encode(opening * (6000 // len(opening))).decode()
            refused(f"{deep}.e30.x")
            refused(f"{signed(said()).split('.')[0]}.{deep[:7000]}.x")

    def test_longer_than_any(self):
        refused(signed(said(padding="x" * 8000)))


class TestWrongClaims:
    @pytest.mark.parametrize(
        "others",
        [
            {"iss": "https://accounts.google.com/"},
            {"iss": "http://accounts.google.com"},
            {"iss": "https://appleid.apple.com"},
            {"iss": "https://accounts.google.com.example.com"},
            {"iss": ["https://accounts.google.com"]},
            {"iss": None},
            {"aud": OTHER_CLIENT},
            {"aud": [CLIENT, OTHER_CLIENT]},
            {"aud": []},
            {"aud": {CLIENT: 1}},
            {"aud": [CLIENT, 7]},
            {"aud": ""},
            {"aud": None},
            {"azp": OTHER_CLIENT},
            {"azp": [CLIENT]},
            {"exp": SECOND - 60},
            {"exp": None},
            {"exp": "2026"},
            {"exp": True},
            {"exp": 10**400},
            {"exp": float("inf")},
            {"exp": float("nan")},
            {"exp": -1},
            {"iat": SECOND + 61},
            {"iat": None},
            {"iat": "now"},
            {"nbf": SECOND + 61},
            {"nbf": "later"},
            {"sub": None},
            {"sub": ""},
            {"sub": 110169484474386276334},
            {"sub": "x" * 256},
            {"sub": "\ud800"},
            {"nonce": None},
            {"nonce": 7},
            {"nonce": "\ud800"},
        ],
        ids=repr,
    )
    def test_are_refused(self, others):
        refused(signed(said(**others)))

    def test_another_providers_token_is_none_of_this_ones(self):
        refused(signed(said(APPLE)), GOOGLE)
        refused(signed(said(GOOGLE)), APPLE)

    @pytest.mark.parametrize("body", [[], "x", 7, None])
    def test_a_body_that_is_no_object(self, body):
        refused(raw_token({"alg": "RS256", "kid": "one"}, body, b"x"))


def test_a_provider_that_nobody_set_up_is_unknown(settings, issuer):
    settings.SOCIAL_CLIENT_IDS = {"google": [], "apple": [CLIENT]}
    with pytest.raises(UnknownSocialProvider):
        verify(signed(said()))
    assert issuer.asked == 0


def test_without_keys_nothing_is_believed(issuer):
    issuer.status = 500
    with pytest.raises(KeysUnavailable):
        verify(signed(said()))


def test_the_same_claims_later_are_too_late():
    token = signed(said())
    id_tokens.verify(GOOGLE, token, now=NOW + timedelta(minutes=60))
    with pytest.raises(IdTokenRefused):
        id_tokens.verify(GOOGLE, token, now=NOW + timedelta(minutes=61))
