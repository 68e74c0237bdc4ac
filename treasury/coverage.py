"""Compute, store and find coverage. Source: docs/rules/coverage.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import DecimalField, Model, Q, Sum

from core.commands import command
from core.errors import DomainError
from ledger import seals
from treasury import books, rules, watch
from treasury.models import Coverage, CoverageDay, CoveragePart, ProductCoverage, Relation, TreasuryMovement, Verb

ZERO = Decimal(0)


class DayNotClosed(DomainError):
    code = "day-not-closed"
    title = "Coverage is stored of closed days alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCover:
    """What a room above knows of one product on one day; all amounts in `currency`, unrounded.

    `owed` is due and not paid, `accrued` earned and not due, `mean_accrual` the mean of the last 30 days' accruals;
    `yearly_rate` is the simple yearly equivalent as a fraction, `rate_ceiling` the ceiling of that day.
    """

    scope: str
    currency: str
    owed: Decimal
    accrued: Decimal
    mean_accrual: Decimal
    above_ceiling: bool
    name: str = ""
    yearly_rate: Decimal | None = None
    rate_ceiling: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """One currency's coverage of a day, not stored yet, with its parts and its products' lines."""

    row: Coverage
    parts: list[CoveragePart]
    products: list[ProductCoverage]


@dataclass(frozen=True, slots=True)
class Received:
    """What an asset or a pool received to date."""

    income: Decimal = ZERO
    related_income: Decimal = ZERO
    firm_capital: Decimal = ZERO
    released: Decimal = ZERO
    has_related: bool = False


def compute(day: date, covers: Sequence[ProductCover], now: datetime) -> list[CoverageReport]:
    """Return the coverage of every currency at the end of `day`; store nothing.

    A currency in which nothing stands is left out. `now` is kept for the callers' sake: figures depend on `day` alone.
    """
    return _reports(day, covers, books.count_holders(day))


def _reports(day: date, covers: Sequence[ProductCover], holders: books.Holders) -> list[CoverageReport]:
    lines = books.read_lines(day)
    figures = books.figures_of(lines, on=day)
    by_asset = _received_by_asset(day)
    products = _product_rows(day, covers, lines, holders)
    currencies = sorted(
        {code for code, found in figures.items() if _is_used(found)} | {p.currency_id for p in products}
    )
    reports = []
    for currency in currencies:
        found = figures.get(currency) or rules.Figures(currency, day, {}, ())
        row = _coverage_row(found, investors=holders.by_currency.get(currency, 0))
        parts = [_part_row(row, part, day, by_asset) for part in found.parts if _is_worth_a_line(part, by_asset)]
        reports.append(CoverageReport(row, parts, [p for p in products if p.currency_id == currency]))
    return reports


@command
def compute_and_store(day: date, covers: Sequence[ProductCover], now: datetime) -> CoverageDay:
    """Store the coverage of a closed day and its digest; a day that is stored already is returned as it stands.

    Raises DayNotClosed.
    """
    take_turns(day)
    standing = CoverageDay.objects.filter(pk=day).first()
    if standing is not None:
        return standing
    if not books.is_closed(day):
        raise DayNotClosed(day=day.isoformat())
    holders = books.count_holders(day)
    reports = _reports(day, covers, holders)
    ceilings = {cover.rate_ceiling for cover in covers if cover.rate_ceiling is not None}
    ceiling = min(ceilings) if ceilings else None
    header = CoverageDay(day=day, investors=holders.everywhere, rate_ceiling=ceiling)
    for row in [header, *_rows_of(reports)]:
        _round_as_stored(row)
    header.digest = digest_of(header, reports)
    header.save(force_insert=True)
    rows = Coverage.objects.bulk_create([report.row for report in reports])
    parts = CoveragePart.objects.bulk_create([part for report in reports for part in report.parts])
    watch.raise_alerts(rows, parts, now=now)
    ProductCoverage.objects.bulk_create([product for report in reports for product in report.products])
    return header


def take_turns(day: date) -> None:
    """Let one session at a time store a day, so that the second finds what the first stored. A step."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('treasury.coverage'), %s)", [day.toordinal()])


