"""What was published of each closed day, with its trend."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from ledger import amounts
from ledger.admin.shown import digest
from ledger.models import Seal
from oversight.console import ReadOnlyAdmin, ReadOnlyInline, charts, lines
from oversight.console.shown import NOTHING
from treasury import rules
from treasury.admin.shown import amount_of, bare, show_ratio
from treasury.models import Coverage, CoveragePart, ProductCoverage

TREND_DAYS = 60
WHOLE = Decimal(1)


class PartInline(ReadOnlyInline):
    model = CoveragePart
    fields = ("kind", "show_place", "show_book", "show_evidence", "show_confirmed", "show_unconfirmed", "show_income")
    readonly_fields = fields
    verbose_name_plural = "cash accounts and assets"
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[CoveragePart]:
        return super().get_queryset(request).select_related("asset", "coverage__currency")

    @display(description="what")
    def show_place(self, row: CoveragePart) -> str:
        return row.asset.name if row.asset is not None else row.scope

    @display(description="books or cost")
    def show_book(self, row: CoveragePart) -> str:
        return bare(row.book, row.coverage.currency)

    @display(description="evidence")
    def show_evidence(self, row: CoveragePart) -> str:
        if row.evidence_on is None:
            return "none"
        age = "" if row.is_evidenced else ", too old"
        return f"{bare(row.evidence_amount, row.coverage.currency)} of {row.evidence_on}{age}"

    @display(description="confirmed")
    def show_confirmed(self, row: CoveragePart) -> str:
        return bare(row.confirmed, row.coverage.currency)

    @display(description="unconfirmed")
    def show_unconfirmed(self, row: CoveragePart) -> str:
        return bare(row.unconfirmed, row.coverage.currency)

    @display(description="income, of it related")
    def show_income(self, row: CoveragePart) -> str:
        if row.asset_id is None:
            return NOTHING
        currency = row.coverage.currency
        return f"{bare(row.income, currency)}, {bare(row.related_income, currency)}"


@admin.register(Coverage)
class CoverageAdmin(ReadOnlyAdmin):
    """One currency on one day."""

    list_display = ("day", "currency", "show_ratio", "show_claims", "show_confirmed", "show_own", "show_missing")
    list_filter = ("currency", "day")
    list_select_related = ("day", "currency")
    list_before_template = "admin/treasury/coverage_trend.html"
    fields = ("day", "currency", "tell_ratio", "investors", "show_components", "show_seal")
    readonly_fields = ("tell_ratio", "show_components", "show_seal")
    inlines = (PartInline,)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "trend": trend()})

    @display(description="coverage", ordering="ratio", label={"whole": "success", "short": "danger", "none": "default"})
    def show_ratio(self, row: Coverage) -> tuple[str, str]:
        if row.ratio is None:
            return "none", show_ratio(None)
        return ("whole" if row.ratio >= WHOLE else "short"), show_ratio(row.ratio)

    @display(description="coverage")
    def tell_ratio(self, row: Coverage) -> str:
        return show_ratio(row.ratio)

    @display(description="claims and ring-fenced")
    def show_claims(self, row: Coverage) -> str:
        return amount_of(rules.total([row.claims, row.ring_fenced]), row.currency)

    @display(description="confirmed", ordering="confirmed")
    def show_confirmed(self, row: Coverage) -> str:
        return amount_of(row.confirmed, row.currency)

    @display(description="the firm's own")
    def show_own(self, row: Coverage) -> str:
        return amount_of(row.own, row.currency)

    @display(description="missing")
    def show_missing(self, row: Coverage) -> str:
        return amount_of(rules.total([row.receivable, row.shortfall, row.fx, row.unconfirmed]), row.currency)

    @display(description="figures")
    def show_components(self, row: Coverage) -> str:
        def show(*kinds: str) -> str:
            return " + ".join(f"{bare(getattr(row, kind), row.currency)} {kind.replace('_', ' ')}" for kind in kinds)

        return lines(
            [
                ("Claims", f"{bare(row.claims, row.currency)} = {show(*rules.CLAIMS)}"),
                ("Ring-fenced", f"{bare(row.ring_fenced, row.currency)} = {show(*rules.RING_FENCED)}"),
                ("The firm's own", f"{bare(row.own, row.currency)} = {show(*rules.OWN)}"),
                ("In the books", show("cash", "deployed")),
                ("Confirmed", amount_of(row.confirmed, row.currency)),
                ("Missing", show("receivable", "shortfall", "fx", "unconfirmed_cash", "unconfirmed_deployed")),
                ("Coverage", f"(confirmed - own) / (claims + ring-fenced) = {show_ratio(row.ratio)}"),
            ]
        )

    @display(description="seal of the day")
    def show_seal(self, row: Coverage) -> str:
        seal = Seal.objects.filter(day_id=row.day_id).first()
        return digest(seal.sha256) if seal else "not sealed yet"


@admin.register(ProductCoverage)
class ProductCoverageAdmin(ReadOnlyAdmin):
    """One product on one day: its pool, what it owes, how long it lasts."""

    list_display = ("day", "scope", "show_pool", "show_owed", "show_days", "show_filled", "show_ceiling")
    list_filter = ("scope", "currency", "above_rate_ceiling", "day")
    list_select_related = ("day", "currency")
    search_fields = ("scope", "name")
    fields = ("day", "name", "scope", "investors", "tell_days", "show_ceiling", "show_figures")
    readonly_fields = ("tell_days", "show_ceiling", "show_figures")

    @display(description="pool", ordering="pool")
    def show_pool(self, row: ProductCoverage) -> str:
        return amount_of(row.pool, row.currency)

    @display(description="owed, accrued")
    def show_owed(self, row: ProductCoverage) -> str:
        return f"{bare(row.owed, row.currency)}, {bare(row.accrued, row.currency)}"

    @display(
        description="days of cover",
        ordering="days_of_cover",
        label={"dry": "danger", "thin": "warning", "full": "success"},
    )
    def show_days(self, row: ProductCoverage) -> tuple[str, str]:
        if row.days_of_cover is None:
            return "full", "nothing accrues"
        state = "dry" if not row.is_covered else "thin" if row.days_of_cover < rules.POOL_KEEPS_DAYS else "full"
        return state, f"{row.days_of_cover}"

    @display(description="days of cover")
    def tell_days(self, row: ProductCoverage) -> str:
        return self.show_days(row)[1] + ("" if row.is_covered else ", and the pool doesn't hold what is owed")

    @display(description="filled by income, firm capital")
    def show_filled(self, row: ProductCoverage) -> str:
        return f"{bare(row.income_received, row.currency)}, {bare(row.firm_capital_received, row.currency)}"

    @display(description="rate", label={"above the ceiling": "warning", "within": "default"})
    def show_ceiling(self, row: ProductCoverage) -> str:
        return "above the ceiling" if row.above_rate_ceiling else "within"

    @display(description="figures")
    def show_figures(self, row: ProductCoverage) -> str:
        names = (
            ("Principal", row.principal),
            ("At work", row.deployed),
            ("Shortfall", row.shortfall),
            ("Pool", row.pool),
            ("Reserved for settlements", row.reserved),
            ("Owed", row.owed),
            ("Accrued", row.accrued),
            ("Mean accrual a day", row.mean_accrual),
            ("Income received", row.income_received),
            ("of it from related parties", row.related_income_received),
            ("Firm capital received", row.firm_capital_received),
            ("Released", row.released),
        )
        return lines([(name, amount_of(amount, row.currency)) for name, amount in names])


def trend(days: int = TREND_DAYS) -> str:
    """Draw coverage by currency over the last days against 100 %."""
    newest = list(Coverage.objects.order_by("-day_id").values_list("day_id", flat=True).distinct()[:days])
    span = sorted(newest)
    by_currency: dict[str, dict[Any, Decimal | None]] = {}
    rows = Coverage.objects.filter(day_id__in=span).order_by("currency_id")
    for currency, day, ratio in rows.values_list("currency_id", "day_id", "ratio"):
        by_currency.setdefault(currency, {})[day] = ratio
    drawn = [
        charts.Series(currency, [found.get(day) for day in span], colour)
        for colour, (currency, found) in enumerate(by_currency.items())
    ]
    labels = [f"{day:%d %b}" for day in span]
    return charts.line(drawn, labels, say=_on_axis, title="coverage by currency", mark=WHOLE)


def _on_axis(ratio: Decimal) -> str:
    return amounts.percent(ratio, decimals=2)
