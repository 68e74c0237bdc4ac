from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from protection import services
from protection.models import Disclosure, KnowledgeResult, KnowledgeTest
from protection.rules import Figures
from tests.people import make_officer

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MEANS = Figures(Decimal(24_000), Decimal(10_000), Decimal(9_000))
SUBJECT = "offer:solar"


def publish(
    version: str = "1", *, subject: str = SUBJECT, body: str = "What it is.", now: datetime = NOON
) -> Disclosure:
    """Publish a key information sheet."""
    return services.publish(subject=subject, version=version, title="Solar", body=body, by=None, now=now)


def right_answers() -> dict[str, int]:
    return {one.id: one.answer for one in KnowledgeTest.objects.present().asked()}


def take_test(investor: Any, *, now: datetime, wrong: int = 0) -> KnowledgeResult:
    """Answer the test, the first `wrong` questions wrongly."""
    test = KnowledgeTest.objects.present()
    answers = right_answers()
    for one in test.asked()[:wrong]:
        answers[one.id] = (one.answer + 1) % len(one.choices)
    return services.take_test.inside(investor=investor, test=test.pk, answers=answers, now=now)


def get_ready(investor: Any, sheet: Disclosure, *, now: datetime = NOON - 2 * DAY) -> None:
    """Do all that is asked before investing, through the services."""
    services.accept_disclosure.inside(sheet.pk, investor=investor, now=now)
    take_test(investor, now=now)
    services.simulate_losses.inside(investor=investor, figures=MEANS, currency="USD", now=now)


@pytest.fixture
def sheet(db: None) -> Disclosure:
    """The key information sheet of an offer."""
    return publish(now=NOON - 9 * DAY)


@pytest.fixture
def officers(db: None) -> tuple[Any, Any]:
    """Omar, who asks, and Lin, who approves."""
    return make_officer("Omar", "compliance"), make_officer("Lin", "compliance")
