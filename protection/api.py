"""What must be seen, answered and declared before investing, over HTTP. Contract: API.md, "Investing"."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import StrictCharField, StrictSerializer
from api.permissions import IsInvestor
from ledger.api import Query
from ledger.fields import AmountField, CurrencyField, MoneySerializerMixin
from protection import models, rules, services
from protection.services import losses, warnings

TAGS = ["Protection"]


class DisclosureOut(serializers.Serializer[Any]):
    """One version of a key information sheet, and when the caller accepted it."""

    id = serializers.UUIDField()
    subject = serializers.CharField(help_text="product:<code> or offer:<code>")
    version = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    published_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)


class DisclosureDetail(APIView):
    """One version of a key information sheet."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="disclosures_retrieve", responses=DisclosureOut, tags=TAGS)
    def get(self, request: Request, disclosure_id: UUID) -> Response:
        """Show a key information sheet."""
        Query.parse(request)
        sheet = services.find_disclosure(disclosure_id)
        accepted = sheet.acceptances.filter(investor=person_of(request)).first()
        return Response(_sheet(sheet, accepted))


class DisclosureAccept(APIView):
    """The caller has read a key information sheet and accepts it."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="disclosures_accept", request=None, responses=DisclosureOut, tags=TAGS)
    def post(self, request: Request, disclosure_id: UUID) -> Response:
        """Accept a key information sheet; accepting it again changes nothing."""
        _nothing(request)
        accepted = services.accept_disclosure(disclosure_id, investor=person_of(request), now=timezone.now())
        return Response(_sheet(accepted.disclosure, accepted))


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
    questions = QuestionOut(many=True)
    passed_at = serializers.DateTimeField(allow_null=True)
    asked_again_at = serializers.DateTimeField(allow_null=True, help_text="when a passed test is too old")


class KnowledgeAnswersIn(StrictSerializer):
    """An answer to each question of the test."""

    test = serializers.UUIDField()
    answers = serializers.DictField(child=serializers.IntegerField(min_value=0, max_value=20))


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
        person, test = person_of(request), services.present_test()
        passed = models.KnowledgeResult.objects.last_passed(person)
        years = services.jurisdiction_of(person).knowledge_years
        return Response(
            KnowledgeTestOut(
                {
                    "id": test.pk,
                    "version": test.version,
                    "pass_mark": test.pass_mark,
                    "questions": test.asked(),
                    "passed_at": passed.taken_at if passed else None,
                    "asked_again_at": rules.years_after(passed.taken_at, years) if passed else None,
                }
            ).data
        )

    @extend_schema(
        operation_id="knowledge_test_take", request=KnowledgeAnswersIn, responses=KnowledgeResultOut, tags=TAGS
    )
    def post(self, request: Request) -> Response:
        """Answer the test; what was wrong comes back with the reason, and the test may be taken again."""
        form = KnowledgeAnswersIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        result = services.take_test(investor=person_of(request), now=timezone.now(), **given)
        questions = result.test.asked()
        wrong = rules.score(questions, given["answers"]).wrong
        corrections = [{"id": one.id, "why": one.why} for one in questions if one.id in wrong]
        told = {"passed": result.passed, "right": result.right, "of": len(questions), "corrections": corrections}
        return Response(KnowledgeResultOut(told).data)


class FigureField(AmountField):
    """An amount that may be nothing."""

    def to_internal_value(self, data: Any) -> Decimal:
        return Decimal(0) if data in ("0", "0.00", 0) and data is not False else super().to_internal_value(data)


class LossSimulationIn(MoneySerializerMixin, StrictSerializer):
    """A year's figures, in one currency."""

    currency = CurrencyField()
    income = FigureField(help_text="net income of a year")
    assets = FigureField(help_text="what can be turned into money, without the home")
    commitments = FigureField(help_text="what must be paid in a year: rent, loans, maintenance")


