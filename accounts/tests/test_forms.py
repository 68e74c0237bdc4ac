from datetime import UTC, datetime

import pytest
import time_machine
from django.core.cache import cache
from django.test import RequestFactory
from rest_framework.settings import api_settings

from accounts import services
from accounts.forms import OfficerLogInForm, OfficerPasswordForm
from accounts.models import LoginFailure, Session, User
from oversight import trace
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor, make_officer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
REFUSED = ["This address or number and this password are no officer's."]


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def enter(identifier: str, password: str = PASSWORD) -> OfficerLogInForm:
    form = OfficerLogInForm(RequestFactory().post("/"), {"username": identifier, "password": password})
    form.is_valid()
    return form


def test_an_officer_enters_by_address_or_number():
    lin = make_officer("Lin", "finance", phone="+2290197123456")
    for identifier in ("LIN@example.com", "97123456"):
        form = enter(identifier)
        assert (form.errors, form.get_user()) == ({}, lin)
    assert AuditEvent.objects.filter(action="accounts.knocked_at_console", actor=lin).count() == 2


@pytest.mark.parametrize("identifier", ["ana@example.com", "nobody@example.com", "x" * 254])
def test_an_investor_and_nobody_hear_the_same(identifier, ana):
    assert enter(identifier).non_field_errors() == REFUSED
    assert not AuditEvent.objects.exists()


def test_a_superuser_without_a_role_stays_outside():
    make_investor("Ana", is_superuser=True)
    assert enter("ana@example.com").non_field_errors() == REFUSED


def test_a_blocked_officer_stays_outside(lin):
    User.objects.filter(pk=lin.pk).update(blocked_at=NOW)
    assert enter("lin@example.com").non_field_errors() == REFUSED


def test_one_address_asks_no_oftener_than_over_the_api(lin, monkeypatch):
    """Every password costs a hash, and whom it is of is told by nothing but the form."""
    rates = {**api_settings.DEFAULT_THROTTLE_RATES, "login": "3/minute"}
    monkeypatch.setattr(api_settings, "DEFAULT_THROTTLE_RATES", rates)
    cache.clear()
    with trace.following(trace.Trace(ip="41.85.160.7")):
        for number in range(3):
            assert enter(f"nobody{number}@example.com").non_field_errors() == REFUSED
        assert enter("lin@example.com").non_field_errors() == ["Too many log-ins from here. Try again in a minute."]
    with trace.following(trace.Trace(ip="41.85.160.8")):
        assert enter("lin@example.com").errors == {}
    assert LoginFailure.objects.count() == 3


def test_wrong_passwords_lock_console_and_api_alike(lin):
    for _ in range(5):
        assert enter("lin@example.com", "wrong").non_field_errors() == REFUSED
    assert enter("lin@example.com").non_field_errors() == ["Too many wrong passwords. Try again in 15 minutes."]
    assert LoginFailure.objects.get().failures == 5


def test_what_is_too_long_or_missing_is_said_at_the_field():
    assert set(enter("x" * 255).errors) == {"username"}
    assert set(enter("", "").errors) == {"username", "password"}
    assert not LoginFailure.objects.exists()


def change(person: User, old: str, new: str) -> OfficerPasswordForm:
    form = OfficerPasswordForm(person, {"old_password": old, "new_password1": new, "new_password2": new})
    if form.is_valid():
        form.save()
    return form


def test_an_officer_changes_the_password_and_every_session_ends(lin):
    services.log_in("lin@example.com", PASSWORD, device=services.Device(), now=NOW)
    assert change(lin, PASSWORD, "a brand new secret").errors == {}
    assert User.objects.get().check_password("a brand new secret")
    assert lin.check_password("a brand new secret")
    assert Session.objects.get().revoke_reason == "password"
    assert AuditEvent.objects.filter(action="accounts.password_changed", actor=lin).count() == 1


def test_a_wrong_present_password_is_refused_and_counted(lin):
    for _ in range(5):
        assert change(lin, "wrong", "a brand new secret").errors == {
            "old_password": ["The current password is not this one"]
        }
    locked = change(lin, PASSWORD, "a brand new secret").errors
    assert locked == {"old_password": ["Too many wrong passwords. Try again in 15 minutes."]}
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("new", ["short", "password123", "lin@example.com"])
def test_a_bad_new_password_is_refused(lin, new):
    assert "new_password2" in change(lin, PASSWORD, new).errors
    assert User.objects.get().check_password(PASSWORD)
