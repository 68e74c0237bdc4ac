"""Everything held about me: all of it, of nobody else, and without a secret."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import tokens
from accounts.models import Session, TransactionPin, User
from backoffice.export import services
from backoffice.export.contents import PARTS
from backoffice.tests.export_worlds import (
    OFFICERS_WORD,
    PATH,
    PHONE,
    SECRETS,
    Handed,
    ask,
    make_full_world,
    set_pin,
    token,
    zoe,
)
from investments.models import Accrual
from notifications.tasks import send_due
from oversight.models import AuditEvent, PersonKey
from tests.endpoints import rows_of_everything

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(db, kept):
    """What a test does to it is one transaction, which isn't committed."""
    return kept.of(make_full_world)


def test_there_is_a_row_of_everything_that_can_be_told(here):
    data = Handed.of(ask(here, here.ana)).data
    assert set(data) == {"export", *(part.name for part in PARTS)}
    assert [name for name, rows in data.items() if not rows] == []
    assert data["export"]["of"] == str(here.ana.pk)


def test_it_says_what_the_rows_say(here):
    handed = Handed.of(ask(here, here.ana))
    (person,) = handed.data["person"]
    assert (person["first_name"], person["email"], person["phone"]) == ("Ana", "ana@example.com", PHONE)
    assert (person["roles"], person["password_is_set"]) == (["investor"], True)
    assert handed.data["wallets"] == [
        {"currency": "USD", "available": "10.00", "locked": "60.00", "in_payout": "0.00", "total": "70.00"}
    ]
    assert [row["amount"] for row in handed.data["deposits"]] == ["25.00"]
    assert handed.data["means"][0]["income"] == "100000000000000.00000000"
    (month,) = handed.data["returns_by_month"]
    assert (month["month"], month["days"], month["amount"]) == ("2026-06-01", 3, "0.370370367037037034")
    rows = list(csv.DictReader(io.StringIO(handed.accruals)))
    assert [(row["day"], row["amount"], row["currency"]) for row in rows] == [
        (f"2026-06-0{day}", "0.123456789012345678", "USD") for day in (2, 3, 4)
    ]
    assert handed.data["codes"][0]["address"] == "ana.new@example.com"


def test_statement_lines_end_at_the_balance(here):
    data = Handed.of(ask(here, here.ana)).data
    newest = {}
    for line in data["statement"]:
        newest.setdefault((line["account"], line["scope"], line["currency"]), line["balance"])
    (wallet,) = data["wallets"]
    assert newest["available", "", "USD"] == wallet["available"]
    assert newest["locked", "", "USD"] == wallet["locked"]
    assert len(data["transactions"]) == len({line["transaction"] for line in data["statement"]})


def test_officers_stand_as_roles_and_their_words_stay_out(here):
    handed = Handed.of(ask(here, here.ana))
    for officer in here.world.officers:
        for said in (str(officer.pk), officer.email, officer.first_name, officer.referral_code):
            assert not handed.says(said), said
    assert OFFICERS_WORD not in handed.whole
    assert handed.data["corrections"][0]["reason"] == handed.data["adjustments"][0]["reason"] == "late money"
    assert handed.data["approvals"][0]["asked_by"] == "an officer (compliance, finance)"
    event = next(each for each in handed.data["events"] if each["action"] == "accounts.kyc_level_set")
    assert event["by"] == "an officer (compliance, finance)"
    assert event["after"] == {"level": 1, "by": "an officer (compliance, finance)", "with": "somebody else"}
    assert (event["personal"], event["reason"], event["ip"]) == ({"before": "ana.old@x.org"}, "", None)


def test_what_is_only_asked_for_isnt_told(here):
    """Whoever hears that a block was asked for takes the money away before it comes."""
    handed = Handed.of(ask(here, here.ana))
    assert [row["verb"] for row in handed.data["approvals"]] == ["accounts.kyc_level"]
    assert "accounts.block" not in handed.whole


