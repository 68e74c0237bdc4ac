"""A verb of the tests' own: two officers set a person's language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from core.commands import command
from core.errors import DomainError
from oversight import services, verbs
from oversight.models import ApprovalRequest

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
VERB = "tests.set_language"


class LanguageTaken(DomainError):
    code = "language-taken"
    title = "This language is taken"
    status = 409


def apply_language(request: ApprovalRequest, by: Any, now: datetime) -> Any:
    person = get_user_model().objects.get(pk=request.target_id)
    if request.payload["language"] == "xx":
        raise LanguageTaken
    person.language = request.payload["language"]
    person.save(update_fields=["language"])
    return person


@command
def request_language(person: Any, *, language: str, by: Any, now: datetime, **more: Any) -> ApprovalRequest:
    return services.ask(
        VERB,
        by=by,
        at=now,
        target=person,
        payload={"language": language},
        summary=[("Person", str(person)), ("Language then", language)],
        **{"reason": "they asked for it", "beneficiary": person, **more},
    )


@pytest.fixture(autouse=True)
def verb(monkeypatch):
    """Register the verb for the length of a test."""
    made = verbs.Verb(
        name=VERB,
        title="Set a language",
        request_permission="accounts.request_kyc_level",
        approve_permission="accounts.approve_kyc_level",
        apply=apply_language,
        target_model=get_user_model(),
        target_fields=("time_zone",),
    )
    monkeypatch.setattr(verbs, "_verbs", {**verbs._verbs, VERB: made})
    return made


@pytest.fixture
def asked(ana, omar) -> ApprovalRequest:
    """Omar has asked for Ana's language to become French."""
    return request_language(ana, language="fr", by=omar, now=NOW)
