"""Distribute income and share a loss, pro rata to the last unit, with four eyes.

The shares are worked out when they are asked for, shown and frozen by their hash, and must be the same when the last
approval falls. Source: docs/rules/offers.md §5.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from core.commands import command
from core.states import require_move
from ledger import amounts, days, posting
from ledger.accounts import require_currency
from ledger.posting import InsufficientBalance, Move
from offers import notices
from offers.errors import DeedRefused, NothingAtWork, SharesChanged
from offers.models import Offer, OfferDeed
from offers.services import accounts
from offers.services.rows import has_part, locked
from oversight import audit
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.verbs import Verb

DISTRIBUTE, LOSE = OfferDeed.Verb.DISTRIBUTE, OfferDeed.Verb.LOSE


class Shared(NamedTuple):
    """What sharing an amount gives: among how many investments, of what principal, and the hash of all shares.

    Where no principal is left, income that comes late is shared by what was put in: that is `principal` then.
    """

    investments: int
    principal: Decimal
    smallest: Decimal
    largest: Decimal
    sha256: str


class Share(NamedTuple):
    """One investment's part, for a preview."""

    investment: UUID
    investor: UUID
    principal: Decimal
    amount: Decimal


def preview(offer: Offer, verb: OfferDeed.Verb, amount: Decimal, *, first: int = 20) -> tuple[Shared, list[Share]]:
    """Return what sharing this amount would give, and the first investments' shares, to the unit.

    Raises what asking for it would.
    """
    _REQUIRED[verb](offer, amount)
    return shared_among(offer, amount, first=first)


def shared_among(offer: Offer, amount: Decimal, *, first: int) -> tuple[Shared, list[Share]]:
    """Return what sharing this amount would give, and the first shares, whatever there is to share.

    Raises DeedRefused, NothingAtWork.
    """
    shares = _shares(offer)
    shared = _sum(offer, amount, shares)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{shares} SELECT id, investor_id, principal, amount FROM shares ORDER BY id LIMIT %(first)s",
            {**_given(offer, amount), "first": first},
        )
        return shared, [Share(*row) for row in cursor.fetchall()]


def share(offer: Offer, amount: Decimal) -> Shared:
    """Work out the shares as things stand. Raises DeedRefused, NothingAtWork."""
    return _sum(offer, amount, _shares(offer))


@command
def request_distribution(offer_id: UUID, *, amount: Decimal, by: Any, reason: str, now: datetime) -> ApprovalRequest:
    """Ask that so much of the offer's pool be paid to its investors.

    Raises OfferNotFound, IllegalMove, DeedRefused, NothingAtWork, InsufficientBalance, and what oversight refuses.
    """
    offer = locked(offer_id)
    _require_pooled(offer, amount)
    return _ask(offer, DISTRIBUTION, amount, by=by, reason=reason, now=now, moves_hash=_reserve_hash(offer, amount))


@command
def request_loss(offer_id: UUID, *, amount: Decimal, by: Any, reason: str, now: datetime) -> ApprovalRequest:
    """Ask that so much of a loss, which the treasury has written down, be borne by the investors.

    Raises OfferNotFound, IllegalMove, DeedRefused, NothingAtWork, and what oversight refuses.
    """
    offer = locked(offer_id)
    _require_lost(offer, amount)
    return _ask(offer, LOSS, amount, by=by, reason=reason, now=now)


def apply_distribution(request: ApprovalRequest, by: Any, now: datetime) -> OfferDeed:
    """Take the amount from the pool and pay each investor their share (step)."""
    offer = locked(UUID(request.payload["offer"]))
    amount = Decimal(request.payload["amount"])
    _require_pooled(offer, amount)
    deed = _begin(offer, DISTRIBUTE, amount, request, now=now)
    reserved = posting.post(
        "distribution_reserve",
        _reserve_moves(offer, amount),
        key=f"distribution_reserve:{deed.pk}",
        now=now,
        actor=by,
        approval=request.pk,
    )
    deed.reserve = reserved.transaction_id
    _share_out(deed, request, by=by, now=now)
    posting.post_query("distribution", _PAID, _given(offer, amount, deed), now=now)
    notices.tell_shares(deed, now=now)
    return deed


def apply_loss(request: ApprovalRequest, by: Any, now: datetime) -> OfferDeed:
    """Take each investor's share of the loss from their principal (step)."""
    offer = locked(UUID(request.payload["offer"]))
    amount = Decimal(request.payload["amount"])
    _require_lost(offer, amount)
    deed = _begin(offer, LOSE, amount, request, now=now)
    _share_out(deed, request, by=by, now=now)
    posting.post_query("investor_loss", _LOST, _given(offer, amount, deed), now=now)
    with connection.cursor() as cursor:
        cursor.execute(_BEAR, {"deed": deed.pk})
    notices.tell_shares(deed, now=now)
    return deed


