"""The people of the tests: Ana invests, Eve has no rights, Omar approves, Lin checks him.

Root `conftest.py` names this module as a plugin, so that every test can ask for them by name.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

PASSWORD = "correct horse battery"


def make_investor(name: str, **fields: Any) -> Any:
    """Make an investor called `name` Houngbo, with the address name@example.com and `PASSWORD`."""
    return _make(name, ("investor",), **fields)


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
