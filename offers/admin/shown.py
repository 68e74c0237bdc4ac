"""How figures of offers are written and drawn on the console's pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger import amounts
from ledger.admin.shown import money
from ledger.models import Account
from offers.models import Offer, OfferDeed
from oversight.console import charts

DAYS_DRAWN = 90
GATHERING = (Offer.Status.LIVE, Offer.Status.PAUSED)

STATUS_LABELS = {
    "draft": "default",
    "live": "success",
    "paused": "warning",
    "closed": "info",
    "matured": "default",
    "failed": "danger",
}
# What stands in the ledger under an offer's scope, as finance says it.
STANDING = (
    ("principal", "Principal of investors"),
    ("free", "of it in the bank"),
    ("deployed", "of it at work"),
    ("shortfall", "of it lost and not shared yet"),
    ("returns_pool", "Income in the pool"),
    ("returns_due", "Being paid out"),
)


def progress(offer: Offer) -> SafeString:
    """Draw how much of the cap is committed; red while it is under the target."""
    share = _share(offer)
    return format_html('{} <span class="whitespace-nowrap">{}</span>', _meter(offer), share)


def progress_in_words(offer: Offer) -> SafeString:
    """The same with the amounts, for the offer's own page."""
    share = _share(offer)
    target = money(offer.target, offer.currency)
    said = format_html("{}: {}; the target is {}", share, _committed(offer), target)
    return format_html('{}<div class="mt-2">{}</div>', _meter(offer), said)


def _share(offer: Offer) -> str:
    """What is committed of the cap, cut to a tenth: only what is full is 100 %."""
    return amounts.percent(offer.committed_amount / offer.max_amount, decimals=1)


def _committed(offer: Offer) -> str:
    return f"{money(offer.committed_amount, offer.currency)} of {money(offer.max_amount, offer.currency)}"


def _meter(offer: Offer) -> SafeString:
    return charts.meter(offer.committed_amount, full=offer.max_amount, warn_below=offer.target, title=_committed(offer))


def money_flow(offer: Offer) -> list[tuple[str, str]]:
    """Say what of the offer's money lies where, and what has gone back to investors."""
    held = Account.objects.filter(scope=offer.scope, currency_id=offer.currency).values("kind")
    sums = {row["kind"]: row for row in held.annotate(debits_sum=Sum("debits"), credits_sum=Sum("credits"))}
    shared = dict(offer.deeds.values_list("verb").annotate(sum=Sum("amount")).order_by())
    lost = shared.get(OfferDeed.Verb.LOSE, Decimal(0))
    left = sums["principal"]["debits_sum"] if "principal" in sums else Decimal(0)
    stands = {kind: _balance(sums.get(kind)) for kind, _ in STANDING}
    stands["free"] = stands["principal"] - stands["deployed"] - stands["shortfall"]
    flow = [
        ("Reserved in wallets", offer.committed_amount if offer.status in GATHERING else Decimal(0)),
        *((title, stands[kind]) for kind, title in STANDING),
        ("Income distributed so far", shared.get(OfferDeed.Verb.DISTRIBUTE, Decimal(0))),
        ("Loss borne by investors so far", lost),
        ("Principal repaid so far", left - lost),
    ]
    return [(title, money(amount, offer.currency)) for title, amount in flow]


def commitment(offer: Offer, *, until: date) -> SafeString:
    """Draw what was reserved and taken back, day by day, as one line up to the cap."""
    taken = offer.investments.filter(reserved_at__isnull=False)
    came = taken.annotate(day=TruncDate("reserved_at")).values_list("day").annotate(sum=Sum("accepted_amount"))
    gone = taken.filter(status__in=["withdrawn", "released"]).annotate(day=TruncDate("ended_at"))
    changes: dict[date, Decimal] = dict(came.order_by("day"))
    for day, amount in gone.values_list("day").annotate(sum=Sum("accepted_amount")).order_by("day"):
        changes[day] = changes.get(day, Decimal(0)) - amount
    if not changes:
        return charts.line([], [], say=_say(offer), title="commitment over time")
    until = max(until, *changes)
    first = max(min(changes) - timedelta(days=1), until - timedelta(days=DAYS_DRAWN))
    standing = sum((amount for day, amount in changes.items() if day < first), Decimal(0))
    values, labels = [], []
    for place in range((until - first).days + 1):
        day = first + timedelta(days=place)
        standing += changes.get(day, Decimal(0))
        values.append(standing)
        labels.append(f"{day:%d %b}")
    return charts.line(
        [charts.Series("committed", values)],
        labels,
        say=_say(offer),
        title="commitment over time",
        mark=offer.max_amount,
        mark_name="cap",
        zero=True,
    )


def _balance(row: Mapping[str, Any] | None) -> Decimal:
    if row is None:
        return Decimal(0)
    difference: Decimal = row["debits_sum"] - row["credits_sum"]
    return difference if row["kind"] in ("deployed", "shortfall") else -difference


def _say(offer: Offer) -> charts.Say:
    return lambda value: amounts.show(value, offer.currency)
