"""Every verb that moves money, as a pair: `request` freezes it, `apply` posts it when the last approval falls.

Source: LEDGER.md §5, docs/rules/coverage.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.core.files.base import ContentFile

from accounts.errors import PersonDeleted
from accounts.services import deletion
from core.commands import Command, command
from core.errors import DomainError
from ledger import days, posting
from oversight import audit, documents
from oversight import services as oversight
from oversight.models import ApprovalRequest
from treasury import signals
from treasury.models import TreasuryMovement, Verb
from treasury.services import checks, papers, previews, terms
from treasury.services.papers import Paper
from treasury.services.terms import Case, Terms

MAY_ASK: Final = "treasury.request_movement"
MAY_APPROVE: Final = "treasury.approve_movement"


class AlreadyPosted(DomainError):
    code = "already-posted"
    title = "This was posted before"


def check(verb: Verb, *, terms_asked: Terms, paper: Paper, reason: str) -> Case:
    """Refuse what can't be asked for; nothing is written.

    Raises InvalidTerms, UnknownAsset, UnknownCashAccount, UnknownInvestor, DuplicateEvidence, InsufficientBalance,
    ExitsWaiting, FundCommitted, AboveCost, ReceiptIsCapital, PoolMustKeep, CoverageMissing, PersonDeleted.
    """
    case = terms.resolve(verb, terms_asked)
    require_reason(reason)
    paper.require_whole()
    papers.require_unused(paper.source, paper.reference)
    checks.require_allowed(case)
    _require_investor_there(case)
    return case


def ask(verb: Verb, *, terms_asked: Terms, paper: Paper, reason: str, by: Any, now: datetime) -> ApprovalRequest:
    """Check a movement, freeze it with its document, and ask for the approval (body of every `request_x`).

    Raises as `check`, and NotAllowedToAsk, OwnRequest.
    """
    require_may_ask(by, MAY_ASK)
    case = check(verb, terms_asked=terms_asked, paper=paper, reason=reason)
    _hold_investor(case)
    return oversight.ask(
        case.shape.name,
        by=by,
        at=now,
        payload={"terms": terms_asked.frozen(), "paper": paper.frozen()},
        summary=summarise(case, paper),
        target=case.asset,
        beneficiary=case.investor,
        moves_hash=posting.moves_hash(case.kind, case.open_moves()),
        reason=reason,
        document=ContentFile(paper.content, name=paper.name),
    )


def apply(request: ApprovalRequest, by: Any, now: datetime) -> TreasuryMovement:
    """Post what was approved and remember it (step of every `apply_x`).

    Raises as `ask`, and AlreadyPosted, DocumentChanged, PostingRefused.
    """
    verb = Verb(request.verb.removeprefix("treasury."))
    case = terms.resolve(verb, Terms.thaw(request.payload["terms"]))
    checks.require_allowed(case)
    _hold_investor(case)
    returns_capital = case.shape.returns_capital and case.scope.startswith("product:")
    if returns_capital:
        announce_coming(case.scope, case.currency)
    proof = papers.record(request.payload["paper"], documents.read(request), now=now)
    posted = posting.post(
        case.kind,
        case.open_moves(),
        key=papers.posting_key(verb.value, proof),
        now=now,
        actor=by,
        memo=verb.label,
        evidence=proof,
        approval=request.pk,
    )
    if not posted.created:
        raise AlreadyPosted
    checks.require_still_allowed(case)
    movement = _remember(case, request, transaction_id=posted.transaction_id, evidence_id=proof.pk, by=by)
    audit.record(
        case.shape.name,
        actor=by,
        at=now,
        target=movement,
        after={
            "amount": case.terms.amount,
            "currency": case.currency,
            "debit": str(case.debit),
            "credit": str(case.credit),
        },
    )
    if returns_capital:
        announce_return(case.scope, case.currency, now=now)
    return movement


def look(request: ApprovalRequest) -> previews.Summary:
    """Return what the movement would do as things stand now. Raises as `check`."""
    case = terms.resolve(Verb(request.verb.removeprefix("treasury.")), Terms.thaw(request.payload["terms"]))
    checks.require_allowed(case)
    _require_investor_there(case)
    return previews.of_movement(case).lines()


def announce_coming(scope: str, currency: str) -> None:
    """Let the rooms above lock what a return will touch, before the ledger's accounts are locked. A step."""
    signals.capital_returns.send(TreasuryMovement, scope=scope, currency=currency)


