"""What was wrong is corrected by addition: previewed, decided by four eyes, booked by the next close.

An adjustment never rewrites terms, accruals or postings. Source: docs/rules/returns.md §3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.commands import command
from core.errors import DomainError, NotFound
from investments import rules
from investments.accrual.statements import lock_products
from investments.models import AccrualAdjustment, Correction, Position, PositionEvent, Product
from investments.settlement.reversals import next_booked_on
from ledger import days
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.verbs import Verb

VERB = "adjust_returns"
DAYS_FOR_ONE_APPROVER = 5
FUNDINGS = (PositionEvent.Verb.FUND, PositionEvent.Verb.TOP_UP)


class NothingToAdjust(DomainError):
    code = "nothing-to-adjust"
    title = "No day would change"
    status = 422


class NotAdjustable(DomainError):
    code = "not-adjustable"
    title = "This can't be adjusted so"
    status = 422


class AlreadyAdjusted(DomainError):
    code = "already-adjusted"
    title = "This was adjusted before"


class PreviewChanged(DomainError):
    code = "preview-changed"
    title = "The figures are no longer those that were asked for; ask again"


@dataclass(frozen=True, slots=True)
class Line:
    """One day of a correction: what is added to it (signed, 18 places), and from which principal to which."""

    corrects_on: date
    amount: Decimal
    principal_before: Decimal
    principal_after: Decimal
    rate: Decimal
    fraction: rules.Fraction

    def as_json(self) -> dict[str, Any]:
        return {
            "corrects_on": self.corrects_on.isoformat(),
            "amount": f"{self.amount:f}",
            "principal_before": f"{self.principal_before:f}",
            "principal_after": f"{self.principal_after:f}",
            "rate": f"{self.rate:f}",
            "numerator": self.fraction.numerator,
            "denominator": self.fraction.denominator,
        }


def preview(position: Position, *, by: Decimal, from_on: date, until: date) -> list[Line]:
    """Return what each day of [from_on, until] would have earned more, had the principal been higher by `by` (signed).

    A day on which the position was paused stays as it is; one before its funding counts from nothing.
    Raises NotAdjustable, NothingToAdjust.
    """
    if position.funded_on is None or until < from_on:
        raise NothingToAdjust
    lines = [line for day in _days(from_on, until) if (line := _line(position, day, by))]
    if not lines:
        raise NothingToAdjust
    return lines


def preview_late(event: PositionEvent, *, value_on: date) -> list[Line]:
    """Return what money that arrived on `value_on`, but was booked as `event`, would have earned until it was.

    Raises NotAdjustable (not a funding; a product with a term keeps its own days), NothingToAdjust.
    """
    if event.verb not in FUNDINGS:
        raise NotAdjustable("Only money that came in can have come in earlier.")
    if not event.position.version.is_open_ended:
        raise NotAdjustable("A product with a term pays its days from its funding on, no more of them.")
    return preview(event.position, by=event.amount, from_on=value_on + rules.ONE_DAY, until=event.value_on)


@command
def request_late_adjustment(
    event_id: UUID, *, value_on: date, by: Any, reason: str, now: datetime, document: Any = None
) -> ApprovalRequest:
    """Ask that a funding count from the day on which its money arrived.

    Raises NotFound, NotAdjustable, NothingToAdjust, AlreadyAdjusted, and what oversight refuses.
    """
    event = PositionEvent.objects.select_related("position__version", "position__owner").filter(pk=event_id).first()
    if event is None:
        raise NotFound("There is no such event.")
    lines = preview_late(event, value_on=value_on)
    recipe = {"late": str(event.pk), "value_on": value_on.isoformat()}
    return _ask(event.position, f"late:{event.pk}", recipe, lines, by=by, reason=reason, now=now, document=document)


@command
def request_adjustment(
    position_id: UUID,
    *,
    principal_by: Decimal,
    from_on: date,
    until: date,
    by: Any,
    reason: str,
    now: datetime,
    document: Any = None,
) -> ApprovalRequest:
    """Ask that the days of [from_on, until] be earned on a principal that is higher by `principal_by` (signed).

    Raises NotFound, NotAdjustable, NothingToAdjust, AlreadyAdjusted, and what oversight refuses.
    """
    position = Position.objects.select_related("version", "owner").filter(pk=position_id).first()
    if position is None:
        raise NotFound("There is no such position.")
    lines = preview(position, by=principal_by, from_on=from_on, until=until)
    recipe = {
        "principal_by": f"{principal_by:f}",
        "from_on": from_on.isoformat(),
        "until": until.isoformat(),
    }
    source_key = f"principal:{position.pk}:{from_on}:{until}:{principal_by.normalize():f}"
    return _ask(position, source_key, recipe, lines, by=by, reason=reason, now=now, document=document)


def apply_adjustment(request: ApprovalRequest, by: Any, now: datetime) -> Correction:
    """Keep the correction, exactly as it was previewed, for the next close to book (step).

    Raises AlreadyAdjusted, PreviewChanged.
    """
    payload = request.payload
    position = Position.objects.select_related("version").get(pk=payload["position"])
    if [line.as_json() for line in _again(position, payload)] != payload["lines"]:
        raise PreviewChanged
    _require_new(payload["source_key"])
    return Correction.objects.create(
        position=position,
        reason=request.reason,
        lines=payload["lines"],
        source_key=payload["source_key"],
        approval=request.pk,
        approved_at=now,
    )


@command
def book_corrections(day: date, *, now: datetime) -> int:
    """Bring approved corrections into account in the close of `day`; return how many days were adjusted.

    They count in the settlement of `day`, or in the next one if that was computed already.
    """
    waiting = Correction.objects.filter(status=Correction.Status.WAITING).select_for_update(no_key=True, of=("self",))
    corrections = list(waiting.select_related("position").order_by("pk"))
    lock_products({correction.position.product_id for correction in corrections}, shared=True)
    booked = 0
    for correction in corrections:
        booked_on = next_booked_on(correction.position.product_id, at_least=day)
        rows = [_adjustment(correction, line, booked_on) for line in correction.lines]
        booked += len(AccrualAdjustment.objects.bulk_create(rows))
        oversight.move_to(correction, Correction.Status.BOOKED, by=None, at=now, booked_on=booked_on)
    return booked


def approvals_needed(lines: Sequence[Line], *, today: date) -> int:
    """One approver beside the requester, two for more than five days or for days further back than that."""
    oldest = today - timedelta(days=DAYS_FOR_ONE_APPROVER)
    return 2 if len(lines) > DAYS_FOR_ONE_APPROVER or lines[0].corrects_on < oldest else 1


def _ask(
    position: Position,
    source_key: str,
    recipe: dict[str, Any],
    lines: Sequence[Line],
    *,
    by: Any,
    reason: str,
    now: datetime,
    document: Any,
) -> ApprovalRequest:
    _require_new(source_key)
    product = Product.objects.get(pk=position.product_id)
    total = sum((line.amount for line in lines), Decimal(0))
    return oversight.ask(
        VERB,
        by=by,
        at=now,
        payload={
            "position": str(position.pk),
            "source_key": source_key,
            "recipe": recipe,
            "lines": [line.as_json() for line in lines],
        },
        summary=[
            ("Position", str(position.pk)),
            ("Product", product.display_name),
            ("Days", f"{len(lines)}, {lines[0].corrects_on} to {lines[-1].corrects_on}"),
            ("Principal counted", f"{_span(lines)} {product.currency}"),
            ("Added to what it earned", f"{total:+f} {product.currency}"),
            ("Takes effect", "with the settlement of the next close; no wallet is touched before"),
        ],
        target=position,
        approvals=approvals_needed(lines, today=days.platform_date(now)),
        beneficiary=position.owner,
        reason=reason,
        document=document,
    )


def _span(lines: Sequence[Line]) -> str:
    before = {line.principal_before for line in lines}
    after = {line.principal_after for line in lines}
    plain = [
        f"{min(side).normalize():f}" + (f" to {max(side).normalize():f}" if len(side) > 1 else "")
        for side in (before, after)
    ]
    return f"{plain[1]} instead of {plain[0]}"


def _again(position: Position, payload: dict[str, Any]) -> list[Line]:
    """The lines as the same recipe gives them now."""
    recipe = payload["recipe"]
    if "late" in recipe:
        event = PositionEvent.objects.select_related("position__version").get(pk=recipe["late"])
        return preview_late(event, value_on=date.fromisoformat(recipe["value_on"]))
    return preview(
        position,
        by=Decimal(recipe["principal_by"]),
        from_on=date.fromisoformat(recipe["from_on"]),
        until=date.fromisoformat(recipe["until"]),
    )


def _require_new(source_key: str) -> None:
    if Correction.objects.filter(source_key=source_key).exists():
        raise AlreadyAdjusted(source_key=source_key)


def _adjustment(correction: Correction, line: dict[str, Any], booked_on: date) -> AccrualAdjustment:
    return AccrualAdjustment(
        correction=correction,
        position_id=correction.position_id,
        booked_on=booked_on,
        corrects_on=date.fromisoformat(line["corrects_on"]),
        amount=Decimal(line["amount"]),
        reason=correction.reason,
        source_key=f"{correction.source_key}:{line['corrects_on']}",
    )


def _days(from_on: date, until: date) -> Iterator[date]:
    return (from_on + timedelta(days=n) for n in range((until - from_on).days + 1))


def _line(position: Position, day: date, by: Decimal) -> Line | None:
    term = position.terms.filter(Q(to_on__isnull=True) | Q(to_on__gt=day), from_on__lte=day).first()
    if term is not None and not term.earns:
        return None
    before = term.principal if term else Decimal(0)
    rate = term.rate if term else position.version.rate
    after = before + by
    if after < 0:
        raise NotAdjustable(f"On {day} the principal was {before.normalize():f}; it can't have been less than nothing.")
    terms = position.version.terms
    fraction = rules.day_fraction(day, rate_period=terms.rate_period, day_count=terms.day_count)
    amount = rules.accrual_amount(after, rate, fraction) - rules.accrual_amount(before, rate, fraction)
    return Line(day, amount, before, after, rate, fraction) if amount else None


ADJUST = Verb(
    name=VERB,
    title="Adjust accrued returns",
    request_permission="investments.request_adjustment",
    approve_permission="investments.approve_adjustment",
    apply=apply_adjustment,
    target_model=Position,
)
