"""The knowledge test: its questions, and how the caller did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import StrictSerializer
from api.permissions import IsInvestor
from ledger.api import Query
from protection import rules, services
from protection.models import KnowledgeResult, KnowledgeTest

TAGS = ["Investing"]
ANSWERS = {"test": "0197a1c0-0000-7000-8000-000000000001", "answers": {"loss": 2, "guarantee": 0, "return": 1}}


class QuestionOut(serializers.Serializer[Any]):
    """A question and its choices; an answer is a choice's place, from 0."""

    id = serializers.CharField()
    text = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())


class KnowledgeTestOut(serializers.Serializer[Any]):
    """The test that is asked now, and when the caller last passed one."""

    id = serializers.UUIDField()
    version = serializers.CharField()
    pass_mark = serializers.IntegerField(help_text="right answers that pass it")
    questions = QuestionOut(many=True, source="asked")
    passed_at = serializers.SerializerMethodField()
    asked_again_at = serializers.SerializerMethodField(help_text="when a passed test is too old")

    def get_passed_at(self, test: KnowledgeTest) -> datetime | None:
        return self._passed.taken_at if self._passed else None

    def get_asked_again_at(self, test: KnowledgeTest) -> datetime | None:
        years = services.jurisdiction_of(self.context["person"]).knowledge_years
        return rules.years_after(self._passed.taken_at, years) if self._passed else None

    @property
    def _passed(self) -> KnowledgeResult | None:
        passed: KnowledgeResult | None = self.context["passed"]
        return passed


class KnowledgeAnswersIn(StrictSerializer):
    """A choice's place for each question of the present test."""

    test = serializers.UUIDField()
    answers = serializers.DictField(child=serializers.IntegerField())

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        present = KnowledgeTest.objects.present()
        if attrs["test"] != present.pk:
            raise serializers.ValidationError({"test": ["This isn't the test that is asked now."]})
        wrong = rules.misfits(present.asked(), attrs["answers"])
        if wrong:
            refusal = "Answer each question, and none else, with the place of one of its choices."
            raise serializers.ValidationError({"answers": {name: [refusal] for name in wrong}})
        return attrs


class CorrectionOut(serializers.Serializer[Any]):
    """What was answered wrong, and why the right answer is right."""

    id = serializers.CharField()
    why = serializers.CharField()


class KnowledgeResultOut(serializers.Serializer[Any]):
    """How the caller did."""

    passed = serializers.BooleanField()
    right = serializers.IntegerField()
    of = serializers.IntegerField()
    corrections = CorrectionOut(many=True)


class KnowledgeTestView(APIView):
    """The knowledge test: GET the questions, POST the answers."""

    permission_classes = [IsInvestor]
    throttle_scope = "knowledge_test"

    @extend_schema(operation_id="knowledge_test_retrieve", responses=KnowledgeTestOut, tags=TAGS)
    def get(self, request: Request) -> Response:
        """Show the questions that are asked now."""
        Query.parse(request)
        person = person_of(request)
        context = {"person": person, "passed": KnowledgeResult.objects.last_passed(person)}
        return Response(KnowledgeTestOut(KnowledgeTest.objects.present(), context=context).data)

    @extend_schema(
        operation_id="knowledge_test_take",
        request=KnowledgeAnswersIn,
        responses=KnowledgeResultOut,
        tags=TAGS,
        examples=[OpenApiExample("The first three of eight answers", request_only=True, value=ANSWERS)],
    )
    def post(self, request: Request) -> Response:
        """Answer the test; what was wrong comes back with the reason, and the test may be taken again."""
        given = KnowledgeAnswersIn.parse(request)
        result = services.take_test(investor=person_of(request), now=timezone.now(), **given)
        questions = result.test.asked()
        score = rules.score(questions, given["answers"])
        corrections = [one for one in questions if one.id in score.wrong]
        told = {"passed": result.passed, "right": score.right, "of": score.of, "corrections": corrections}
        return Response(KnowledgeResultOut(told).data)
