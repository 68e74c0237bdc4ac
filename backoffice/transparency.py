"""Coverage for everybody, in words. It renders the very document that the API publishes, withheld figures and all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from backoffice import amounts
from ledger.models import Seal
from oversight.console import charts
from treasury import rules, transparency
from treasury.models import Coverage, CoverageDay

TREND_DAYS = 90
SEALS = 7

Figures = dict[str, Any]
History = dict[str, list[tuple[date, Decimal | None]]]


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
    income: str = ""
    is_related: bool = False


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
    """One product's pool, as the public sees it; debts of few people are empty."""

    name: str
    yearly: str
    above_ceiling: bool
    is_short: bool
    withheld: bool
    pool: str
    owed: str
    accrued: str
    days: str
    meter: SafeString
    income: str
    related: str
    capital: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the newest closed day's coverage, from 20 investors on."""
    day = CoverageDay.objects.first()
    document: Figures = transparency.document_of([day])[0] if day else {"published": False}
    history = _history(day.day) if day and document["published"] else {}
    context = {
        "day": day,
        "shown": document["published"],
        "minimum": rules.MINIMUM_INVESTORS,
        "currencies": [_currency(each, history) for each in document.get("currencies", ()) if _is_told(each)],
        "withheld": [each["currency"] for each in document.get("currencies", ()) if not each["published"]],
        "products": [_product(each) for each in document.get("products", ())],
        "ceiling": amounts.percent(day.rate_ceiling) if day and day.rate_ceiling is not None else "",
        "seals": [{"day": seal.day_id, "hex": bytes(seal.sha256).hex()} for seal in Seal.objects.all()[:SEALS]],
    }
    return render(request, "transparency/page.html", context)


def _is_told(currency: dict[str, Any]) -> bool:
    return bool(currency["published"]) and currency["figures"]["coverage"] is not None


def _history(until: date) -> History:
    """The ratio of each published day and currency."""
    found: History = defaultdict(list)
    since = until - timedelta(days=TREND_DAYS)
    rows = Coverage.objects.filter(day_id__gt=since, day_id__lte=until, investors__gte=rules.MINIMUM_INVESTORS)
    for on, code, ratio in rows.order_by("day_id").values_list("day_id", "currency_id", "ratio"):
        found[code].append((on, ratio))
    return found


def _currency(document: dict[str, Any], history: History) -> CurrencyView:
    code, figures = document["currency"], document["figures"]
    ratio = Decimal(figures["coverage"])
    is_whole = ratio >= 1
    per_hundred = amounts.percent(ratio).removesuffix(" %")
    sentence = (
        f"For every 100 {code} that Fiducia owes, {per_hundred} {code} are confirmed to be there by bank statements "
        f"and dated valuations{'' if is_whole else ': that is less than it owes'}."
    )
    points = history.get(code, [])
    trend = charts.line(
        [charts.Series("", [value for _, value in points])],
        [f"{on:%d %b}" for on, _ in points],
        say=amounts.percent,
        title=f"coverage in {code} by day",
        mark=Decimal(1),
    )
    return CurrencyView(
        code=code,
        ratio=amounts.percent(ratio),
        is_whole=is_whole,
        sentence=sentence,
        meter=charts.meter(ratio, full=Decimal(1), warn_below=Decimal(1), title=f"coverage in {code}"),
        trend=trend,
        assets=_assets(figures, code),
        owed=_owed(figures, code),
        missing=_missing(figures, code),
        parts=[*(_cash(each, code) for each in figures["cash"]), *(_asset(each, code) for each in figures["assets"])],
    )


def _say(amount: str, code: str) -> str:
    return amounts.plain(Decimal(amount), code)


def _assets(figures: Figures, code: str) -> list[Line]:
    confirmed, own = Decimal(figures["confirmed"]), Decimal(figures["own"]["total"])
    return [
        Line("Confirmed money and assets", amounts.plain(confirmed, code), "the lower of books and evidence"),
        Line("less the firm's own money among it", amounts.plain(-own, code), "capital, fees, penalties"),
        Line("Stands behind investors", amounts.plain(rules.minus(confirmed, own), code)),
    ]


def _owed(figures: Figures, code: str) -> list[Line]:
    claims, fenced = figures["claims"], figures["ring_fenced"]
    wallets = rules.total(Decimal(claims[name]) for name in ("available", "locked", "in_payout"))
    whole = rules.total([Decimal(claims["total"]), Decimal(fenced["total"])])
    return [
        Line("In investors' wallets", amounts.plain(wallets, code), "theirs to take out"),
        Line("Invested", _say(claims["principal"], code), "principal of open positions"),
        Line("Not yet allotted", _say(claims["suspense"], code), "arrived without a known owner"),
        Line("Return pools", _say(fenced["total"], code), "set aside for returns, and nothing else"),
        Line("Owed in all", amounts.plain(whole, code)),
    ]


def _missing(figures: Figures, code: str) -> list[Line]:
    named = (
        ("shortfall", "Losses and costs not yet made good", "never counted as an asset"),
        ("receivable", "Owed by investors", "never counted as an asset"),
        ("fx", "Open currency exchange", "until the treasury has converted it"),
        ("unconfirmed_cash", "Bank money without a fresh statement", "confirms nothing until shown"),
        ("unconfirmed_deployed", "Assets without a fresh valuation, or worth less", "confirms nothing until shown"),
    )
    found = figures["missing"]
    return [Line(title, _say(found[name], code), meaning) for name, title, meaning in named if Decimal(found[name])]


def _cash(part: dict[str, Any], code: str) -> Part:
    return Part(
        name=f"Client account at {part['account']}",
        kind="in the bank",
        book=_say(part["book"], code),
        confirmed=_say(part["confirmed"], code),
        evidence_on=part["statement_on"],
        is_evidenced=part["counts"],
        is_full=not Decimal(part["unconfirmed"]),
    )


def _asset(part: dict[str, Any], code: str) -> Part:
    return Part(
        name=part["name"],
        kind="put to work",
        book=_say(part["cost"], code),
        confirmed=_say(part["confirmed"], code),
        evidence_on=part["valued_on"],
        is_evidenced=part["counts"],
        is_full=not Decimal(part["unconfirmed"]),
        income=_say(part["income_received"], code),
        is_related=part["related_to_firm"],
    )


def _product(product: dict[str, Any]) -> ProductView:
    code, cover = product["currency"], product["days_of_cover"]
    days = None if cover is None else Decimal(cover)
    related = product["income_from_related"]
    return ProductView(
        name=product["name"] or product["product"],
        yearly=amounts.percent(None if product["yearly_rate"] is None else Decimal(product["yearly_rate"])),
        above_ceiling=product["above_rate_ceiling"],
        is_short=not product["covers_what_is_owed"],
        withheld=product["withheld"] is not None,
        pool=_say(product["pool"], code),
        owed="" if product["owed"] is None else _say(product["owed"], code),
        accrued="" if product["accrued"] is None else _say(product["accrued"], code),
        days="–" if days is None else f"{amounts.trim(days)} days",
        meter=charts.meter(days, full=Decimal(30), warn_below=Decimal(10), title="days of cover"),
        income=_say(product["income_received"], code),
        related=_say(related, code) if Decimal(related) else "",
        capital=_say(product["firm_capital_received"], code),
    )
