"""What the person invested in, what it earned, and what they were asked before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncMonth

from backoffice.export.people import same
from backoffice.export.subject import Subject
from backoffice.export.tables import KEYED, NO_CLOCK, NO_FINGERPRINT, QUIET, Row, Table, Told, written
from investments.models import (
    Accrual,
    AccrualAdjustment,
    Correction,
    ExitRequest,
    LateAccrual,
    Position,
    PositionEvent,
    PositionTerm,
    Settlement,
    SettlementReversal,
)
from offers.models import OfferInvestment, OfferShare
from protection.models import Acceptance, KnowledgeResult, LossSimulation, RiskConfirmation, RiskWarning

POSITION = {"position": "position__number"}
OF_POSITION = "position__product__currency"
APPROVED = {"approval": "the approval behind it; `approvals` has what of it you may know"}


def _theirs(subject: Subject) -> Q:
    return Q(position_id__in=subject.positions)


def _by_month(subject: Subject) -> Iterator[Row]:
    months = Accrual.objects.filter(_theirs(subject)).annotate(month=TruncMonth("day"))
    summed = months.values("month", number=F("position__number"), currency=F(OF_POSITION)).annotate(
        days=Count("day"), amount=Sum("amount")
    )
    for each in summed.order_by("-month", "number").iterator():
        yield {
            "month": each["month"],
            "position": each["number"],
            "days": each["days"],
            "amount": written(each["amount"], each["currency"]),
            "currency": each["currency"],
        }


def _figures(row: LossSimulation, wrapped: Any) -> Any:
    return LossSimulation.read(row.investor_id, row.sealed, wrapped=wrapped)


def _simulations(subject: Subject) -> Iterator[Row]:
    """Open each with the key that was read once."""
    rows = LossSimulation.objects.filter(investor=subject.user).order_by("-pk")
    for row in rows.iterator():
        figures = subject.read(partial(_figures, row))
        yield {
            "id": row.pk,
            "made_at": row.made_at,
            **{
                name: written(getattr(figures, name, None), row.currency_id)
                for name in ("income", "assets", "commitments")
            },
            "currency": row.currency_id,
        }


POSITIONS: list[Any] = [
    Table(
        name="positions",
        title="Positions",
        model=Position,
        whose="owner",
        columns=same("id", "number")
        | {"product": "product__display_name", "version": "version__number"}
        | same("status", "principal", "initial_principal", "deposited", "withdrawn")
        | {"currency": "product__currency"}
        | same("disclosure_version", "opened_at", "funded_on", "last_on", "suspended_from"),
        currency="product__currency",
        quiet=QUIET | {"version", "disclosure_version", "suspended_from", "initial_principal"},
    ),
    Table(
        name="position_events",
        title="What was done with positions",
        model=PositionEvent,
        whose="owner",
        columns=same("id", "made_at")
        | POSITION
        | same("verb", "amount", "penalty")
        | {"currency": OF_POSITION}
        | same("value_on", "transaction")
        | KEYED,
        left_out={**NO_CLOCK, **NO_FINGERPRINT},
        currency=OF_POSITION,
        quiet=QUIET | {"transaction"},
    ),
    Table(
        name="position_terms",
        title="By what positions earned",
        model=PositionTerm,
        whose=_theirs,
        columns=same("id")
        | POSITION
        | same("from_on", "to_on", "principal", "rate", "earns")
        | {"currency": OF_POSITION},
        left_out={"version": "the position's own"},
        currency=OF_POSITION,
        fractions=frozenset({"rate"}),
    ),
    Table(
        name="exits",
        title="Principal that waits in line, or waited",
        model=ExitRequest,
        whose=_theirs,
        columns=same("id", "asked_at")
        | POSITION
        | same("kind", "status", "amount", "paid_at")
        | {"currency": OF_POSITION},
        left_out={"product": "the position's own"},
        currency=OF_POSITION,
    ),
]
EARNED: list[Any] = [
    Told(
        "returns_by_month",
        "What positions earned, by month",
        (),
        _by_month,
        note="Every single day stands in accruals.csv, with the figures that explain it.",
    ),
    Table(
        name="settlements",
        title="Returns as they fell due",
        model=Settlement,
        whose=_theirs,
        columns=same("due_on")
        | POSITION
        | same("earned", "amount", "accrued_to_date", "paid_to_date", "overpaid")
        | {"currency": OF_POSITION, "status": "run__status"},
        left_out={"exponent": "the currency's decimals"},
        currency=OF_POSITION,
        order=("-due_on", "position_id"),
    ),
    Table(
        name="corrections",
        title="Corrections of returns",
        model=Correction,
        whose=_theirs,
        columns=same("id", "approved_at") | POSITION | same("status", "reason", "lines", "source_key", "booked_on"),
        left_out=APPROVED,
        quiet=QUIET | {"source_key"},
    ),
    Table(
        name="adjustments",
        title="Corrections of returns, day by day",
        model=AccrualAdjustment,
        whose=_theirs,
        columns=same("id", "booked_on")
        | POSITION
        | same("corrects_on", "amount")
        | {"currency": OF_POSITION}
        | same("reason", "source_key"),
        left_out={"correction": "the correction above that it belongs to; `source_key` begins with the same words"},
        currency=OF_POSITION,
        quiet=QUIET | {"source_key"},
    ),
    Table(
        name="late_returns",
        title="Days that came into account later",
        model=LateAccrual,
        whose=_theirs,
        columns=same("day") | POSITION | same("booked_on", "amount") | {"currency": OF_POSITION},
        currency=OF_POSITION,
        order=("-booked_on", "-day"),
    ),
    Table(
        name="returns_taken_back",
        title="Returns that were taken back",
        model=SettlementReversal,
        whose=_theirs,
        columns=same("id", "booked_on")
        | POSITION
        | same("amount")
        | {"currency": OF_POSITION, "due_on": "run__due_on"}
        | same("transaction"),
        left_out=APPROVED | {"reason": "what officers wrote may name others"},
        currency=OF_POSITION,
        quiet=QUIET | {"transaction"},
    ),
]
OFFERS: list[Any] = [
    Table(
        name="offer_investments",
        title="Offers: investments and places in line",
        model=OfferInvestment,
        whose="investor",
        columns=same("id", "asked_at")
        | {"offer": "offer__name"}
        | same("status", "requested_amount", "accepted_amount", "principal")
        | {"currency": "offer__currency"}
        | same("disclosure_version", "reserved_at", "reflects_until", "ended_at", "operation_id")
        | KEYED,
        left_out=NO_FINGERPRINT,
        currency="offer__currency",
        note="`waiting` is a place in line.",
        quiet=QUIET | {"disclosure_version", "operation_id"},
    ),
    Table(
        name="offer_shares",
        title="Offers: distributions to you, and losses that you bore",
        model=OfferShare,
        whose="investment__investor",
        columns={"value_on": "deed__value_on", "offer": "investment__offer__name", "verb": "deed__verb"}
        | same("amount")
        | {"currency": "investment__offer__currency"},
        currency="investment__offer__currency",
        order=("-deed_id", "investment_id"),
    ),
]
ASKED: list[Any] = [
    Table(
        name="sheets_accepted",
        title="Information sheets that you accepted",
        model=Acceptance,
        whose="investor",
        columns=same("id", "accepted_at")
        | {"sheet": "disclosure__title", "version": "disclosure__version", "subject": "disclosure__subject"},
        left_out=NO_CLOCK,
    ),
    Table(
        name="knowledge_tests",
        title="Knowledge tests",
        model=KnowledgeResult,
        whose="investor",
        columns=same("id", "taken_at") | {"test": "test__version"} | same("right", "passed"),
        left_out=NO_CLOCK,
        note="How many answers were right is kept; which ones isn't.",
    ),
    Told(
        "means",
        "What you declared of your means",
        (LossSimulation,),
        _simulations,
        note="Kept encrypted with your own key.",
    ),
    Table(
        name="warnings",
        title="Personal risk warnings",
        model=RiskWarning,
        whose="simulation__investor",
        columns=same("id", "shown_at", "subject", "amount")
        | {"currency": "simulation__currency_id"}
        | same("simulation_id"),
        left_out=NO_CLOCK,
        currency="simulation__currency_id",
        quiet=QUIET | {"simulation_id"},
    ),
    Table(
        name="warnings_confirmed",
        title="Warnings that you said you understood",
        model=RiskConfirmation,
        whose="warning__simulation__investor",
        columns=same("id", "confirmed_at", "warning_id") | {"subject": "warning__subject"},
        left_out=NO_CLOCK,
        quiet=QUIET | {"warning_id"},
    ),
]
PARTS = [*POSITIONS, *EARNED, *OFFERS, *ASKED]
