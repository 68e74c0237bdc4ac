"""Console pages that belong to no single model: returns by day and product, and pools."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.template.response import TemplateResponse

from backoffice import amounts, dashboard
from investments.models import Product, ProductAccrual, SettlementRun
from oversight.console import charts
from treasury.models import ProductCoverage

SPANS = (7, 30, 90)
DRAWN_DAYS = 30


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})


def _span(request: HttpRequest) -> int:
    given = request.GET.get("days", "")
    return int(given) if given.isascii() and given.isdigit() and int(given) in SPANS else SPANS[0]


def returns(request: HttpRequest) -> TemplateResponse:
    """What was accrued and what was settled, by day and product."""
    _require(request, "investments.view_settlementrun")
    span = _span(request)
    products = {product.pk: product for product in Product.objects.all()}
    code = request.GET.get("product", "")
    chosen = next((product for product in products.values() if product.code == code), None)
    newest = ProductAccrual.objects.order_by("-day").values_list("day", flat=True).first()
    since = (newest or date.max) - timedelta(days=span)
    drawn_since = (newest or date.max) - timedelta(days=max(span, DRAWN_DAYS))
    only = Q(product=chosen) if chosen else Q()
    accrued = (
        ProductAccrual.objects.filter(only, day__gt=drawn_since)
        .values("day", "product_id")
        .annotate(amount=Sum("amount"), positions=Sum("positions"))
        .order_by("-day", "product_id")
    )
    runs = {(run.due_on, run.product_id): run for run in SettlementRun.objects.filter(only, due_on__gt=since)}
    rows = [_return_row(each, products[each["product_id"]], runs) for each in accrued]
    context = {
        "rows": [row for row in rows if row["day"] > since],
        "spans": SPANS,
        "span": span,
        "products": sorted(products.values(), key=lambda product: (product.kind, product.rank)),
        "chosen": chosen,
        "unpaid": [
            _run_row(run, products[run.product_id])
            for run in SettlementRun.objects.filter(only).exclude(status="paid").order_by("due_on")
        ],
        "charts": _draw_returns(rows),
    }
    return _page(request, "admin/backoffice/returns.html", "Returns", context)


def _return_row(each: Any, product: Product, runs: dict[Any, SettlementRun]) -> dict[str, Any]:
    run = runs.get((each["day"], each["product_id"]))
    if run is not None and not run.amount and run.status == SettlementRun.Status.PAID:
        run = None  # nothing was due that day
    return {
        "day": each["day"],
        "product": product,
        "positions": each["positions"],
        "raw": each["amount"],
        "accrued": amounts.plain(each["amount"], product.currency),
        "run": run,
        "settled": amounts.plain(run.amount, product.currency) if run else "",
        "status": run.status if run else "",
    }


def _run_row(run: SettlementRun, product: Product) -> dict[str, Any]:
    return {
        "due_on": run.due_on,
        "product": product,
        "amount": amounts.plain(run.amount, product.currency),
        "positions": run.positions,
        "status": run.status,
    }


def _draw_returns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One chart a currency: amounts of different currencies share no axis."""
    drawn = []
    for currency in sorted({row["product"].currency for row in rows}):
        mine = [row for row in rows if row["product"].currency == currency]
        span = sorted({row["day"] for row in mine})
        names = sorted({row["product"].display_name for row in mine})
        series = [
            charts.Series(name, [_of(mine, name, day) for day in span], colour) for colour, name in enumerate(names)
        ]
        labels = [f"{day:%d %b}" for day in span]
        title = f"accrued a day in {currency}"
        drawn.append({"currency": currency, "chart": charts.bars(series, labels, say=amounts.short, title=title)})
    return drawn


def _of(rows: list[dict[str, Any]], name: str, day: date) -> Decimal:
    return sum((row["raw"] for row in rows if row["day"] == day and row["product"].display_name == name), Decimal(0))


def pools(request: HttpRequest) -> TemplateResponse:
    """Each product's pool, what it owes and how long it lasts."""
    _require(request, "treasury.view_productcoverage")
    newest = ProductCoverage.objects.order_by("-day_id").values_list("day_id", flat=True).first()
    rows = list(ProductCoverage.objects.filter(day_id=newest).order_by("currency_id", "scope")) if newest else []
    trend = _trend(newest) if newest else {}
    unpaid = {
        f"product:{row['product__code']}": row["count"]
        for row in SettlementRun.objects.exclude(status="paid").values("product__code").annotate(count=Count("pk"))
    }
    context = {
        "day": newest,
        "pools": [
            {
                "facts": dashboard.describe_pool(row),
                "row": row,
                "principal": amounts.plain(row.principal, row.currency_id),
                "deployed": amounts.plain(row.deployed, row.currency_id),
                "shortfall": amounts.plain(row.shortfall, row.currency_id) if row.shortfall else "",
                "income": amounts.plain(row.income_received, row.currency_id),
                "capital": amounts.plain(row.firm_capital_received, row.currency_id),
                "released": amounts.plain(row.released, row.currency_id),
                "mean": amounts.plain(row.mean_accrual, row.currency_id),
                "unpaid": unpaid.get(row.scope, 0),
                "chart": trend.get((row.scope, row.currency_id), ""),
            }
            for row in rows
        ],
    }
    return _page(request, "admin/backoffice/pools.html", "Pools", context)


def _trend(newest: date) -> dict[tuple[str, str], Any]:
    """Pool and owed of each product over the last 60 days."""
    found: dict[tuple[str, str], dict[date, tuple[Decimal, Decimal]]] = {}
    since = newest - timedelta(days=dashboard.TREND_DAYS)
    for row in ProductCoverage.objects.filter(day_id__gt=since).order_by("day_id"):
        found.setdefault((row.scope, row.currency_id), {})[row.day_id] = (row.pool, row.owed)
    drawn = {}
    for key, by_day in found.items():
        labels = [f"{day:%d %b}" for day in by_day]
        series = [
            charts.Series("pool", [pool for pool, _ in by_day.values()], 0),
            charts.Series("owed", [owed for _, owed in by_day.values()], 3),
        ]
        drawn[key] = charts.line(series, labels, say=amounts.short, title=f"pool and owed of {key[0]}", zero=True)
    return drawn
