"""Take a funding or a withdrawal back, with four eyes: the exact mirror in the ledger, and terms from tomorrow on.

What was earned meanwhile stays until an adjustment corrects it: a reversal never rewrites the past.
Source: docs/rules/returns.md §2, docs/rules/ledger.md §2.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from core.commands import command
from core.errors import NotFound
from investments.errors import NotReversible
from investments.models import ExitRequest, Position, PositionEvent
from investments.rules import ONE_DAY
from investments.services import events, terms
from investments.services.exits import ended_on, waiting_amount
from ledger import amounts, posting
from ledger.models import Transaction
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.states import move_to
from oversight.verbs import Verb

Status = Position.Status
FUNDINGS = (PositionEvent.Verb.FUND, PositionEvent.Verb.TOP_UP)
OPEN = (Status.ACTIVE, Status.PAUSED)
VERB = "reverse_position_posting"


@command
def request_reversal(event_id: UUID, *, by: Any, reason: str, now: datetime) -> ApprovalRequest:
    """Ask that a funding, top-up or withdrawal be taken back.

    Raises NotFound, NotReversible, and what oversight refuses.
    """
    event = PositionEvent.objects.select_related("position__product", "owner").filter(pk=event_id).first()
    if event is None:
        raise NotFound("There is no such event.")
    position = Position.objects.lock(event.position_id)
    transaction_id = _require_reversible(event, position)
    currency = position.product.currency
    return oversight.ask(
        VERB,
        by=by,
        at=now,
        payload={"event": str(event.pk), "transaction": str(transaction_id)},
        summary=[
            ("What is taken back", event.get_verb_display()),
            ("Position", str(position.pk)),
            ("Amount", amounts.show(event.amount, currency)),
            ("of it penalty", amounts.show(event.penalty, currency)),
            ("Booked for", event.value_on.isoformat()),
            ("Principal now", amounts.show(position.principal, currency)),
            ("Principal then", amounts.show(_principal_then(event, position), currency)),
        ],
        target=position,
        beneficiary=event.owner,
        moves_hash=posting.moves_hash("reversal", posting.mirror_moves(transaction_id)),
        reason=reason,
    )


def apply_reversal(request: ApprovalRequest, by: Any, now: datetime) -> PositionEvent:
    """Post the mirror and put principal, terms and state right (step).

    Raises NotReversible, InsufficientBalance, FundCommitted, PostingRefused.
    """
    event = PositionEvent.objects.get(pk=request.payload["event"])
    position = Position.objects.lock(event.position_id)
    transaction_id = _require_reversible(event, position)
    posted = posting.reverse(transaction_id, now=now, actor=by, approval=request.pk, memo="")
    value_on = events.day_of(now, None)
    before = position.principal
    position.principal = _principal_then(event, position)
    if event.verb in FUNDINGS:
        position.deposited -= event.amount
    else:
        position.withdrawn -= event.amount
    position.save(update_fields=["principal", "deposited", "withdrawn"])
    terms.change_principal(position, from_on=value_on + ONE_DAY, by=position.principal - before)
    if not position.principal:
        terms.stop_earning(position, from_on=value_on + ONE_DAY)
        move_to(
            position,
            Status.CANCELLED,
            by=by,
            at=now,
            reason="its funding was reversed",
            last_on=ended_on(position, value_on),
        )
    return events.record(
        position,
        PositionEvent.Verb.REVERSE,
        now=now,
        value_on=value_on,
        actor=by,
        event_id=uuid7(),
        amount=event.amount,
        penalty=event.penalty,
        transaction=posted.transaction_id,
        reason=request.reason,
    )


def _principal_then(event: PositionEvent, position: Position) -> Any:
    return position.principal + (-event.amount if event.verb in FUNDINGS else event.amount)


def _require_reversible(event: PositionEvent, position: Position) -> UUID:
    if event.transaction is None or event.verb not in (*FUNDINGS, PositionEvent.Verb.WITHDRAW):
        raise NotReversible("Only fundings, top-ups and withdrawals can be taken back.")
    if position.status not in OPEN:
        raise NotReversible(f"The position is {position.get_status_display()}.", status=position.status)
    if Transaction.objects.filter(reverses_id=event.transaction).exists():
        raise NotReversible("It was taken back before.")
    waiting = waiting_amount(position)
    if waiting and _principal_then(event, position) <= waiting:
        raise NotReversible("What is left of this money waits in line to leave.")
    if position.exits.waiting().exclude(kind=ExitRequest.Kind.WITHDRAWAL).exists():
        raise NotReversible("It waits in line to leave whole.")
    return event.transaction


REVERSE = Verb(
    name=VERB,
    title="Reverse a position's funding or withdrawal",
    request_permission="investments.request_reversal",
    approve_permission="investments.approve_reversal",
    apply=apply_reversal,
    target_model=Position,
    target_fields=("principal", "status"),
)
