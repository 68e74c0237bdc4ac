"""What confirms the books: valuations of assets and balances from bank statements. They post nothing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from core.commands import command
from core.errors import DomainError
from ledger import accounts, days
from oversight import audit, documents
from oversight import services as oversight
from oversight.models import ApprovalRequest
from treasury.models import Asset, StatementBalance, Valuation
from treasury.services import papers, previews, terms
from treasury.services.movements import require_may_ask, require_reason
from treasury.services.papers import Paper

MAY_ASK: Final = "treasury.request_proof"
MAY_APPROVE: Final = "treasury.approve_proof"
DRIFTING: Final = (*previews.DRIFTING, previews.BOOKS)
"""What drifts beside a statement: the books of a cash account move with each deposit."""
MAY_OPEN_ASSET: Final = "treasury.add_asset"


class AssetExists(DomainError):
    code = "asset-exists"
    title = "This product has an asset of that name"


@command
def open_asset(*, scope: str, currency: str, name: str, by: Any, now: datetime) -> Asset:
    """Open an asset of a product; money reaches it only by `deploy`.

    Raises InvalidTerms, UnknownCurrency, AssetExists, NotAllowedToAsk.
    """
    require_may_ask(by, MAY_OPEN_ASSET)
    accounts.require_currency(currency)
    terms.require_product_scope(scope, currency)
    if not name.strip() or len(name) > 120:
        raise terms.InvalidTerms("Name the asset, in up to 120 characters.", field="name")
    try:
        with transaction.atomic():
            asset = Asset.objects.create(scope=scope, currency_id=currency, name=name.strip(), opened_by=by)
    except IntegrityError as error:
        raise AssetExists from error
    audit.record("treasury.open_asset", actor=by, at=now, target=asset, after={"scope": scope, "currency": currency})
    return asset


@command
def request_value_asset(
    *, asset: UUID, amount: Decimal, valued_on: date, paper: Paper, reason: str, by: Any, now: datetime
) -> ApprovalRequest:
    """Ask for a dated valuation of an asset to be recorded; zero says that it is worthless.

    Raises InvalidTerms, UnknownAsset, DuplicateEvidence, NotAllowedToAsk.
    """
    require_may_ask(by, MAY_ASK)
    return _ask(
        "treasury.value_asset",
        {"asset": str(asset), "amount": f"{amount:f}", "day": valued_on.isoformat()},
        preview_valuation(asset, amount=amount, valued_on=valued_on, now=now),
        target=terms.find_asset(asset),
        paper=paper,
        reason=reason,
        by=by,
        now=now,
    )


def apply_value_asset(request: ApprovalRequest, by: Any, now: datetime) -> Valuation:
    """Record the valuation that was approved. Raises DuplicateEvidence."""
    frozen = request.payload["terms"]
    row = Valuation.objects.create(
        asset=terms.find_asset(UUID(frozen["asset"])),
        valued_on=date.fromisoformat(frozen["day"]),
        **_proof(request, by, now),
    )
    audit.record(request.verb, actor=by, at=now, target=row, after=frozen)
    return row


@command
def request_record_statement_balance(
    *, cash: str, currency: str, balance: Decimal, day: date, paper: Paper, reason: str, by: Any, now: datetime
) -> ApprovalRequest:
    """Ask for what a bank or provider says it held at the end of a day to be recorded; it may be below zero.

    Raises InvalidTerms, UnknownCashAccount, UnknownCurrency, DuplicateEvidence, NotAllowedToAsk.
    """
    require_may_ask(by, MAY_ASK)
    return _ask(
        "treasury.record_statement_balance",
        {"cash": cash, "currency": currency, "amount": f"{balance:f}", "day": day.isoformat()},
        preview_statement(cash, currency, balance=balance, day=day, now=now),
        target=None,
        paper=paper,
        reason=reason,
        by=by,
        now=now,
    )


def apply_record_statement_balance(request: ApprovalRequest, by: Any, now: datetime) -> StatementBalance:
    """Record the statement balance that was approved. Raises DuplicateEvidence."""
    frozen = request.payload["terms"]
    row = StatementBalance.objects.create(
        cash=frozen["cash"],
        currency_id=frozen["currency"],
        day=date.fromisoformat(frozen["day"]),
        **_proof(request, by, now),
    )
    audit.record(request.verb, actor=by, at=now, target=row, after=frozen)
    return row


def preview_valuation(asset: UUID, *, amount: Decimal, valued_on: date, now: datetime) -> previews.Summary:
    """Return what a valuation would do to coverage. Raises InvalidTerms, UnknownAsset."""
    found = terms.find_asset(asset)
    terms.require_amount(amount, accounts.require_currency(found.currency_id), may_be_zero=True)
    _require_past(valued_on, now=now)
    preview = previews.of_valuation(found, amount=amount, on=valued_on)
    return [("Asset", str(found)), ("Valued on", valued_on.isoformat()), *preview.lines()]


def preview_statement(cash: str, currency: str, *, balance: Decimal, day: date, now: datetime) -> previews.Summary:
    """Return what a statement would do to coverage. Raises InvalidTerms, UnknownCashAccount, UnknownCurrency."""
    known = accounts.require_currency(currency)
    terms.require_amount(balance, known, may_be_zero=True, may_be_negative=True)
    terms.require_cash(cash, currency)
    _require_past(day, now=now)
    preview = previews.of_statement(cash, currency, amount=balance, on=day)
    return [("Account", f"{cash} {currency}"), ("Statement of", day.isoformat()), *preview.lines()]


def look_at_valuation(request: ApprovalRequest) -> previews.Summary:
    """Return what the valuation would do to coverage as things stand now. Raises UnknownAsset."""
    frozen = request.payload["terms"]
    asset, day = terms.find_asset(UUID(frozen["asset"])), date.fromisoformat(frozen["day"])
    return previews.of_valuation(asset, amount=Decimal(frozen["amount"]), on=day).lines()


def look_at_statement(request: ApprovalRequest) -> previews.Summary:
    """Return what the statement would do to coverage as things stand now."""
    frozen = request.payload["terms"]
    amount, day = Decimal(frozen["amount"]), date.fromisoformat(frozen["day"])
    return previews.of_statement(frozen["cash"], frozen["currency"], amount=amount, on=day).lines()


def _ask(
    verb: str,
    frozen: dict[str, str],
    summary: previews.Summary,
    *,
    target: Asset | None,
    paper: Paper,
    reason: str,
    by: Any,
    now: datetime,
) -> ApprovalRequest:
    require_reason(reason)
    paper.require_whole()
    papers.require_new(paper.source, paper.reference)
    return oversight.ask(
        verb,
        by=by,
        at=now,
        payload={"terms": frozen, "paper": paper.frozen()},
        summary=[*summary, ("Evidence", f"{paper.source}: {paper.reference}")],
        target=target,
        reason=reason,
        document=ContentFile(paper.content, name=paper.name),
    )


def _proof(request: ApprovalRequest, by: Any, now: datetime) -> dict[str, Any]:
    paper = request.payload["paper"]
    papers.require_new(paper["source"], paper["reference"])
    return {
        "amount": Decimal(request.payload["terms"]["amount"]),
        "evidence": papers.record(paper, documents.read(request), now=now),
        "request": request,
        "requested_by": request.requested_by,
        "approved_by": by,
    }


def _require_past(day: date, *, now: datetime) -> None:
    if day > days.platform_date(now):
        raise terms.InvalidTerms("That day hasn't come yet.", field="day")
