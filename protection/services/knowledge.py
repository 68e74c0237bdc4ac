"""The knowledge test: asked by four eyes, taken by investors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.commands import command
from oversight import services as oversight
from oversight.models import ApprovalRequest
from protection import rules
from protection.errors import AnswersRefused, RulesRefused
from protection.models import KnowledgeResult, KnowledgeTest

TEST: Final = "protection.knowledge_test"


def present_test() -> KnowledgeTest:
    """Return the questions that are asked now."""
    return KnowledgeTest.objects.order_by("-id")[0]


@command
def take_test(*, investor: Any, test: UUID, answers: Mapping[str, int], now: datetime) -> KnowledgeResult:
    """Answer the present test; who doesn't pass is told which answers were wrong and may try again.

    Raises AnswersRefused for another test, a question that isn't asked, or a choice that isn't there.
    """
    present = present_test()
    questions = present.asked()
    choices = {question.id: len(question.choices) for question in questions}
    if test != present.pk or set(answers) != set(choices):
        raise AnswersRefused(test=str(present.pk))
    if not all(0 <= answer < choices[name] for name, answer in answers.items()):
        raise AnswersRefused(test=str(present.pk))
    right = rules.score(questions, answers).right
    return KnowledgeResult.objects.create(
        investor=investor, test=present, right=right, passed=right >= present.pass_mark, taken_at=now
    )


@command
def request_test(
    *, version: str, questions: list[dict[str, Any]], pass_mark: int, by: Any, reason: str, now: datetime
) -> ApprovalRequest:
    """Ask that these questions be asked from now on. Raises RulesRefused, and what oversight refuses."""
    _require_askable(version, questions, pass_mark)
    return oversight.ask(
        TEST,
        by=by,
        at=now,
        payload={"version": version, "questions": questions, "pass_mark": pass_mark},
        summary=[("Version", version), ("Questions", str(len(questions))), ("To pass", f"{pass_mark} right")],
        reason=reason,
    )


def apply_test(request: ApprovalRequest, by: Any, now: datetime) -> KnowledgeTest:
    """Ask the questions that were approved (step)."""
    asked = request.payload
    _require_askable(asked["version"], asked["questions"], asked["pass_mark"])
    return KnowledgeTest.objects.create(
        version=asked["version"], questions=asked["questions"], pass_mark=asked["pass_mark"], request=request
    )


def _require_askable(version: str, questions: list[dict[str, Any]], pass_mark: int) -> None:
    if KnowledgeTest.objects.filter(version=version).exists():
        raise RulesRefused(f"A test of the version {version} stands already.", field="version")
    if len({one["id"] for one in questions}) != len(questions) or not 1 <= pass_mark <= len(questions):
        raise RulesRefused("Each question has an id of its own, and the mark can be reached.", field="pass_mark")
    for one in questions:
        if not one["text"].strip() or len(one["choices"]) < 2 or not 0 <= one["answer"] < len(one["choices"]):
            raise RulesRefused(f"Question {one['id']} has a text, two choices and a right one.", field=one["id"])