def test_no_secret_is_in_it(here):
    pin = TransactionPin.objects.get(user=here.ana)
    wrapped = PersonKey.objects.get(pk=here.ana.pk).wrapped
    session = Session.objects.filter(user=here.ana).latest("pk")
    used = token(here, here.ana)
    whole = Handed.of(ask(here, here.ana, pin_token=used)).whole
    hidden = [*SECRETS, pin.encoded, here.ana.password, used, here.tokens[here.ana.pk], "402917"]
    hidden += [bytes(value).hex() for value in (wrapped, session.token_hash, here.ana.email_index)]
    assert [each for each in hidden if each in whole] == []


def everything_of(person: User, world: dict[str, str]) -> list[str]:
    """What would show that it is this person's: names, addresses, and the ids of her rows."""
    ids = [text for name, text in world.items() if name.endswith("_id") and name not in SHARED]
    return [str(person.pk), person.first_name, person.email, person.phone, person.referral_code, *ids]


SHARED = {"disclosure_id", "offer_id", "product_id", "request_id"}


def test_nothing_of_anas_and_of_officers_is_in_eves(here):
    """The control is that Ana's own holds all of it."""
    eves, anas = Handed.of(ask(here, here.eve)), Handed.of(ask(here, here.ana))
    of_ana = everything_of(User.objects.get(pk=here.ana.pk), here.ids)
    assert [said for said in of_ana if eves.says(said)] == []
    assert [said for said in of_ana if not anas.says(said)] == []
    for officer in here.world.officers:
        assert str(officer.pk) not in eves.whole and officer.email not in eves.whole
    assert here.eve.email in eves.whole


def test_an_officers_own_names_nobody_that_they_worked_on(here):
    """What they did is told; to whom isn't, and neither is the wording of it."""
    lin = here.officer
    set_pin(lin)
    AuditEvent.objects.create(
        action="accounts.blocked", actor=lin, at=timezone.now(), target_type="accounts.user",
        target_id=str(here.ana.pk), after={"whom": str(here.ana.pk)}, reason=OFFICERS_WORD, person=here.ana,
    )  # fmt: skip
    handed = Handed.of(ask(here, lin))
    event = next(each for each in handed.data["events"] if each["action"] == "accounts.blocked")
    assert (event["by"], event["about"], event["after"], event["reason"]) == (
        "you",
        "something that isn't yours",
        None,
        "",
    )
    assert not handed.says(str(here.ana.pk)) and not handed.says("Ana")


def test_the_page_runs_nothing_and_escapes_what_was_typed(here):
    here.ana.first_name = "<script>alert(1)</script>"
    here.ana.save(update_fields=["first_name"])
    moments = dict.fromkeys(("created_at", "last_used_at", "expires_at"), timezone.now())
    Session.objects.create(user=here.ana, token_hash=b"t", user_agent='"><img src=x onerror=alert(2)>', **moments)
    page = Handed.of(ask(here, here.ana)).page
    assert re.search(r"<\s*(script|img|iframe|object|link|form)", page, re.IGNORECASE) is None
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "onerror=alert(2)&gt;" in page
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page


def test_somebody_of_whom_nothing_is_held_gets_a_page_all_the_same(here):
    handed = Handed.of(ask(here, zoe(here)))
    assert "Nothing is held here" in handed.page
    assert handed.data["positions"] == handed.data["wallets"] == []
    assert handed.accruals.splitlines() == ["day,position,principal,rate,numerator,denominator,amount,currency"]


def test_a_destroyed_key_leaves_the_rest(here):
    PersonKey.objects.filter(pk=here.ana.pk).update(wrapped=None, destroyed_at=timezone.now())
    data = Handed.of(ask(here, here.ana)).data
    assert data["means"][0]["income"] is None
    assert {event["personal"] for event in data["events"]} == {None}