class LossSimulationOut(serializers.Serializer[Any]):
    """What the declared net worth bears to lose, and above what an investment is warned of."""

    currency = CurrencyField()
    net_worth = serializers.CharField(help_text="income and assets less commitments; it may be below zero")
    bearable_loss = AmountField()
    bearable_share = serializers.CharField()
    warning_share = serializers.CharField()
    made_at = serializers.DateTimeField()


class LossSimulationView(APIView):
    """Simulate what the caller can bear to lose."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="loss_simulation_create",
        request=LossSimulationIn,
        responses={201: LossSimulationOut},
        tags=TAGS,
        examples=[
            OpenApiExample(
                "A year's figures",
                request_only=True,
                value={"currency": "USD", "income": "24000.00", "assets": "10000.00", "commitments": "9000.00"},
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep the figures, encrypted with the caller's own key, and say what they bear."""
        form = LossSimulationIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        person, currency = person_of(request), given.pop("currency")
        row = services.simulate_losses(
            investor=person, figures=rules.Figures(**given), currency=currency, now=timezone.now()
        )
        asked = services.jurisdiction_of(person)
        told = {
            "currency": currency,
            "net_worth": f"{row.figures.net_worth:f}",
            "bearable_loss": losses.bearable(row, investor=person),
            "bearable_share": f"{asked.bearable_share.normalize():f}",
            "warning_share": f"{asked.warning_share.normalize():f}",
            "made_at": row.made_at,
        }
        return Response(LossSimulationOut(told).data, status=201)


class RiskWarningIn(MoneySerializerMixin, StrictSerializer):
    """What the caller is about to invest."""

    subject = StrictCharField(max_length=64, help_text="product:<code> or offer:<code>")
    amount = AmountField()
    currency = CurrencyField()

    def validate_subject(self, value: str) -> str:
        if not models.Disclosure.objects.filter(subject=value).exists():
            raise serializers.ValidationError("There is nothing of that name to invest in.", code="unknown")
        return value


class RiskWarningOut(serializers.Serializer[Any]):
    """A warning made out to the caller and this amount; it holds for a day once it is confirmed."""

    id = serializers.UUIDField()
    subject = serializers.CharField()
    amount = AmountField()
    currency = CurrencyField(source="currency_id")
    share = serializers.CharField(allow_null=True, help_text="of the declared net worth; null if that is not above 0")
    text = serializers.CharField()
    shown_at = serializers.DateTimeField()
    confirmed_at = serializers.DateTimeField(allow_null=True)


class RiskWarningList(APIView):
    """Ask for the personal warning that a large investment needs."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="risk_warnings_create", request=RiskWarningIn, responses={201: RiskWarningOut}, tags=TAGS)
    def post(self, request: Request) -> Response:
        """Make out a warning to the caller and this amount."""
        form = RiskWarningIn(data=request.data)
        form.is_valid(raise_exception=True)
        row = services.show_warning(investor=person_of(request), now=timezone.now(), **form.validated_data)
        return Response(_warning(row), status=201)


class RiskWarningConfirm(APIView):
    """The caller has understood a warning."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="risk_warnings_confirm", request=None, responses=RiskWarningOut, tags=TAGS)
    def post(self, request: Request, warning_id: UUID) -> Response:
        """Confirm a warning; saying it twice changes nothing."""
        _nothing(request)
        row = services.confirm_warning(warning_id, investor=person_of(request), now=timezone.now())
        return Response(_warning(row))


def _nothing(request: Request) -> None:
    StrictSerializer(data=request.data).is_valid(raise_exception=True)


def _sheet(sheet: models.Disclosure, accepted: models.Acceptance | None) -> Any:
    fields = ("id", "subject", "version", "title", "body", "published_at")
    told = {name: getattr(sheet, name) for name in fields}
    return DisclosureOut(told | {"accepted_at": accepted.accepted_at if accepted else None}).data


def _warning(row: models.RiskWarning) -> Any:
    fields = ("id", "subject", "amount", "currency_id", "shown_at", "confirmed_at")
    told = {name: getattr(row, name) for name in fields}
    part = warnings.share(row)
    return RiskWarningOut(told | {"share": None if part is None else f"{part:f}", "text": warnings.text(part)}).data
