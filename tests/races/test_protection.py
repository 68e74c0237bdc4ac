"""Two of the same at once: the unique key makes the second wait, and then gives it the first one's row.

Seen to fail, each of them: with `ignore_conflicts` taken out of the services, all but one end in IntegrityError.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from protection import services
from protection.models import Acceptance, Disclosure, RiskConfirmation
from protection.tests.conftest import MEANS, NOON, SUBJECT, publish
from tests.people import make_investor
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

MOMENTS = [NOON + timedelta(seconds=second) for second in range(4)]


@pytest.fixture
def ana() -> Any:
    return make_investor("Ana")


@pytest.fixture
def sheet() -> Disclosure:
    with transaction.atomic():
        return publish()


def test_acceptances_at_once_are_one(ana: Any, sheet: Disclosure) -> None:
    works = [partial(services.accept_disclosure, sheet.pk, investor=ana, now=moment) for moment in MOMENTS]
    answers = at_once(works)
    kept = Acceptance.objects.get()
    assert [getattr(answer, "accepted_at", answer) for answer in answers] == [kept.accepted_at] * 4
    assert kept.accepted_at in MOMENTS


def test_confirmations_at_once_are_one(ana: Any, sheet: Disclosure) -> None:
    services.simulate_losses(investor=ana, figures=MEANS, currency="USD", now=NOON)
    warning = services.show_warning(investor=ana, subject=SUBJECT, amount=Decimal(2000), currency="USD", now=NOON)
    works = [partial(services.confirm_warning, warning.pk, investor=ana, now=moment) for moment in MOMENTS]
    answers = at_once(works)
    kept = RiskConfirmation.objects.get()
    confirmed = [
        answer.confirmation.confirmed_at if not isinstance(answer, Exception) else answer for answer in answers
    ]
    assert confirmed == [kept.confirmed_at] * 4
    assert kept.confirmed_at in MOMENTS


def test_the_same_sheet_published_at_once_is_one(db: Any) -> None:
    """Of two texts under one version, one stands and the other is refused."""

    def work(body: str) -> Any:
        with transaction.atomic():
            return publish(body=body)

    answers = at_once([partial(work, body) for body in ("One.", "One.", "Two.", "Two.")])
    kept = Disclosure.objects.get()
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert [answer.pk for answer in answers if not isinstance(answer, Exception)] == [kept.pk] * 2
    assert [getattr(refusal, "code", refusal) for refusal in refused] == ["disclosure-changed"] * 2
