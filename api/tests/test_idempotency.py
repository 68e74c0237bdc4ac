"""A keyed request does its work once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from api import idempotency
from api.models import KeptAnswer
from api.tests.conftest import caller
from api.tests.endpoints import Works
from oversight.encryption import DecryptionFailed, open_for
from oversight.models import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("endpoints")]

KEY = "a5d1c1f6"


def send(client, amount="10.00", key=KEY, path="/works", **body):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, {"amount": amount, **body}, headers=headers)


def works() -> int:
    return AuditEvent.objects.filter(action="tests.worked").count()


def test_the_first_answer_comes_again(ana_calls):
    first = send(ana_calls)
    again = send(ana_calls)
    assert (first.status_code, again.status_code, works()) == (201, 201, 1)
    assert (
        first.json()
        == again.json()
        == {
            "id": str(AuditEvent.objects.get(action="tests.worked").pk),
            "action": "tests.worked",
            "amount": "10.00",
        }
    )
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"


def test_another_content_is_refused(ana_calls):
    send(ana_calls)
    for answer in (send(ana_calls, "10.01"), send(ana_calls, note="x"), send(ana_calls, path="/works?action=x")):
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency-key-reused"
    assert works() == 1


def test_the_same_content_in_another_order_is_the_same(ana_calls):
    for body in ('{"amount": "5.00", "note": "x"}', '{ "note":"x","amount":"5.00" }'):
        answer = ana_calls.post("/works", body, content_type="application/json", headers={"Idempotency-Key": KEY})
        assert answer.status_code == 201
    assert works() == 1


def test_another_key_works_again(ana_calls):
    send(ana_calls)
    assert send(ana_calls, key="another").status_code == 201
    assert works() == 2


def test_another_person_is_another_key(ana_calls, eve):
    mine, hers = send(ana_calls), send(caller(eve))
    assert (mine.status_code, hers.status_code, works()) == (201, 201, 2)
    assert mine.json()["id"] != hers.json()["id"]


@pytest.mark.parametrize(
    ("key", "code"), [(None, "missing"), ("", "missing"), ("  ", "missing"), ("k" * 256, "too-long")]
)
def test_a_key_is_needed_and_of_255_characters_at_most(ana_calls, key, code):
    answer = send(ana_calls, key=key)
    assert answer.status_code == 400
    assert answer.json()["code"] == f"idempotency-key-{code}"
    assert works() == 0


@pytest.mark.parametrize("key", ["k" * 255, "é", "a b", "'; DROP TABLE x", "😀".encode().decode("latin-1")])
def test_any_value_of_a_header_is_a_key(ana_calls, key):
    assert send(ana_calls, key=key).status_code == 201
    assert send(ana_calls, key=key)["Idempotent-Replayed"] == "true"
    assert works() == 1


def test_a_refusal_isnt_kept_and_frees_the_key(ana_calls):
    assert send(ana_calls, "100.01").status_code == 422
    assert (works(), KeptAnswer.objects.count()) == (0, 0)
    again = send(ana_calls, "99.00")
    assert (again.status_code, "Idempotent-Replayed" in again, works()) == (201, False, 1)


def test_an_invalid_request_isnt_kept(ana_calls):
    assert send(ana_calls, "x").status_code == 400
    assert send(ana_calls, "1.00").status_code == 201


def test_a_kept_answer_is_encrypted_with_the_callers_key(ana_calls, ana, eve):
    send(ana_calls)
    kept = KeptAnswer.objects.get()
    assert b"10.00" not in bytes(kept.body)
    context = f"api.keptanswer:POST /works {KEY}"
    assert b'"amount":"10.00"' in open_for(ana.pk, kept.body, context=context)
    for person, where in ((eve, context), (ana, context + "x")):
        with pytest.raises(DecryptionFailed):
            open_for(person.pk, kept.body, context=where)


def test_the_fingerprint_says_nothing_of_the_content(ana_calls):
    import hashlib
    import json

    send(ana_calls)
    content = json.dumps({"query": [], "body": {"amount": "10.00"}}, sort_keys=True)
    assert bytes(KeptAnswer.objects.get().fingerprint) != hashlib.sha256(content.encode()).digest()


class TestAfterTheDay:
    @pytest.fixture
    def rows(self, monkeypatch):
        """Events stand for rows that keep their key."""
        fingerprints = {}
        kept = idempotency._keep

        def remember(key, *args):
            fingerprints[key.lock_number()] = key.fingerprint
            kept(key, *args)

        class KeptBy:
            @staticmethod
            def made_by(key):
                event = AuditEvent.objects.filter(action="tests.worked").first()
                if event is None or key.lock_number() not in fingerprints:
                    return None
                event.request_fingerprint = fingerprints[key.lock_number()]
                event.after["amount"] = "as it now stands"
                return event

        monkeypatch.setattr(idempotency, "_keep", remember)
        monkeypatch.setattr(Works, "kept_by", KeptBy)

    def test_for_a_day_the_answer_is_the_first_one(self, ana_calls, rows):
        with time_machine.travel("2026-03-01T10:00:00Z", tick=False) as clock:
            send(ana_calls)
            clock.shift(timedelta(hours=24, seconds=-1))
            again = send(ana_calls)
        assert (again.json()["amount"], again["Idempotent-Replayed"]) == ("10.00", "true")

    def test_then_it_is_the_row_as_it_now_stands(self, ana_calls, rows):
        with time_machine.travel("2026-03-01T10:00:00Z", tick=False) as clock:
            send(ana_calls)
            clock.shift(timedelta(hours=24))
            again = send(ana_calls)
            other = send(ana_calls, "11.00")
        assert (again.status_code, again.json()["amount"]) == (201, "as it now stands")
        assert again["Idempotent-Replayed"] == "true"
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
        assert works() == 1

    def test_without_a_row_the_key_is_free_again(self, ana_calls):
        with time_machine.travel("2026-03-01T10:00:00Z", tick=False) as clock:
            send(ana_calls)
            clock.shift(timedelta(hours=24))
            assert "Idempotent-Replayed" not in send(ana_calls)
        assert (works(), KeptAnswer.objects.count()) == (2, 1)

    def test_answers_are_forgotten_after_the_day(self, ana_calls, capsys):
        with time_machine.travel("2026-03-01T10:00:00Z", tick=False) as clock:
            send(ana_calls)
            clock.shift(timedelta(hours=23))
            send(ana_calls, key="young")
            clock.shift(timedelta(hours=1))
            assert idempotency.forget_answers(now=timezone.now()) == 1
            assert KeptAnswer.objects.get().key == "young"
        call_command("forget_answers")
        assert capsys.readouterr().out == "1 kept answer forgotten\n"


def test_a_guest_is_refused_before_the_key_is_looked_at(endpoints):
    from rest_framework.test import APIClient

    assert APIClient().post("/works", {"amount": "1.00"}).status_code == 401
