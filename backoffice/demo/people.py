"""Officers and investors come in: sign-up, roles and KYC levels by two people, as in life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pyotp
from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts import services as accounts
from accounts.models import User
from accounts.services import factors, people, roles
from accounts.services.officers import NewOfficer
from backoffice.demo import cast
from backoffice.demo.desk import Desk
from oversight import services as oversight


@contextmanager
def light_hashes() -> Iterator[None]:
    """Hash passwords lightly meanwhile: the demo's are known to all, and two hundred at full cost take a minute.

    A log-in hashes them again, at full cost.
    """
    hasher = Argon2PasswordHasher
    costs = hasher.time_cost, hasher.memory_cost, hasher.parallelism
    hasher.time_cost, hasher.memory_cost, hasher.parallelism = 1, 1024, 1
    try:
        yield
    finally:
        hasher.time_cost, hasher.memory_cost, hasher.parallelism = costs


def hire(now: datetime) -> Desk:
    """Make the first two administrators, who grant the officers their roles; return the officers' desk."""
    ada, mia = accounts.bootstrap_officers([_officer(each) for each in (cast.ADA, cast.MIA)], now=now)
    officers = [_hire(each, ada, mia, now) for each in cast.OFFICERS]
    for officer in (ada, mia, *officers):
        _enrol(officer, now)
    return Desk(asks=officers[0], approves=officers[1:], now=now)


def _officer(each: cast.LogIn) -> NewOfficer:
    return NewOfficer(each.email, each.password, each.first_name, each.last_name, "BJ")


def _hire(each: cast.LogIn, ada: User, mia: User, now: datetime) -> User:
    person = sign_up(
        each.email, password=each.password, first=each.first_name, last=each.last_name, country="BJ", now=now
    )
    for role in each.roles:
        request = accounts.request_role(
            person.pk, role=role, move=roles.RoleMove.GRANT, by=ada, now=now, reason="hired"
        )
        oversight.approve(request.pk, by=mia, now=now)
    return User.objects.get(pk=person.pk)


def _enrol(officer: User, now: datetime) -> None:
    """Give an officer an authenticator app, whose codes `make demo-codes` shows."""
    enrolment = factors.draw_secret(officer, now=now)
    factors.confirm(officer, pyotp.TOTP(enrolment.secret).at(now), now=now)


def sign_up(email: str, *, password: str, first: str, last: str, country: str, now: datetime) -> User:
    """Sign up as anybody does, and find the person."""
    accounts.sign_up(email=email, password=password, first_name=first, last_name=last, country=country, now=now)
    person = people.find(email)
    assert person is not None
    return person


def welcome(investor: cast.Investor, desk: Desk) -> User:
    """An investor signs up, and an officer's look at the papers is approved by another."""
    password = cast.ANA.password if investor.number == 0 else f"{investor.email}-{investor.number}"
    person = sign_up(
        investor.email,
        password=password,
        first=investor.first_name,
        last=investor.last_name,
        country=investor.country,
        now=desk.now,
    )
    desk.approve(
        accounts.request_kyc_level(
            person.pk, level=1, by=desk.asks, now=desk.now, reason="Identity card and proof of address seen"
        )
    )
    return User.objects.get(pk=person.pk)