def announce_return(scope: str, currency: str, *, now: datetime) -> None:
    """Tell the rooms above that money of a product is there again. A step."""
    signals.capital_returned.send(TreasuryMovement, scope=scope, currency=currency, now=now)


def summarise(case: Case, paper: Paper) -> previews.Summary:
    """Return what requester and approvers see: the terms, then the figures of what will happen."""
    preview = previews.of_movement(case)
    lines = [("Amount", previews.show_amount(case.terms.amount, preview.currency))]
    if case.asset:
        lines.append(("Asset", str(case.asset)))
    if case.investor:
        lines.append(("Investor", str(case.investor)))
    if case.terms.counterparty:
        party = case.terms.counterparty
        lines.append(("Counterparty", f"{party.name}, {party.country}, {party.relation}"))
    if case.terms.income_basis:
        lines.append(("Income, because", case.terms.income_basis))
    lines.append(("Evidence", f"{paper.source}: {paper.reference}"))
    return [*lines, *preview.lines()]


def require_may_ask(by: Any, permission: str) -> None:
    """Raise NotAllowedToAsk before anything is looked up, so that a refusal tells no balance."""
    if not by.has_perm(permission):
        raise oversight.NotAllowedToAsk(f"Asking for this takes {permission}.")


def require_reason(reason: str) -> None:
    """Raise InvalidTerms unless a reason of at most 500 characters is given."""
    if not reason.strip() or len(reason) > 500:
        raise terms.InvalidTerms("Give a reason, in up to 500 characters.", field="reason")


def _require_investor_there(case: Case) -> None:
    """Raise PersonDeleted as applying it would; nothing is locked."""
    if case.shape.credits_investor and case.investor.deleted_at is not None:
        raise PersonDeleted


def _hold_investor(case: Case) -> None:
    """Hold whom the verb credits, before any ledger account is locked. Raises PersonDeleted."""
    if case.shape.credits_investor:
        deletion.require_there(case.investor.pk)


def _remember(
    case: Case, request: ApprovalRequest, *, transaction_id: Any, evidence_id: Any, by: Any
) -> TreasuryMovement:
    party = case.terms.counterparty
    return TreasuryMovement.objects.create(
        verb=case.shape.verb,
        transaction_id=transaction_id,
        request=request,
        evidence_id=evidence_id,
        amount=case.terms.amount,
        currency_id=case.currency,
        scope=case.scope,
        cash=case.terms.cash,
        asset=case.asset,
        investor=case.investor,
        counterparty_name=party.name if party else "",
        counterparty_country=party.country if party else "",
        counterparty_relation=party.relation if party else "",
        reason=request.reason,
        requested_by=request.requested_by,
        approved_by=by,
        booked_on=days.open_day(),
    )


def request_of(verb: Verb) -> Command[..., ApprovalRequest]:
    """Return the command `request_x` of a verb: the fields of Terms as keywords, and paper, reason, by, now."""

    def request(*, paper: Paper, reason: str, by: Any, now: datetime, **asked: Any) -> ApprovalRequest:
        return ask(verb, terms_asked=Terms(**asked), paper=paper, reason=reason, by=by, now=now)

    request.__name__ = f"request_{verb.value}"
    request.__doc__ = f"{verb.label}: freeze it and ask for the approval. Keywords are those of Terms; raises as `ask`."
    return command(request)
