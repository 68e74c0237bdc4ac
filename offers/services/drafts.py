"""Draft offers, publish them with four eyes, and change what may still change of a live one.

Source: docs/rules/offers.md §1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction

import protection.services as protection
from core.commands import command
from core.states import require_move
from ledger import accounts, amounts, days
from offers.errors import CapBelowCommitted, CapBelowTarget, DeadlineOver, TermsFixed, TermsRefused
from offers.models import Offer
from offers.services import waiting
from offers.services.rows import locked
from offers.terms import DRAFTED, LIVING
from oversight import audit
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.permissions import require_permission
from oversight.states import move_to
from oversight.verbs import Verb

Status = Offer.Status

DRAFT: Final = "offers.draft_offer"
STEER: Final = "offers.steer_offer"
_SHOWN: Final = ("code", "currency", "max_amount", "target", "funding", "deadline", "maturity_date", "risk_class")


@command
def draft_offer(terms: Mapping[str, Any], *, by: Any, now: datetime) -> Offer:
    """Write an offer that nobody sees yet. `terms` are `code` and DRAFTED. Raises Forbidden, TermsRefused."""
    require_permission(by, DRAFT)
    offer = Offer(**{name: terms[name] for name in ("code", *DRAFTED) if name in terms})
    _require_whole(offer)
    try:
        with transaction.atomic():
            offer.save(force_insert=True)
    except IntegrityError:
        _require_whole(offer)  # Somebody else drafted one of this code at the same moment.
        raise
    offer.refresh_from_db()  # An approval hashes the figures as they are stored.
    audit.record("offers.offer.drafted", actor=by, at=now, target=offer, after=figures(offer))
    return offer


@command
def change_offer(offer_id: UUID, changes: Mapping[str, Any], *, by: Any, now: datetime) -> Offer:
    """Edit a draft, or the cap and the texts without legal effect of an offer that gathers money.

    Under a higher cap those who wait come first. What is as it was isn't written. Raises OfferNotFound, Forbidden,
    TermsFixed, CapBelowCommitted, CapBelowTarget, TermsRefused.
    """
    offer = locked(offer_id)
    _require_changeable(offer, changes, by=by)
    before = {name: getattr(offer, name) for name, value in changes.items() if getattr(offer, name) != value}
    if not before:
        return offer
    after = {name: changes[name] for name in before}
    for name, value in after.items():
        setattr(offer, name, value)
    if offer.max_amount < offer.committed_amount:
        raise CapBelowCommitted(committed=str(offer.committed_amount))
    if offer.status != Status.DRAFT and offer.is_all_or_nothing and offer.max_amount < offer.target:
        raise CapBelowTarget(target=str(offer.target))
    _require_whole(offer)
    offer.save(update_fields=list(after))
    audit.record("offers.offer.changed", actor=by, at=now, target=offer, before=before, after=after)
    if offer.status == Status.LIVE:
        waiting.give_on_after_commit(offer, now=now)
    return offer


@command
def request_publication(offer_id: UUID, *, by: Any, reason: str, now: datetime) -> ApprovalRequest:
    """Ask that a draft go live.

    Raises OfferNotFound, IllegalMove, DeadlineOver, DisclosureChanged, and what oversight refuses.
    """
    offer = locked(offer_id)
    _require_publishable(offer, now)
    protection.require_publishable(subject=offer.scope, version=offer.disclosure_version, body=offer.disclosure)
    return oversight.ask(
        PUBLISH.name,
        by=by,
        at=now,
        payload={"offer": str(offer.pk)},
        summary=terms_in_words(offer),
        target=offer,
        reason=reason,
    )


def apply_publication(request: ApprovalRequest, by: Any, now: datetime) -> Offer:
    """Open the offer to investors and publish its key information sheet (step)."""
    offer = locked(UUID(request.payload["offer"]))
    _require_publishable(offer, now)
    protection.publish(
        subject=offer.scope,
        version=offer.disclosure_version,
        title=offer.name,
        body=offer.disclosure,
        by=by,
        now=now,
    )
    move_to(offer, Status.LIVE, by=by, at=now, reason=request.reason, published_at=now)
    return offer


@command
def pause_offer(offer_id: UUID, *, by: Any, reason: str, now: datetime) -> Offer:
    """Take no money until it is resumed; what is reserved stays so. Raises OfferNotFound, Forbidden, IllegalMove."""
    require_permission(by, STEER)
    offer = locked(offer_id)
    move_to(offer, Status.PAUSED, by=by, at=now, reason=reason)
    return offer


@command
def resume_offer(offer_id: UUID, *, by: Any, reason: str, now: datetime) -> Offer:
    """Take money again, first from those who wait. Raises OfferNotFound, Forbidden, IllegalMove, DeadlineOver."""
    require_permission(by, STEER)
    offer = locked(offer_id)
    require_move(Offer.MOVES, offer.status, Status.LIVE)
    _require_before_deadline(offer, now)
    move_to(offer, Status.LIVE, by=by, at=now, reason=reason)
    waiting.give_on_after_commit(offer, now=now)
    return offer


def is_publication_waiting(offer: Offer) -> bool:
    """Answer whether a request waits that would publish this draft as it is now; one of other terms is void."""
    asked = ApprovalRequest.objects.open().about(offer).filter(verb=PUBLISH.name)
    present = oversight.target_hash(PUBLISH, offer)
    return any(bytes(each.target_hash or b"") == present for each in asked)


def terms_in_words(offer: Offer) -> list[tuple[str, str]]:
    """The terms as an officer checks them."""
    code = offer.currency
    most = "the cap" if offer.maximum_ticket is None else amounts.show(offer.maximum_ticket, code)
    return [
        ("Offer", f"{offer.name} ({offer.code})"),
        ("Cap", amounts.show(offer.max_amount, code)),
        ("Target", f"{amounts.show(offer.target, code)}, {offer.get_funding_display()}"),
        ("Tickets", f"from {amounts.show(offer.minimum_ticket, code)} to {most}"),
        ("Gathers until", str(offer.deadline)),
        ("Matures", str(offer.maturity_date)),
        ("Expected, not promised", f"{amounts.percent(offer.expected_return)} {offer.return_basis}"),
        ("Risk class", f"{offer.risk_class} of 7"),
        ("KYC level", str(offer.kyc_level)),
        ("Key information sheet", f"version {offer.disclosure_version}"),
    ]


def figures(offer: Offer) -> dict[str, str]:
    """What the audit trail says of an offer."""
    return {name: str(getattr(offer, name)) for name in _SHOWN}


def _require_changeable(offer: Offer, changes: Mapping[str, Any], *, by: Any) -> None:
    is_draft = offer.status == Status.DRAFT
    require_permission(by, DRAFT if is_draft else STEER)
    if offer.status not in (Status.DRAFT, Status.LIVE, Status.PAUSED):
        raise TermsFixed(status=offer.status)
    fixed = sorted(set(changes) - set(DRAFTED if is_draft else LIVING))
    if fixed:
        raise TermsFixed(fields=fixed)


def _require_publishable(offer: Offer, now: datetime) -> None:
    if offer.status != Status.DRAFT:
        require_move(Offer.MOVES, offer.status, Status.LIVE)
        raise TermsFixed(status=offer.status)  # Paused: that is resumed, not published again.
    _require_before_deadline(offer, now)


def _require_before_deadline(offer: Offer, now: datetime) -> None:
    if days.platform_date(now) > offer.deadline:
        raise DeadlineOver(deadline=offer.deadline.isoformat())


def _require_whole(offer: Offer) -> None:
    """Raise TermsRefused unless the terms make an offer, in amounts that its currency has."""
    unit = accounts.require_currency(offer.currency).unit
    columns = ("max_amount", "minimum_ticket", "maximum_ticket", "target")
    wrong = {
        name: [f"{offer.currency} has no smaller unit than {unit}."]
        for name in columns
        if (value := getattr(offer, name)) is not None and value % unit
    }
    if not isinstance(offer.metadata, dict) or not _is_exact(offer.metadata):
        wrong["metadata"] = ["Metadata is an object; a number in it that isn't whole is written as a string."]
    try:
        offer.full_clean()
    except ValidationError as refused:
        wrong |= _by_field(refused)
    if wrong:
        raise TermsRefused(" ".join(text for texts in wrong.values() for text in texts), fields=wrong)


def _by_field(refused: ValidationError) -> dict[str, list[str]]:
    """What is wrong with which term; a CHECK over several names one of them as its code."""
    wrong: dict[str, list[str]] = {}
    for name, errors in refused.error_dict.items():
        for error in errors:
            field = str(error.code) if name == NON_FIELD_ERRORS else name
            wrong.setdefault(field, []).extend(error.messages)
    return wrong


def _is_exact(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_exact, value.values()))
    return all(map(_is_exact, value)) if isinstance(value, list) else not isinstance(value, float | Decimal)


PUBLISH = Verb(
    name="offers.publish",
    title="Publish an offer",
    request_permission="offers.request_publication",
    approve_permission="offers.approve_publication",
    apply=apply_publication,
    target_model=Offer,
    target_fields=("code", "status", *DRAFTED),
)