def digest(day: date) -> bytes:
    """Return the SHA-256 of a stored day, for its seal; that of nothing for a day without coverage."""
    standing = CoverageDay.objects.filter(pk=day).first()
    return bytes(standing.digest) if standing else seals.EMPTY


def recompute_digest(day: CoverageDay) -> bytes:
    """Return the SHA-256 over the rows of a day as they stand now: another one than was stored means a change."""
    rows = Coverage.objects.filter(day=day).prefetch_related("parts")
    products = list(ProductCoverage.objects.filter(day=day))
    reports = [
        CoverageReport(row, list(row.parts.all()), [p for p in products if p.currency_id == row.currency_id])
        for row in rows
    ]
    return digest_of(day, reports)


def digest_of(header: CoverageDay, reports: Iterable[CoverageReport]) -> bytes:
    """Return the SHA-256 of a canonical JSON of all figures: keys sorted, decimals without trailing zeros."""
    content = {
        "day": header.day.isoformat(),
        "investors": header.investors,
        "rate_ceiling": _plain(header.rate_ceiling),
        "currencies": sorted((_facts(report.row) for report in reports), key=lambda row: str(row["currency_id"])),
        "parts": sorted(
            ({**_facts(part), "currency_id": report.row.currency_id} for report in reports for part in report.parts),
            key=lambda row: (row["currency_id"], row["kind"], row["scope"], str(row["asset_id"])),
        ),
        "products": sorted(
            (_facts(product) for report in reports for product in report.products),
            key=lambda row: (row["scope"], row["currency_id"]),
        ),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()


def latest() -> CoverageDay | None:
    """Return the newest day with coverage."""
    return CoverageDay.objects.first()


def of_product(scope: str, currency: str, *, on: date | None = None) -> ProductCoverage | None:
    """Return a product's newest coverage (up to `on`), or None if it never had any."""
    rows = ProductCoverage.objects.filter(scope=scope, currency_id=currency)
    if on is not None:
        rows = rows.filter(day__lte=on)
    return rows.order_by("-day_id").first()


def of_currency(currency: str, *, on: date | None = None) -> Coverage | None:
    """Return a currency's newest coverage (up to `on`), or None if it never had any."""
    rows = Coverage.objects.filter(currency_id=currency)
    if on is not None:
        rows = rows.filter(day__lte=on)
    return rows.order_by("-day_id").first()


def _rows_of(reports: Iterable[CoverageReport]) -> list[Model]:
    return [row for report in reports for row in (report.row, *report.parts, *report.products)]


def _round_as_stored(row: Model) -> None:
    """Round every figure as its column will, so that the digest is over what is kept."""
    for field in row._meta.concrete_fields:
        amount = getattr(row, field.attname)
        if isinstance(field, DecimalField) and amount is not None:
            setattr(row, field.attname, rules.as_stored(amount, field.decimal_places))


def _is_used(figures: rules.Figures) -> bool:
    return any(figures.balances.values())


def _is_worth_a_line(part: rules.Part, received: dict[str, Received]) -> bool:
    return bool(part.book) or bool(part.evidence_amount) or part.subject in received


def _coverage_row(figures: rules.Figures, *, investors: int) -> Coverage:
    return Coverage(
        day_id=figures.on,
        currency_id=figures.currency,
        investors=investors,
        confirmed=figures.confirmed,
        unconfirmed_cash=figures.unconfirmed("cash"),
        unconfirmed_deployed=figures.unconfirmed("deployed"),
        ratio=figures.ratio,
        **{kind: figures.of(kind) for kind in rules.KINDS},
    )


def _part_row(row: Coverage, part: rules.Part, day: date, by_asset: dict[str, Received]) -> CoveragePart:
    received = by_asset.get(part.subject, Received()) if part.kind == "deployed" else Received()
    return CoveragePart(
        coverage=row,
        kind=part.kind,
        scope=part.scope,
        asset_id=UUID(part.subject) if part.kind == "deployed" else None,
        book=part.book,
        evidence_on=part.evidence_on,
        evidence_amount=part.evidence_amount,
        is_evidenced=part.is_evidenced(day),
        confirmed=part.confirmed(day),
        income=received.income,
        related_income=received.related_income,
        has_related_counterparty=received.has_related,
    )


def _product_rows(
    day: date, covers: Sequence[ProductCover], lines: Sequence[books.Line], holders: books.Holders
) -> list[ProductCoverage]:
    by_pool = _received_by_pool(day)
    standing: dict[tuple[str, str, str], Decimal] = {}
    for line in lines:
        key = (line.kind, line.scope, line.currency)
        standing[key] = rules.total([standing.get(key, ZERO), line.balance])
    rows = []
    for cover in covers:
        at = {
            kind: standing.get((kind, cover.scope, cover.currency), ZERO)
            for kind in ("principal", "deployed", "shortfall", "returns_pool", "returns_due")
        }
        received = by_pool.get((cover.scope, cover.currency), Received())
        rows.append(
            ProductCoverage(
                day_id=day,
                scope=cover.scope,
                currency_id=cover.currency,
                name=cover.name,
                investors=holders.by_scope.get((cover.currency, cover.scope), 0),
                principal=at["principal"],
                deployed=at["deployed"],
                shortfall=at["shortfall"],
                pool=at["returns_pool"],
                reserved=at["returns_due"],
                owed=cover.owed,
                accrued=cover.accrued,
                mean_accrual=cover.mean_accrual,
                days_of_cover=rules.days_of_cover(at["returns_pool"], cover.mean_accrual),
                income_received=received.income,
                related_income_received=received.related_income,
                firm_capital_received=received.firm_capital,
                released=received.released,
                above_rate_ceiling=cover.above_ceiling,
                yearly_rate=cover.yearly_rate,
            )
        )
    return rows


_RELATED = ~Q(counterparty_relation__in=["", Relation.UNRELATED])


def _received_by_asset(day: date) -> dict[str, Received]:
    rows = TreasuryMovement.objects.standing(on=day).filter(asset__isnull=False).values("asset_id")
    sums = rows.annotate(
        income=Sum("amount", filter=Q(verb=Verb.RECORD_INCOME)),
        related_income=Sum("amount", filter=Q(verb=Verb.RECORD_INCOME) & _RELATED),
        related=Sum("amount", filter=_RELATED),
    ).order_by("asset_id")
    return {
        str(row["asset_id"]): Received(
            income=row["income"] or ZERO,
            related_income=row["related_income"] or ZERO,
            has_related=row["related"] is not None,
        )
        for row in sums
    }


def _received_by_pool(day: date) -> dict[tuple[str, str], Received]:
    verbs = (Verb.RECORD_INCOME, Verb.FUND_POOL, Verb.RELEASE_POOL)
    rows = TreasuryMovement.objects.standing(on=day).filter(verb__in=verbs).values("scope", "currency_id")
    sums = rows.annotate(
        income=Sum("amount", filter=Q(verb=Verb.RECORD_INCOME)),
        related_income=Sum("amount", filter=Q(verb=Verb.RECORD_INCOME) & _RELATED),
        firm_capital=Sum("amount", filter=Q(verb=Verb.FUND_POOL)),
        released=Sum("amount", filter=Q(verb=Verb.RELEASE_POOL)),
    ).order_by("scope", "currency_id")
    return {
        (row["scope"], row["currency_id"]): Received(
            income=row["income"] or ZERO,
            related_income=row["related_income"] or ZERO,
            firm_capital=row["firm_capital"] or ZERO,
            released=row["released"] or ZERO,
        )
        for row in sums
    }


_NOT_HASHED = ("id", "coverage_id", "computed_at", "digest")


def _facts(row: Any) -> dict[str, Any]:
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in _NOT_HASHED]
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return rules.plain(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