def look_at(request: ApprovalRequest) -> list[tuple[str, str]]:
    """Say how the amount would be shared as things stand. Raises SharesChanged, and what asking raised."""
    offer = Offer.objects.get(pk=request.payload["offer"])
    amount = Decimal(request.payload["amount"])
    _REQUIRED[DISTRIBUTE if request.verb == DISTRIBUTION else LOSE](offer, amount)
    shared = share(offer, amount)
    _require_approved(shared.sha256, request)
    return _summary(offer, amount, shared)


def _ask(
    offer: Offer, verb: str, amount: Decimal, *, by: Any, reason: str, now: datetime, moves_hash: bytes | None = None
) -> ApprovalRequest:
    shared = share(offer, amount)
    return oversight.ask(
        verb,
        by=by,
        at=now,
        payload={
            "offer": str(offer.pk),
            "amount": str(amount),
            "principal": str(shared.principal),
            "investments": shared.investments,
            "shares_sha256": shared.sha256,
        },
        summary=_summary(offer, amount, shared),
        target=offer,
        moves_hash=moves_hash,
        reason=reason,
    )


def _summary(offer: Offer, amount: Decimal, shared: Shared) -> list[tuple[str, str]]:
    code = offer.currency
    return [
        ("Offer", offer.name),
        ("Amount", amounts.show(amount, code)),
        ("Among", f"{shared.investments:,} investments of {amounts.show(shared.principal, code)}"),
        ("Shares", f"{amounts.show(shared.smallest, code)} to {amounts.show(shared.largest, code)}"),
    ]


def _begin(offer: Offer, verb: str, amount: Decimal, request: ApprovalRequest, *, now: datetime) -> OfferDeed:
    return OfferDeed(
        id=uuid7(),
        offer=offer,
        verb=verb,
        amount=amount,
        principal=Decimal(request.payload["principal"]),
        investments=request.payload["investments"],
        request=request.pk,
        value_on=days.platform_date(now),
        made_at=now,
    )


def _share_out(deed: OfferDeed, request: ApprovalRequest, *, by: Any, now: datetime) -> None:
    """Write the deed and its shares. Raises SharesChanged where they aren't those that were approved."""
    deed.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(f"{_shares(deed.offer)} {_KEEP}", _given(deed.offer, deed.amount, deed))
        (sha256,) = cursor.fetchone()
    _require_approved(sha256, request)
    figures = {"amount": str(deed.amount), "investments": deed.investments}
    audit.record(f"offers.{deed.verb}", actor=by, at=now, target=deed.offer, after=figures)


def _reserve_moves(offer: Offer, amount: Decimal) -> list[Move]:
    return [Move(accounts.pool(offer), accounts.due(offer), amount)]


def _reserve_hash(offer: Offer, amount: Decimal) -> bytes:
    return posting.moves_hash("distribution_reserve", _reserve_moves(offer, amount))


def _require_pooled(offer: Offer, amount: Decimal) -> None:
    if not offer.has_closed:
        _require_closed(offer)
    if accounts.income_left(offer) < amount:
        raise InsufficientBalance("The offer's pool doesn't hold this amount.")


def _require_lost(offer: Offer, amount: Decimal) -> None:
    _require_closed(offer)
    lost = accounts.loss_left(offer)
    if lost < amount:
        raise DeedRefused(f"Written down and not shared yet are {amounts.show(lost, offer.currency)}.", field="amount")


_REQUIRED: Final = {DISTRIBUTE: _require_pooled, LOSE: _require_lost}


def _require_closed(offer: Offer) -> None:
    if offer.status != Offer.Status.CLOSED:
        require_move({Offer.Status.CLOSED: {"shared"}}, offer.status, "shared")


def _require_approved(shares_sha256: str, request: ApprovalRequest) -> None:
    if shares_sha256 != request.payload["shares_sha256"]:
        raise SharesChanged


def _sum(offer: Offer, amount: Decimal, shares: str) -> Shared:
    unit = require_currency(offer.currency).unit
    if amount <= 0 or amount % unit:
        raise DeedRefused(f"An amount in {offer.currency} is a multiple of {unit}.", field="amount")
    with connection.cursor() as cursor:
        cursor.execute(f"{shares} {_SUMMED}", _given(offer, amount))
        row = cursor.fetchone()
    if not row[0]:
        raise NothingAtWork
    return Shared(*row)


