"""Every kind of message in each language, for each channel: written whole, in its language, and short enough."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as project
from django.utils.safestring import SafeString

from accounts import words
from notifications import kinds, messages, rules
from notifications.kinds import CATEGORIES, MONEY, Kind
from notifications.messages import MissingVariable, compose
from notifications.tests.conftest import COFFEE, FACTS

ZONE = ZoneInfo("Africa/Porto-Novo")
KINDS = [kind for kind in kinds.every() if not kind.code.startswith("tests_")]
EACH = pytest.mark.parametrize(("kind", "language"), [(kind, lang) for kind in KINDS for lang in messages.LANGUAGES])


def sample(kind: Kind, language: str, **seen):
    return compose(kind, facts=kind.facts, seen={**kind.seen, **seen}, language=language, zone=ZONE)


def test_the_catalogue_is_whole():
    rooms = {each.code.partition("_")[0] for each in KINDS}
    assert {"deposit", "position", "returns", "offer", "approval", "password"} <= rooms
    assert {kind.category.code for kind in KINDS} == set(CATEGORIES)


@EACH
def test_every_message_is_written(kind, language, settings):
    settings.APP_URL = settings.CONSOLE_URL = "https://fiducia.example"
    message = sample(kind, language)
    subject, text, html = message.mail("Zoé <b>")
    for said in (message.title, message.short, message.body, message.inbox, message.sms, *message.push, text):
        assert said.strip() and "{{" not in said and "None" not in said and "%}" not in said
    assert subject == message.title and "\n" not in subject
    assert message.title in text or message.body.split()[0] in text
    assert "Zoé <b>" in text and "Zoé &lt;b&gt;" in html and "Zoé <b>" not in html
    assert ("Hello" in text) == (language == "en") and ("Bonjour" in text) == (language == "fr")
    for label, value in message.rows:
        assert label and value
    if message.action:
        assert message.url.startswith("https://fiducia.example/") and message.url in html and message.url in text


@EACH
def test_every_message_fits(kind, language):
    message = sample(kind, language)
    assert len(message.title) <= messages.PUSH_TITLE_LENGTH
    assert len(message.short) <= messages.PUSH_BODY_LENGTH
    assert message.push == (message.title, message.short)
    assert len(message.sms) <= rules.SMS_LENGTH and set(message.sms) <= rules.GSM
    assert not message.sms.endswith("...")


@EACH
def test_long_names_are_cut_not_split_over_messages(kind, language):
    long = {name: "Çà & là " * 40 for name in kind.seen if name.endswith("_name") or name == "title"}
    message = sample(kind, language, **long)
    assert len(message.sms) <= rules.SMS_LENGTH
    title, text = message.push
    assert len(title) <= messages.PUSH_TITLE_LENGTH and len(text) <= messages.PUSH_BODY_LENGTH


@pytest.mark.parametrize("kind", KINDS)
def test_both_languages_say_the_same_parts(kind):
    english, french = sample(kind, "en"), sample(kind, "fr")
    assert (len(english.rows), bool(english.action), len(english.paragraphs)) == (
        len(french.rows),
        bool(french.action),
        len(french.paragraphs),
    )
    assert english.title != french.title and english.short != french.short


@pytest.mark.parametrize("kind", KINDS)
def test_facts_are_ids_amounts_and_dates(kind):
    for name, value in kind.facts.items():
        assert isinstance(value, str) and name not in {"name", "email", "phone", "ip", "address", "client"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_variable_that_nobody_gave_is_an_error(kind, language):
    for name in [*kind.facts, *kind.seen]:
        facts = {key: value for key, value in kind.facts.items() if key != name}
        seen = {key: value for key, value in kind.seen.items() if key != name}
        if not _is_printed(kind, language, name):
            continue
        with pytest.raises(MissingVariable, match=name):
            compose(kind, facts=facts, seen=seen, language=language, zone=ZONE)


def _is_printed(kind, language, name) -> bool:
    return bool(re.search(r"\{\{ " + name + r"\b(?!\|default)", _source(kind, language)))


def _source(kind, language) -> str:
    found = [
        path
        for room in project.ROOMS
        if (path := Path(room, "templates/messages", language, f"{kind.code}.txt")).exists()
    ]
    assert len(found) == 1, f"{kind.code} is written {len(found)} times"
    return found[0].read_text()


def test_no_template_is_left_over():
    written = {path.stem for path in Path().glob("*/templates/messages/*/*.txt")}
    assert written == {kind.code for kind in KINDS}


def test_amounts_and_moments_are_written_in_the_readers_way():
    kind = kinds.get("new_device")
    seen = {**kind.seen, "at": datetime(2026, 3, 2, 23, 41, tzinfo=UTC)}
    english, french = (compose(kind, facts={}, seen=seen, language=lang, zone=ZONE) for lang in ("en", "fr"))
    assert english.rows[0] == ("When", "3 March 2026, 00:41 (Africa/Porto-Novo)")
    assert french.rows[0] == ("Quand", "3 mars 2026, 00:41 (Africa/Porto-Novo)")
    english, french = (compose(COFFEE, facts=FACTS, seen={}, language=lang, zone=ZONE) for lang in ("en", "fr"))
    assert english.short == "Coffee: 1,234.50 USD".replace(" USD", "\xa0USD")
    assert french.short == "Café: 1\xa0234,50\xa0USD"
    assert french.sms == "Fiducia: Café: 1 234,50 USD"


@pytest.mark.parametrize(
    ("on", "english", "french"),
    [
        ("2026-03-01", "1 March 2026", "1er mars 2026"),
        ("2026-08-11", "11 August 2026", "11 août 2026"),
        ("2026-12-21", "21 December 2026", "21 décembre 2026"),
    ],
)
def test_the_first_of_a_month_is_the_first(on, english, french):
    kind = kinds.get("returns_paid")
    for language, said in (("en", english), ("fr", french)):
        message = compose(kind, facts=kind.facts | {"on": on}, seen=kind.seen, language=language, zone=ZONE)
        assert message.rows[1][1] == said
    seen = {**kinds.get("new_device").seen, "at": datetime.fromisoformat(f"{on}T10:00:00+00:00")}
    assert sample(kinds.get("new_device"), "fr", **seen).rows[0][1] == f"{french}, 11:00 (Africa/Porto-Novo)"


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("breaks", [*"\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\n\n", "\u202e", "\u2066", "\x00"])
def test_no_name_breaks_out_of_its_line(breaks, language):
    """Else an offer's name writes rows and paragraphs of its own, as if they were ours."""
    kind = kinds.get("offer_repaid")
    before = sample(kind, language, offer_name="Quay Pay to | FR76")
    message = sample(kind, language, offer_name=f"Quay{breaks}Pay to | FR76")
    assert (message.rows, message.paragraphs) == (before.rows, before.paragraphs)
    assert breaks not in message.short + message.title + message.inbox.replace("\n", "")