def test_it_takes_a_pin_for_this_very_request_once(here):
    before = AuditEvent.objects.filter(action=services.EXPORTED).count()
    assert here.client(here.ana).get(PATH).json()["code"] == "pin-token-refused"
    used = token(here, here.ana)
    assert ask(here, here.ana, pin_token=used).status_code == 200
    again = ask(here, here.ana, pin_token=used)
    assert (again.status_code, again.json()["code"]) == (403, "pin-token-refused")
    assert here.client(here.eve).get(PATH, headers={"X-Pin-Token": token(here, here.ana)}).status_code == 403
    assert AuditEvent.objects.filter(action=services.EXPORTED).count() == before + 1


def test_it_is_written_down_and_told(here):
    answer = ask(here, here.ana, pin_token=token(here, here.ana))
    send_due()
    assert answer["Content-Type"] == "application/zip"
    assert answer["Cache-Control"] == "private, no-store"
    assert re.fullmatch(r'attachment; filename="fiducia-\d{4}-\d\d-\d\d.zip"', answer["Content-Disposition"])
    event = AuditEvent.objects.get(action=services.EXPORTED)
    assert (event.actor_id, event.target_id) == (here.ana.pk, str(here.ana.pk))
    told = [sent.to for sent in mail.outbox if sent.subject == "Everything we hold about you was handed out"]
    assert told == [["ana@example.com"]]


def test_a_day_has_three(here):
    for _ in range(services.A_DAY):
        assert ask(here, here.ana).status_code == 200
    kept = token(here, here.ana)
    before = rows_of_everything()
    refused = ask(here, here.ana, pin_token=kept)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-exports")
    assert 86000 < int(refused["Retry-After"]) <= 86401
    assert rows_of_everything() == before
    assert ask(here, here.eve).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
        session = Session.objects.filter(user=here.ana).latest("pk")
        here.tokens[here.ana.pk] = tokens.issue(session.pk, here.ana.pk, now=timezone.now()).access
        assert ask(here, here.ana).status_code == 200


def test_what_breaks_half_way_hands_out_nothing_and_leaves_the_pin_good(here, monkeypatch):
    def breaks(*_: object, **__: object) -> str:
        raise RuntimeError("half-way")

    used = token(here, here.ana)
    before = rows_of_everything()
    with monkeypatch.context() as patch:
        patch.setattr("backoffice.export.page.render", breaks)
        assert ask(here, here.ana, pin_token=used).status_code == 500
    assert rows_of_everything() == before
    assert ask(here, here.ana, pin_token=used).status_code == 200


def test_a_client_may_ask_for_an_archive(here):
    answer = here.client(here.ana).get(
        PATH, headers={"Accept": "application/zip", "X-Pin-Token": token(here, here.ana)}
    )
    assert answer.status_code == 200
    refused = here.client(here.ana).get(PATH, headers={"Accept": "application/zip"})
    assert (refused.status_code, refused.json()["code"]) == (403, "pin-token-refused")


def test_years_of_days_take_no_more_questions(here, monkeypatch):
    """Rows are read through one cursor a table, whatever there is of them: page by page each begins anew."""
    for place in ("backoffice.export.tables", "backoffice.export.money", "ledger.history"):
        monkeypatch.setattr(f"{place}.CHUNK", 1)
    position = here.ana.positions.get()

    def questions() -> int:
        spent = token(here, here.ana)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert ask(here, here.ana, pin_token=spent).status_code == 200
        return len(asked)

    few = questions()
    some = Accrual.objects.filter(position=position).earliest("day")
    day = some.day + timedelta(days=10)
    Accrual.objects.bulk_create(
        Accrual(day=day + timedelta(days=each), position=position, principal=some.principal, rate=some.rate,
                numerator=1, denominator=30, amount=some.amount)
        for each in range(15)
    )  # fmt: skip
    here.world.pay_in(here.ana, "1.00")
    assert questions() == few
    assert few < 100


def test_a_time_zone_that_is_no_more_is_utc(here):
    User.objects.filter(pk=here.ana.pk).update(time_zone="Mars/Olympus")
    page = Handed.of(ask(here, here.ana)).page
    assert "Times are those of UTC;" in page
