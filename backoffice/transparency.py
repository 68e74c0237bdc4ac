"""Coverage for everybody, in words: the same stored figures that the API publishes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from backoffice import amounts, charts
from ledger.models import Seal
from treasury import rules
from treasury.models import Coverage, CoverageDay, CoveragePart, ProductCoverage

TREND_DAYS = 90
SEALS = 7


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of a currency's balance with what it means."""

    name: str
    amount: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One bank account or asset: what the books say and what evidence confirms of it."""

    name: str
    kind: str
    book: str
    confirmed: str
    evidence_on: date | None
    is_evidenced: bool
    is_full: bool
    income: str
    is_related: bool


@dataclass(frozen=True, slots=True)
class CurrencyView:
    """One currency, told so that anybody can check the division."""

    code: str
    ratio: str
    is_whole: bool
    sentence: str
    meter: SafeString
    trend: SafeString
    assets: Sequence[Line]
    owed: Sequence[Line]
    missing: Sequence[Line]
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class ProductView:
    """One product's pool, as the public sees it."""

    row: ProductCoverage
    pool: str
    owed: str
    accrued: str
    days: str
    meter: SafeString
    yearly: str
    income: str
    related: str
    capital: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the newest closed day's coverage, from 20 investors on."""
    day = CoverageDay.objects.first()
    shown = day is not None and day.investors >= rules.MINIMUM_INVESTORS
    context = {
        "day": day,
        "shown": shown,
        "minimum": rules.MINIMUM_INVESTORS,
        "currencies": _currencies(day) if shown and day else [],
        "products": _products(day) if shown and day else [],
        "ceiling": amounts.percent(day.rate_ceiling) if day and day.rate_ceiling is not None else "",
        "seals": [{"day": seal.day_id, "hex": bytes(seal.sha256).hex()} for seal in Seal.objects.all()[:SEALS]],
    }
    return render(request, "transparency/page.html", context)


def _currencies(day: CoverageDay) -> list[CurrencyView]:
    rows = list(Coverage.objects.filter(day=day).order_by("currency_id"))
    parts: dict[object, list[CoveragePart]] = defaultdict(list)
    for part in CoveragePart.objects.filter(coverage__day=day).select_related("asset").order_by("-kind", "scope", "id"):
        parts[part.coverage_id].append(part)
    history: dict[str, list[tuple[date, Decimal | None]]] = defaultdict(list)
    since = day.day - timedelta(days=TREND_DAYS)
    past = Coverage.objects.filter(day_id__gt=since, day_id__lte=day.day).order_by("day_id")
    for on, code, ratio in past.values_list("day_id", "currency_id", "ratio"):
        history[code].append((on, ratio))
    return [_currency(row, parts[row.pk], history[row.currency_id]) for row in rows if row.ratio is not None]


def _currency(row: Coverage, parts: Sequence[CoveragePart], history: list[tuple[date, Decimal | None]]) -> CurrencyView:
    code, ratio = row.currency_id, row.ratio or Decimal(0)
    whole = ratio >= 1
    per_hundred = amounts.percent(ratio).removesuffix(" %")
    sentence = (
        f"For every 100 {code} that Fiducia owes, {per_hundred} {code} are confirmed to be there by bank statements "
        f"and dated valuations{'' if whole else ': that is less than it owes'}."
    )
    trend = charts.line(
        [charts.Series(code, [value for _, value in history])],
        [f"{on:%d %b}" for on, _ in history],
        say=amounts.percent,
        title=f"coverage in {code} by day",
        mark=Decimal(1),
    )
    meter = charts.meter(ratio, full=Decimal(1), warn_below=Decimal(1), title=f"coverage in {code}")
    return CurrencyView(
        code, amounts.percent(ratio), whole, sentence, meter, trend, _assets(row), _owed(row), _missing(row),
        [_part(part, code) for part in parts],
    )  # fmt: skip


def _assets(row: Coverage) -> list[Line]:
    code = row.currency_id
    return [
        Line("Confirmed money and assets", amounts.plain(row.confirmed, code), "the lower of books and evidence"),
        Line("less the firm's own money among it", amounts.plain(-row.own, code), "capital, fees, penalties"),
        Line("Stands behind investors", amounts.plain(rules.minus(row.confirmed, row.own), code)),
    ]


def _owed(row: Coverage) -> list[Line]:
    code = row.currency_id
    wallets = rules.total([row.available, row.locked, row.in_payout])
    return [
        Line("In investors' wallets", amounts.plain(wallets, code), "theirs to take out"),
        Line("Invested", amounts.plain(row.principal, code), "principal of open positions"),
        Line("Not yet allotted", amounts.plain(row.suspense, code), "arrived without a known owner"),
        Line("Return pools", amounts.plain(row.ring_fenced, code), "set aside for returns, and nothing else"),
        Line("Owed in all", amounts.plain(rules.total([row.claims, row.ring_fenced]), code)),
    ]


def _missing(row: Coverage) -> list[Line]:
    code = row.currency_id
    lines = [
        Line("Losses not yet made good", amounts.plain(row.shortfall, code), "never counted as an asset"),
        Line("Owed by investors", amounts.plain(row.receivable, code), "never counted as an asset"),
        Line("Open currency exchange", amounts.plain(row.fx, code), "until the treasury has converted it"),
        Line(
            "In the books without fresh evidence", amounts.plain(row.unconfirmed, code), "confirms nothing until shown"
        ),
    ]
    figures = (row.shortfall, row.receivable, row.fx, row.unconfirmed)
    return [line for line, figure in zip(lines, figures, strict=True) if figure]


def _part(part: CoveragePart, code: str) -> Part:
    is_asset = part.kind == CoveragePart.Kind.DEPLOYED
    return Part(
        name=part.asset.name if is_asset and part.asset else f"Client account {part.scope}",
        kind="put to work" if is_asset else "in the bank",
        book=amounts.plain(part.book, code),
        confirmed=amounts.plain(part.confirmed, code),
        evidence_on=part.evidence_on,
        is_evidenced=part.is_evidenced,
        is_full=part.confirmed >= part.book,
        income=amounts.plain(part.income, code) if is_asset else "",
        is_related=part.has_related_counterparty,
    )


def _products(day: CoverageDay) -> list[ProductView]:
    rows = ProductCoverage.objects.filter(day=day).order_by("currency_id", "scope")
    return [_product(row) for row in rows if row.principal or row.pool or row.owed or row.accrued]


def _product(row: ProductCoverage) -> ProductView:
    code, cover = row.currency_id, row.days_of_cover
    return ProductView(
        row=row,
        pool=amounts.plain(row.pool, code),
        owed=amounts.plain(row.owed, code),
        accrued=amounts.plain(row.accrued, code),
        days="–" if cover is None else f"{amounts.trim(cover)} days",
        meter=charts.meter(cover, full=Decimal(30), warn_below=Decimal(10), title="days of cover"),
        yearly=amounts.percent(row.yearly_rate),
        income=amounts.plain(row.income_received, code),
        related=amounts.plain(row.related_income_received, code) if row.related_income_received else "",
        capital=amounts.plain(row.firm_capital_received, code),
    )
