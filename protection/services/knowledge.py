"""The knowledge test: asked by four eyes, taken by investors. Source: docs/rules/protection.md §3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.commands import command
from oversight import audit
from oversight import services as oversight
from oversight.models import ApprovalRequest
from protection import rules
from protection.errors import AnswersRefused, RulesRefused
from protection.models import KnowledgeResult, KnowledgeTest

CHANGE: Final = "change_knowledge_test"
WRITTEN: Final = ("id", "text", "choices", "answer", "why")


@command
def take_test(*, investor: Any, test: UUID, answers: Mapping[str, int], now: datetime) -> KnowledgeResult:
    """Answer the present test; who doesn't pass may try again.

    `answers` has a choice's place by each question's id. Raises AnswersRefused, also where `test` isn't asked any more.
    """
    present = KnowledgeTest.objects.present()
    questions = present.asked()
    wrong = rules.misfits(questions, answers)
    if test != present.pk or wrong:
        raise AnswersRefused(test=str(present.pk), questions=wrong)
    right = rules.score(questions, answers).right
    result = KnowledgeResult.objects.create(
        investor=investor, test=present, right=right, passed=right >= present.pass_mark, taken_at=now
    )
    audit.record("protection.test.taken", actor=investor, at=now, target=result, after={"passed": result.passed})
    return result


@command
def request_test(
    *, version: str, questions: list[dict[str, Any]], pass_mark: int, by: Any, reason: str, now: datetime
) -> ApprovalRequest:
    """Ask that these questions be asked from now on. Raises RulesRefused, and what oversight refuses."""
    _require_askable(version, questions, pass_mark)
    return oversight.ask(
        CHANGE,
        by=by,
        at=now,
        payload={"version": version, "questions": questions, "pass_mark": pass_mark},
        summary=[("Version", version), ("To pass", f"{pass_mark} of {len(questions)}"), *_shown(questions)],
        reason=reason,
    )


def apply_test(request: ApprovalRequest, by: Any, now: datetime) -> KnowledgeTest:
    """Ask the questions that were approved (step). Raises RulesRefused."""
    asked = request.payload
    _require_askable(asked["version"], asked["questions"], asked["pass_mark"])
    return KnowledgeTest.objects.create(
        version=asked["version"], questions=asked["questions"], pass_mark=asked["pass_mark"], request=request
    )


def _shown(questions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What approvers read of each question: its text and the right choice."""
    return [(one.text, one.choices[one.answer]) for one in map(rules.question, questions)]


def _require_askable(version: str, questions: Any, pass_mark: int) -> None:
    if not version or KnowledgeTest.objects.filter(version=version).exists():
        raise RulesRefused("The test has a version of its own, which no other has had.", field="version")
    if not isinstance(questions, list) or not all(_is_question(one) for one in questions):
        raise RulesRefused("A question is {id, text, choices, answer, why}; one of its choices is right.")
    if len({one["id"] for one in questions}) != len(questions):
        raise RulesRefused("Each question has an id of its own.", field="questions")
    if not 1 <= pass_mark <= len(questions):
        raise RulesRefused("The mark can be reached, and not by nothing.", field="pass_mark")


def _is_question(one: Any) -> bool:
    """Answer whether this is the JSON of a question that can be asked."""
    if not isinstance(one, dict) or set(one) != set(WRITTEN) or not isinstance(one["choices"], list):
        return False
    words = [one["id"], one["text"], one["why"], *one["choices"]]
    if not all(isinstance(each, str) and each.strip() for each in words):
        return False
    return type(one["answer"]) is int and len(one["choices"]) >= 2 and 0 <= one["answer"] < len(one["choices"])