@pytest.mark.parametrize(
    ("tag", "language"),
    [("en", "en"), ("fr", "fr"), ("fr-CA", "fr"), ("FR", "fr"), ("fry", "en"), ("yo", "en"), ("", "en")],
)
def test_other_languages_fall_to_english(tag, language):
    assert words.language_of(tag) == language


def test_what_is_hostile_stays_text_in_a_mail():
    kind = kinds.get("offer_repaid")
    message = sample(kind, "en", offer_name='<script>alert(1)</script> & "x" {{ evil }}')
    _, text, html = message.mail("Ana")
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert '<script>alert(1)</script> & "x" {{ evil }}' in text
    assert not isinstance(text, SafeString) and not isinstance(html, SafeString)


def test_two_kinds_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(kinds, "_kinds", {})
    kinds.register(COFFEE)
    kinds.register(COFFEE)
    with pytest.raises(ValueError, match="tests_coffee"):
        kinds.register(Kind(code="tests_coffee", category=MONEY))


class TestSms:
    @pytest.mark.parametrize(
        ("text", "sent"),
        [
            ("Déjà vu à l'été", "Déjà vu à l'été"),
            ("reçu à l’hôtel – dû", "reçu à l'hôtel - dû".replace("ç", "c").replace("ô", "o").replace("û", "u")),
            ("cœur…", "coeur..."),
            ("a\n b\xa0c", "a b c"),
        ],
    )
    def test_it_keeps_to_the_alphabet(self, text, sent):
        assert rules.fit_sms(text) == sent

    def test_it_is_cut_at_one_message(self):
        assert rules.fit_sms("x" * 160) == "x" * 160
        assert rules.fit_sms("x" * 161) == "x" * 157 + "..."
        assert rules.fit_sms("ж" * 71) == "ж" * 67 + "..."
        assert rules.fit_sms("ж" * 70) == "ж" * 70
