"""What was wrong is corrected by addition: previewed, decided by four eyes, booked by the next close.

An adjustment never rewrites terms, accruals or postings. Source: docs/rules/returns.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.commands import command
from core.errors import DomainError, NotFound
from investments.accrual.statements import lock_products
from investments.adjustments.previews import Line, preview, preview_late, preview_rerun, rerun_key, reruns_of
from investments.models import AccrualAdjustment, Correction, Position, PositionEvent, Product
from investments.settlement.reversals import next_booked_on
from ledger import amounts, days
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.verbs import Verb

VERB = "adjust_returns"
DAYS_FOR_ONE_APPROVER = 5


class AlreadyAdjusted(DomainError):
    code = "already-adjusted"
    title = "This was adjusted before"


class PreviewChanged(DomainError):
    code = "preview-changed"
    title = "The figures are no longer those that were asked for; ask again"


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


@command
def request_rerun_adjustment(
    position_id: UUID, *, day: date, by: Any, reason: str, now: datetime, document: Any = None
) -> ApprovalRequest:
    """Ask that a day which was accrued by other terms earn what its terms give now.

    Each rerun of a day that finds another difference may be asked for; one difference is adjusted once.
    Raises NotFound, NotAdjustable, NothingToAdjust, and what oversight refuses. Source: docs/rules/returns.md §4.
    """
    position = Position.objects.select_related("version", "owner").filter(pk=position_id).first()
    if position is None:
        raise NotFound("There is no such position.")
    lines = preview_rerun(position, day=day)
    before, key = reruns_of(position, day).count(), rerun_key(position, day)
    source_key = f"{key}:{before + 1}" if before else key
    recipe = {"rerun": day.isoformat()}
    return _ask(position, source_key, recipe, lines, by=by, reason=reason, now=now, document=document)


def apply_adjustment(request: ApprovalRequest, by: Any, now: datetime) -> Correction:
    """Keep the correction, exactly as it was previewed, for the next close to book (step).

    Raises AlreadyAdjusted, PreviewChanged.
    """
    payload = request.payload
    position = Position.objects.lock(payload["position"])
    _require_new(payload["source_key"])
    if [line.as_json() for line in _again(position, payload)] != payload["lines"]:
        raise PreviewChanged
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
            ("Principal counted", _span(lines, product.currency)),
            ("Added to what it earned", amounts.change(total, product.currency)),
            ("Takes effect", "with the settlement of the next close; no wallet is touched before"),
        ],
        target=position,
        approvals=approvals_needed(lines, today=days.platform_date(now)),
        beneficiary=position.owner,
        reason=reason,
        document=document,
    )


def _span(lines: Sequence[Line], currency: str) -> str:
    before = {line.principal_before for line in lines}
    after = {line.principal_after for line in lines}
    plain = [
        amounts.show(min(side), currency) + (f" to {amounts.show(max(side), currency)}" if len(side) > 1 else "")
        for side in (before, after)
    ]
    return f"{plain[1]} instead of {plain[0]}"


def _again(position: Position, payload: dict[str, Any]) -> list[Line]:
    """The lines as the same recipe gives them now."""
    recipe = payload["recipe"]
    if "late" in recipe:
        event = PositionEvent.objects.select_related("position__version").get(pk=recipe["late"])
        return preview_late(event, value_on=date.fromisoformat(recipe["value_on"]))
    if "rerun" in recipe:
        return preview_rerun(position, day=date.fromisoformat(recipe["rerun"]))
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


ADJUST = Verb(
    name=VERB,
    title="Adjust accrued returns",
    request_permission="investments.request_adjustment",
    approve_permission="investments.approve_adjustment",
    apply=apply_adjustment,
    target_model=Position,
)
