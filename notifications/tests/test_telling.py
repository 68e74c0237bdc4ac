"""Telling: once, in the caller's transaction, and what goes out of it by each person's wishes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from notifications import services
from notifications.models import Delivery, Notification, Preference
from notifications.tests.conftest import FACTS, NOW, log_in, phone_of
from tests.people import make_investor

pytestmark = pytest.mark.django_db


def tell(person, kind="tests_coffee", key="cup:7", **facts):
    return services.notify(person, kind, facts=FACTS | facts, key=key, now=NOW)


def channels(person) -> list[str]:
    return sorted(Delivery.objects.filter(user=person).values_list("channel", flat=True))


def test_a_notification_is_a_row_of_the_inbox(ana):
    assert tell(ana) is True
    told = Notification.objects.get()
    assert (told.user, told.kind, told.key, told.facts) == (ana, "tests_coffee", "cup:7", FACTS)
    assert (told.created_at, told.read_at) == (NOW, None)
    row = Delivery.objects.get()
    assert (row.notification, row.user, row.channel, row.status) == (told, ana, "email", "queued")
    assert (row.attempts, row.next_try_at, row.created_at) == (0, NOW, NOW)


def test_under_one_key_a_person_is_told_once(ana, eve):
    assert [tell(ana), tell(ana, amount="2"), tell(eve), tell(ana, key="cup:8")] == [True, False, True, True]
    assert Notification.objects.filter(user=ana).count() == 2
    assert Notification.objects.get(user=ana, key="cup:7").facts == FACTS
    assert Delivery.objects.filter(user=ana).count() == 2


def test_it_stands_or_falls_with_its_transaction(ana):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell(ana)
        raise ZeroDivisionError
    assert not Notification.objects.exists() and not Delivery.objects.exists()


def test_a_kind_that_nobody_registered_is_a_fault(ana):
    with pytest.raises(KeyError):
        tell(ana, "no_such_kind")
    assert not Notification.objects.exists()


def test_many_are_told_in_one_statement(ana, eve, django_assert_num_queries):
    rows = [(person.pk, f"cup:{cup}", FACTS) for person in (ana, eve) for cup in range(50)]
    with django_assert_num_queries(1):
        assert services.notify_each("tests_coffee", rows, now=NOW) == 100
    assert services.notify_each("tests_coffee", rows, now=NOW) == 0
    assert services.notify_each("tests_coffee", [], now=NOW) == 0
    assert (Notification.objects.count(), Delivery.objects.count()) == (100, 50)


def test_an_address_that_nobody_proved_hears_nothing_of_money(ana):
    zoe = make_investor("Zoe")
    tell(zoe)
    assert Notification.objects.filter(user=zoe).exists() and channels(zoe) == []


def test_the_safety_of_an_account_is_told_all_the_same():
    zoe = make_investor("Zoe")
    tell(zoe, "pin_set")
    assert channels(zoe) == ["email"]


def test_who_has_no_address_hears_of_safety_by_sms():
    bo = make_investor("Bo", email="", phone="+2290197000009")
    tell(bo, "pin_set")
    tell(bo, "tests_coffee")
    assert channels(bo) == ["sms"]


def test_an_alarm_goes_to_a_proven_number_as_well(ana):
    """Somebody else may read the mail: a mail alone would be theirs to delete."""
    zoe = make_investor("Zoe", phone="+2290197000008")
    bo = make_investor("Bo", phone="+2290197000009", phone_verified_at=NOW)
    Preference.objects.create(user=bo, category="security", channel="sms", wanted=True)
    for person in (ana, zoe, bo):
        tell(person, "password_by_mail")
    assert [channels(person) for person in (ana, zoe, bo)] == [["email", "sms"], ["email"], ["email", "sms"]]


def test_a_safety_sms_that_is_wanted_anyway_is_one():
    bo = make_investor("Bo", email="", phone="+2290197000009")
    Preference.objects.create(user=bo, category="security", channel="sms", wanted=True)
    tell(bo, "pin_set")
    assert channels(bo) == ["sms"]


def test_a_push_goes_to_each_device_that_is_logged_in(ana, eve):
    first, second = phone_of(ana, "one"), phone_of(ana, "two")
    over, ended = phone_of(ana, "three"), phone_of(ana, "four")
    over.session.expires_at = NOW
    over.session.save(update_fields=["expires_at"])
    ended.session.revoked_at, ended.session.revoke_reason = NOW, "log_out"
    ended.session.save(update_fields=["revoked_at", "revoke_reason"])
    phone_of(eve, "five")
    tell(ana)
    pushed = Delivery.objects.filter(channel="push")
    assert set(pushed.values_list("device_id", "user_id")) == {(first.pk, ana.pk), (second.pk, ana.pk)}


def test_who_is_blocked_gets_no_push_but_mail(ana, omar):
    phone_of(ana)
    ana.blocked_at, ana.blocked_by = NOW, omar
    ana.save(update_fields=["blocked_at", "blocked_by"])
    tell(ana)
    assert channels(ana) == ["email"]


def test_who_is_gone_is_written_to_no_more(ana):
    ana.deleted_at = NOW
    ana.save(update_fields=["deleted_at"])
    tell(ana)
    assert channels(ana) == []


@pytest.mark.parametrize(
    ("kind", "wishes", "out"),
    [
        ("tests_coffee", {}, ["email", "push"]),
        ("tests_coffee", {"email": False}, ["push"]),
        ("tests_coffee", {"email": False, "push": False}, []),
        ("tests_coffee", {"sms": True}, ["email", "push", "sms"]),
        ("tests_crumb", {}, []),
        ("tests_crumb", {"email": True}, ["email"]),
        ("tests_crumb", {"push": True, "email": False}, ["push"]),
        ("pin_set", {}, ["email", "push"]),
        ("pin_set", {"push": False}, ["email"]),
        ("email_changed", {}, ["push"]),
    ],
)
def test_what_goes_out_is_what_a_person_wants(ana, kind, wishes, out):
    phone_of(ana)
    category = {"tests_coffee": "money", "tests_crumb": "returns"}.get(kind, "security")
    for channel, wanted in wishes.items():
        Preference.objects.create(user=ana, category=category, channel=channel, wanted=wanted)
    Preference.objects.create(user=ana, category="account", channel="email", wanted=False)
    tell(ana, kind)
    assert channels(ana) == out


def test_a_wish_that_was_stored_for_what_is_fixed_changes_nothing(ana):
    Preference.objects.create(user=ana, category="security", channel="email", wanted=False)
    tell(ana, "pin_set")
    assert channels(ana) == ["email"]


def test_a_query_tells_whom_it_names(ana, eve):
    select = """SELECT id AS user_id, 'all:' || %(word)s AS key, jsonb_build_object('cup', 1, 'amount', '2') AS facts
                FROM accounts_user WHERE id = ANY(%(who)s)"""
    given = {"word": "x", "who": [ana.pk, eve.pk]}
    assert services.notify_selected("tests_crumb", select, given, now=NOW) == 2
    assert services.notify_selected("tests_crumb", select, given, now=NOW + timedelta(days=1)) == 0
    assert {told.key for told in Notification.objects.all()} == {"all:x"}
    assert Notification.objects.filter(user=eve).get().facts == {"cup": 1, "amount": "2"}


def test_telling_has_the_worker_see_to_it_after_the_commit(ana, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as calls:
        tell(ana)
        tell(make_investor("Zoe"), "tests_crumb")
    assert len(calls) == 1


def test_log_in_is_no_device(ana):
    log_in(ana)
    tell(ana)
    assert channels(ana) == ["email"]
