"""Undo a treasury posting by its exact mirror, once, with four eyes; what is right may then be posted on its paper."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile

from accounts.errors import PersonDeleted
from accounts.services import deletion
from core.commands import command
from core.errors import DomainError, NotFound
from ledger import days, posting
from oversight import audit, documents
from oversight import services as oversight
from oversight.models import ApprovalRequest
from treasury.models import TreasuryMovement, Verb
from treasury.services import checks, papers, previews
from treasury.services.movements import announce_coming, announce_return, require_may_ask, require_reason
from treasury.services.papers import Paper

MAY_ASK: Final = "treasury.request_reversal"
MAY_APPROVE: Final = "treasury.approve_reversal"
NAME: Final = "treasury.reverse"


class UnknownMovement(NotFound):
    code = "unknown-movement"
    title = "There is no such treasury movement"


class NotReversible(DomainError):
    code = "not-reversible"
    title = "A reversal is final, and what was reversed stays so"


@command
def request_reversal(movement_id: UUID, *, paper: Paper, reason: str, by: Any, now: datetime) -> ApprovalRequest:
    """Ask for a treasury posting to be mirrored.

    Raises UnknownMovement, NotReversible, ExitsWaiting, DuplicateEvidence, NotAllowedToAsk, PersonDeleted.
    """
    require_may_ask(by, MAY_ASK)
    movement = _find(movement_id)
    require_reason(reason)
    paper.require_whole()
    papers.require_new(paper.source, paper.reference)
    _hold_credited(movement)
    return oversight.ask(
        NAME,
        by=by,
        at=now,
        payload={"movement": str(movement.pk), "paper": paper.frozen()},
        summary=[*preview_reversal(movement), ("Evidence", f"{paper.source}: {paper.reference}")],
        target=movement,
        beneficiary=movement.investor,
        moves_hash=posting.moves_hash("reversal", posting.mirror_moves(movement.transaction_id)),
        reason=reason,
        document=ContentFile(paper.content, name=paper.name),
    )


def apply_reversal(request: ApprovalRequest, by: Any, now: datetime) -> TreasuryMovement:
    """Mirror the posting and remember that it no longer stands.

    Raises UnknownMovement, NotReversible, ExitsWaiting, InsufficientBalance, FundCommitted, PostingRefused,
    PersonDeleted.
    """
    movement = _find(UUID(request.payload["movement"]))
    _hold_credited(movement)
    returns_capital = movement.verb in (Verb.DEPLOY, Verb.WRITE_DOWN)
    if returns_capital:
        announce_coming(movement.scope, movement.currency_id)
    proof = papers.record(request.payload["paper"], documents.read(request), now=now)
    posted = posting.reverse(
        movement.transaction_id, now=now, actor=by, approval=request.pk, memo=f"reversal: {movement.get_verb_display()}"
    )
    if not posted.created:
        raise NotReversible
    _require_no_exits(movement)
    reversal = TreasuryMovement.objects.create(
        verb=Verb.REVERSE,
        transaction_id=posted.transaction_id,
        request=request,
        evidence=proof,
        amount=movement.amount,
        currency_id=movement.currency_id,
        scope=movement.scope,
        cash=movement.cash,
        asset=movement.asset,
        investor=movement.investor,
        counterparty_name=movement.counterparty_name,
        counterparty_country=movement.counterparty_country,
        counterparty_relation=movement.counterparty_relation,
        reason=request.reason,
        requested_by=request.requested_by,
        approved_by=by,
        booked_on=days.open_day(),
        reverses=movement,
    )
    audit.record(NAME, actor=by, at=now, target=movement, after={"reversal": str(reversal.pk)}, reason=request.reason)
    if returns_capital:
        announce_return(movement.scope, movement.currency_id, now=now)
    return reversal


def look(request: ApprovalRequest) -> previews.Summary:
    """Return what the mirror would do as things stand now.

    Raises UnknownMovement, NotReversible, ExitsWaiting, PersonDeleted.
    """
    movement = _find(UUID(request.payload["movement"]))
    _require_credited_there(movement)
    return previews.of_mirror(movement).lines()


def preview_reversal(movement: TreasuryMovement) -> previews.Summary:
    """Return what mirroring a movement would do to balances and coverage. Raises PersonDeleted."""
    _require_credited_there(movement)
    preview = previews.of_mirror(movement)
    return [
        ("Reverses", f"{movement.get_verb_display()} of {movement.booked_on}"),
        ("Amount", previews.show_amount(movement.amount, preview.currency)),
        ("Its reason was", movement.reason),
        *preview.lines(),
    ]


def _find(movement_id: UUID) -> TreasuryMovement:
    movement = TreasuryMovement.objects.filter(pk=movement_id).select_related("currency", "asset", "investor").first()
    if movement is None:
        raise UnknownMovement
    if movement.reverses_id is not None or TreasuryMovement.objects.filter(reverses=movement).exists():
        raise NotReversible
    _require_no_exits(movement)
    return movement


def _require_no_exits(movement: TreasuryMovement) -> None:
    """A divest undone puts money to work again, which waiting investors come before."""
    if movement.verb == Verb.DIVEST:
        checks.require_no_exits(movement.scope, movement.currency_id)


def _credited(movement: TreasuryMovement) -> list[UUID]:
    """Whom the mirror gives money: what was taken off a wallet goes back to it."""
    owners = {move.credit.owner_id for move in posting.mirror_moves(movement.transaction_id)}
    return sorted(owner for owner in owners if owner is not None)


def _hold_credited(movement: TreasuryMovement) -> None:
    """Hold whom the mirror credits, before any ledger account is locked. Raises PersonDeleted."""
    for person_id in _credited(movement):
        deletion.require_there(person_id)


def _require_credited_there(movement: TreasuryMovement) -> None:
    """Raise PersonDeleted as applying it would; nothing is locked."""
    if get_user_model().objects.filter(pk__in=_credited(movement), deleted_at__isnull=False).exists():
        raise PersonDeleted
