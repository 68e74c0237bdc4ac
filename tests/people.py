"""The people of the tests: Ana invests, Eve has no rights, Omar approves, Lin checks him.

Root `conftest.py` names this module as a plugin, so that every test can ask for them by name.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

PASSWORD = "correct horse battery"


def make_investor(name: str, **fields: Any) -> Any:
    """Make an investor called `name` Houngbo, with the address name@example.com and `PASSWORD`."""
    return _make(name, ("investor",), **fields)


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def make_ready(investor: Any, *, at: datetime) -> None:
    """Let an investor have done all that products ask for, as rows: each sheet accepted, the test passed, huge means.

    What is there already stays. Both the clock and `at` find it fresh.
    """
    from ledger import chart
    from protection.models import Acceptance, Disclosure, KnowledgeResult, KnowledgeTest, LossSimulation
    from protection.rules import Figures

    sheets = Disclosure.objects.exclude(acceptances__investor=investor)
    Acceptance.objects.bulk_create(
        [Acceptance(investor=investor, disclosure=sheet, accepted_at=LONG_AGO) for sheet in sheets]
    )
    if KnowledgeResult.objects.filter(investor=investor).exists():
        return
    at = max(at, timezone.now())
    test = KnowledgeTest.objects.present()
    KnowledgeResult.objects.create(investor=investor, test=test, right=len(test.questions), passed=True, taken_at=at)
    means = Figures(Decimal(10) ** 14, Decimal(0), Decimal(0))
    LossSimulation.objects.bulk_create(
        [LossSimulation.of(investor, means, currency=code, at=at) for code, *_ in chart.CURRENCIES]
    )


def enter(client: Any, person: Any) -> None:
    """Log somebody in at the console, with password and second factor."""
    from oversight.console.factors import CLAIM, PASSWORD_GIVEN

    client.force_login(person)
    session = client.session
    session[CLAIM] = session[PASSWORD_GIVEN] = timezone.now().isoformat()
    session.save()


def session_with_factor(person: Any) -> Any:
    """A session of the API in which somebody gave their second factor just now."""
    from accounts.models import Session

    return Session(user=person, second_factor_at=timezone.now())


def make_officer(name: str, *roles: str, **fields: Any) -> Any:
    """Make an officer with these roles, who may enter the console."""
    return _make(name, roles, is_staff=True, **fields)


def _make(name: str, roles: tuple[str, ...], **fields: Any) -> Any:
    from accounts.models import User

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace(" ", ".")
    fields = {
        "email": f"{plain}@example.com",
        "password": PASSWORD,
        "first_name": name,
        "last_name": "Houngbo",
        "country": "BJ",
        "created_at": timezone.now(),
        **fields,
    }
    person = User.objects.create_user(**fields)
    groups = {group.name: group for group in Group.objects.filter(name__in=roles)}
    person.groups.set([groups[role] for role in roles])
    return person


@pytest.fixture
def ana(db: None) -> Any:
    """An investor."""
    return make_investor("Ana")


@pytest.fixture
def eve(db: None) -> Any:
    """Another investor, with no right to anything of Ana's."""
    return make_investor("Eve")


@pytest.fixture
def omar(db: None) -> Any:
    """An officer of finance and compliance."""
    return make_officer("Omar", "finance", "compliance")


@pytest.fixture
def lin(db: None) -> Any:
    """An officer of finance and compliance, who checks Omar."""
    return make_officer("Lin", "finance", "compliance")


@pytest.fixture
def ada(db: None) -> Any:
    """An administrator."""
    return make_officer("Ada", "administrator")


@pytest.fixture
def mia(db: None) -> Any:
    """Another administrator."""
    return make_officer("Mia", "administrator")
