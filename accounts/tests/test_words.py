"""What accounts says itself, to French people in French."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.core import mail

from accounts import mails, services, words
from accounts.models import VerificationCode
from tests.people import make_investor

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FOLDER = Path(mails.__file__).parent / "templates/accounts/mail"
FACTS = {"secret": "402917", "token": "a-token", "hours": 24, "minutes": 60, "what": "It"}
VARIABLE = re.compile(r"{{ ([\w.]+) }}")


def test_every_mail_stands_in_every_language_and_asks_for_the_same():
    kinds = set(words.SUBJECTS["en"])
    for language in words.LANGUAGES:
        assert set(words.SUBJECTS[language]) == kinds
        assert {path.stem for path in (FOLDER / language).iterdir()} == kinds
    for kind in kinds:
        asked = [VARIABLE.findall((FOLDER / language / f"{kind}.txt").read_text()) for language in words.LANGUAGES]
        assert asked[0] == asked[1], kind


@pytest.mark.parametrize("kind", sorted(words.SUBJECTS["en"]))
def test_a_french_mail_says_it_all(kind):
    ana = make_investor("Ana", language="fr-BJ")
    mails.deliver(kind, ana, **FACTS)
    (sent,) = mail.outbox
    assert sent.subject == words.SUBJECTS["fr"][kind]
    assert sent.body.startswith("Bonjour Ana,\n")
    asked = VARIABLE.findall((FOLDER / "fr" / f"{kind}.txt").read_text())
    assert all(str(FACTS[name]) in sent.body for name in asked if name in FACTS)


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("kind", sorted(words.SUBJECTS["en"]))
def test_what_follows_the_greeting_begins_with_a_capital(kind, language):
    mails.deliver(kind, make_investor("Ana", language=language), **FACTS)
    assert mail.outbox[0].body.split("\n\n")[1][0].isupper()


@pytest.mark.parametrize(("language", "start"), [("fr", "est votre code Fiducia"), ("de", "is your Fiducia code")])
def test_so_does_a_code_by_sms(sent, language, start):
    ana = make_investor("Ana", language=language, phone="+2290197123456")
    with time_machine.travel(NOW, tick=False):
        services.ask_code(ana, VerificationCode.Channel.PHONE, now=NOW)
    assert re.fullmatch(rf"\d{{6}} {start}.*", sent()[0]["text"])


def test_every_purpose_by_sms_has_its_words_and_fits_one():
    by_sms = set(VerificationCode.Purpose.values) - {"link"}
    for language in words.LANGUAGES:
        assert set(words.CODES[language]) == by_sms
        for text in (*words.CODES[language].values(), words.DELETED[language]):
            assert len(text.format(secret="402917", minutes=10)) <= 160