def _shares(offer: Offer) -> str:
    """Write the query's head: pro rata of what is at work, or of what was put in where nothing is left of it."""
    is_at_work = offer.investments.filter(principal__gt=0).exists()
    return _SHARES.format(part="principal" if is_at_work else "accepted_amount")


def _given(offer: Offer, amount: Decimal, deed: OfferDeed | None = None) -> dict[str, Any]:
    return {
        "offer": offer.pk,
        "amount": amount,
        "unit": require_currency(offer.currency).unit,
        "currency": offer.currency,
        "scope": offer.scope,
        "deed": deed.pk if deed else None,
    }


# Whole units by exact division; the units that are left go to the largest remainders, the earlier investment first.
_SHARES: Final = """
    WITH held AS MATERIALIZED (
        SELECT id, investor_id, {part} AS principal, sum({part}) OVER () AS total
        FROM offers_offerinvestment WHERE offer_id = %(offer)s AND status IN ('committed', 'repaid') AND {part} > 0
    ), divided AS MATERIALIZED (
        SELECT *, div(%(amount)s / %(unit)s * principal, total) AS units,
               mod(%(amount)s / %(unit)s * principal, total) AS remainder
        FROM held
    ), ranked AS (
        SELECT *, row_number() OVER (ORDER BY remainder DESC, id) AS place,
               %(amount)s / %(unit)s - sum(units) OVER () AS left_over
        FROM divided
    ), shares AS (
        SELECT id, investor_id, principal, total, (units + (place <= left_over)::int) * %(unit)s AS amount
        FROM ranked ORDER BY id
    )
"""
_SHA256: Final = """
    encode(sha256(convert_to(
        COALESCE(string_agg(id || ':' || trim_scale(amount), ',' ORDER BY id), ''), 'UTF8')), 'hex')
"""
_SUMMED: Final = f"SELECT count(*), max(total), min(amount), max(amount), {_SHA256} FROM shares"
_KEEP: Final = f"""
    , kept AS (
        INSERT INTO offers_offershare (deed_id, investment_id, amount)
        SELECT %(deed)s, id, amount FROM shares WHERE amount > 0
    )
    SELECT {_SHA256} FROM shares
"""
_PAID: Final = """
    SELECT 'distribution:' || s.deed_id || ':' || s.investment_id AS key, d.id AS debit, w.id AS credit,
           %(currency)s AS currency, s.amount
    FROM offers_offershare s
    JOIN offers_offerinvestment i ON i.id = s.investment_id
    JOIN ledger_account w ON w.kind = 'available' AND w.owner_id = i.investor_id AND w.subject = '' AND w.scope = ''
        AND w.currency_id = %(currency)s
    JOIN ledger_account d ON d.kind = 'returns_due' AND d.subject = '' AND d.scope = %(scope)s
        AND d.currency_id = %(currency)s
    WHERE s.deed_id = %(deed)s
"""
_LOST: Final = """
    SELECT 'investor_loss:' || s.deed_id || ':' || s.investment_id AS key, p.id AS debit, f.id AS credit,
           %(currency)s AS currency, s.amount
    FROM offers_offershare s
    JOIN offers_offerinvestment i ON i.id = s.investment_id
    JOIN ledger_account p ON p.kind = 'principal' AND p.owner_id = i.investor_id AND p.subject = i.id::text
        AND p.scope = %(scope)s AND p.currency_id = %(currency)s
    JOIN ledger_account f ON f.kind = 'shortfall' AND f.subject = '' AND f.scope = %(scope)s
        AND f.currency_id = %(currency)s
    WHERE s.deed_id = %(deed)s
"""
_BEAR: Final = """
    UPDATE offers_offerinvestment i SET principal = i.principal - s.amount
    FROM offers_offershare s WHERE s.deed_id = %(deed)s AND i.id = s.investment_id
"""

DISTRIBUTION: Final = "offers.distribute"
LOSS: Final = "offers.lose"
VERBS: Final = tuple(
    Verb(
        name=name,
        title=title,
        request_permission="offers.request_deed",
        approve_permission="offers.approve_deed",
        apply=apply,
        target_model=Offer,
        target_fields=("code", "status"),
        look=look_at,
        has_interest=has_part,
    )
    for name, title, apply in (
        (DISTRIBUTION, "Distribute income to the investors of an offer", apply_distribution),
        (LOSS, "Share a loss among the investors of an offer", apply_loss),
    )
)
