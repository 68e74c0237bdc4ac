"""The figures of the console's first page: a fixed, small number of set-based queries, whatever the tables hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from accounts.models import User
from backoffice import amounts
from backoffice.models import EndOfDayRun
from investments.models import Position, ProductAccrual
from ledger import days
from oversight.console import charts
from oversight.models import Alert, ApprovalRequest
from payments.models import Deposit
from treasury.models import Coverage, ProductCoverage

ZERO = Decimal(0)
TREND_DAYS = 60
ACCRUAL_DAYS = 30
RUNS = 30
ALERTS = 8
ENOUGH_DAYS = Decimal(30)
"""A pool that lasts so long is drawn full; below a third of it, red."""


@dataclass(frozen=True, slots=True)
class Card:
    """One figure: `value` large, `lines` below it, `mood` good, warn or bad."""

    title: str
    value: str
    lines: Sequence[str] = ()
    icon: str = ""
    page: str = ""
    mood: str = ""

    @property
    def href(self) -> str:
        """Where the card leads, if that page is built."""
        try:
            return reverse(self.page) if self.page else ""
        except NoReverseMatch:
            return ""


@dataclass(frozen=True, slots=True)
class Pool:
    """One product's pool, as coverage of the last closed day says."""

    name: str
    scope: str
    pool: str
    owed: str
    accrued: str
    days: str
    meter: SafeString
    is_short: bool
    above_ceiling: bool


@dataclass
class Board:
    """All that the first page shows this officer."""

    cards: list[Card] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    alerts_open: int = 0
    coverage: str = ""
    accruals: str = ""
    runs: Sequence[EndOfDayRun] = ()
    open_day: date | None = None
    closed_day: date | None = None


def read(officer: Any, *, now: datetime) -> Board:
    """Read what the officer may see."""
    board = Board()
    sees = officer.has_perm
    if sees("backoffice.view_endofdayrun"):
        _add_runs(board)
    if sees("oversight.view_alert"):
        _add_alerts(board)
    if sees("accounts.view_user"):
        board.cards.append(_people(now))
    if sees("payments.view_deposit"):
        board.cards.append(_deposits())
    if sees("oversight.view_approvalrequest"):
        board.cards.append(_approvals(now))
    if sees("investments.view_position"):
        board.cards.append(_positions())
        _add_accruals(board)
    if sees("treasury.view_productcoverage"):
        _add_pools(board)
    if sees("treasury.view_coverage"):
        _add_coverage(board)
    return board


def _add_runs(board: Board) -> None:
    try:
        board.open_day = days.open_day()
    except days.NoOpenDay:
        board.open_day = None
    runs = list(EndOfDayRun.objects.annotate(problems_open=Count("problems", filter=_OPEN)).order_by("-day")[:RUNS])
    board.runs = runs[::-1]
    last = runs[0] if runs else None
    board.closed_day = last.day if last else None
    mood = {"done": "good", "running": "", "incomplete": "bad"}[last.status] if last else ""
    board.cards.append(
        Card(
            "Last close",
            f"{last.day:%d %b %Y}" if last else "none yet",
            [last.get_status_display() if last else "no day was closed", f"open: {board.open_day or 'no day'}"],
            icon="bedtime",
            page="admin:backoffice_endofdayrun_changelist",
            mood=mood,
        )
    )


_OPEN = Q(problems__closed_at__isnull=True, problems__solved_at__isnull=True)


def _add_alerts(board: Board) -> None:
    board.alerts_open = Alert.objects.filter(closed_at=None).count()
    board.alerts = list(Alert.objects.filter(closed_at=None).order_by("severity", "-last_raised_at")[:ALERTS])


def _people(now: datetime) -> Card:
    week_ago = now - timedelta(days=7)
    found = User.objects.filter(is_staff=False, deleted_at=None).aggregate(
        all=Count("pk"),
        new=Count("pk", filter=Q(created_at__gte=week_ago)),
        known=Count("pk", filter=Q(kyc_level__gt=0)),
    )
    lines = [f"{found['known']} with a KYC level", f"{found['new']} new in 7 days"]
    return Card("Investors", f"{found['all']:,}", lines, icon="group", page="admin:accounts_user_changelist")


def _deposits() -> Card:
    waiting = Deposit.objects.filter(status__in=[Deposit.Status.INITIATED, Deposit.Status.PENDING])
    rows = waiting.values("currency_id").annotate(count=Count("pk"), sum=Sum("amount")).order_by("currency_id")
    found = list(rows)
    lines = amounts.listed((row["currency_id"], row["sum"]) for row in found)
    count = sum(row["count"] for row in found)
    return Card("Deposits waiting", f"{count:,}", lines, icon="move_to_inbox", page="admin:payments_deposit_changelist")


def _approvals(now: datetime) -> Card:
    waiting = ApprovalRequest.objects.filter(status=ApprovalRequest.Status.REQUESTED)
    found = waiting.aggregate(count=Count("pk"), oldest=Min("requested_at"))
    lines = [f"oldest since {found['oldest']:%d %b}"] if found["oldest"] else ["nothing waits"]
    mood = "warn" if found["oldest"] and now - found["oldest"] > timedelta(days=2) else ""
    page = "admin:oversight_approvalrequest_changelist"
    return Card("Approvals waiting", f"{found['count']:,}", lines, icon="approval", page=page, mood=mood)


def _positions() -> Card:
    rows = (
        Position.objects.filter(status__in=[Position.Status.ACTIVE, Position.Status.PAUSED, Position.Status.SUSPENDED])
        .values("product__currency")
        .annotate(count=Count("pk", filter=Q(status="active")), principal=Sum("principal"))
        .order_by("product__currency")
    )
    found = list(rows)
    lines = amounts.listed((row["product__currency"], row["principal"]) for row in found)
    count = sum(row["count"] for row in found)
    return Card("Active positions", f"{count:,}", lines, icon="savings", page="admin:investments_position_changelist")


def _add_accruals(board: Board) -> None:
    """The last day's accruals, and the last 30 days': those of the platform's busiest currency are drawn."""
    newest = ProductAccrual.objects.order_by("-day").values("day")[:1]
    last = newest[0]["day"] if newest else None
    rows: Iterable[Any] = ()
    if last is not None:
        since = ProductAccrual.objects.filter(day__gt=last - timedelta(days=ACCRUAL_DAYS), day__lte=last)
        rows = since.values("day", "product__kind", "product__currency").annotate(sum=Sum("amount")).order_by("day")
    by_day: dict[tuple[str, str], dict[date, Decimal]] = defaultdict(dict)
    for row in rows:
        by_day[(row["product__currency"], row["product__kind"])][row["day"]] = row["sum"]
    today: dict[str, Decimal] = defaultdict(Decimal)
    for (currency, _), found in by_day.items():
        today[currency] += found.get(last, ZERO) if last else ZERO
    lines = amounts.listed(today.items())
    value = lines[0] if lines else "nothing yet"
    title = f"Accrued on {last:%d %b}" if last else "Accrued"
    board.cards.append(Card(title, value, lines[1:], icon="trending_up", page="admin:backoffice_returns"))
    if last is not None:
        board.accruals = _draw_accruals(by_day, last)


def _draw_accruals(by_day: dict[tuple[str, str], dict[date, Decimal]], last: date) -> SafeString:
    span = [last - timedelta(days=n) for n in reversed(range(ACCRUAL_DAYS))]
    drawn = min((currency for currency, _ in by_day), key=amounts.place)
    kinds = sorted(kind for currency, kind in by_day if currency == drawn)
    series = [
        charts.Series(f"{kind} ({drawn})", [by_day[(drawn, kind)].get(day, ZERO) for day in span], colour)
        for colour, kind in enumerate(kinds)
    ]
    labels = [f"{day:%d %b}" for day in span]
    return charts.bars(series, labels, say=amounts.short, title="accrued returns a day")


def _add_pools(board: Board) -> None:
    newest = ProductCoverage.objects.order_by("-day_id").values("day_id")[:1]
    rows = list(ProductCoverage.objects.filter(day_id=newest).order_by("currency_id", "scope"))
    board.pools = [describe_pool(row) for row in rows]
    owed: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        owed[row.currency_id] += row.owed
    lines = amounts.listed(owed.items())
    short = sum(pool.is_short for pool in board.pools)
    board.cards.append(
        Card(
            "Returns owed",
            lines[0] if lines else "nothing",
            [*lines[1:], f"{short} pool(s) short" if short else "every due day is paid"],
            icon="hourglass_bottom",
            page="admin:backoffice_pools",
            mood="bad" if lines else "good",
        )
    )


def describe_pool(row: ProductCoverage) -> Pool:
    """Write a pool's figures for people."""
    cover = row.days_of_cover
    return Pool(
        name=row.name or row.scope,
        scope=row.scope,
        pool=amounts.plain(row.pool, row.currency_id),
        owed=amounts.plain(row.owed, row.currency_id),
        accrued=amounts.plain(row.accrued, row.currency_id),
        days="–" if cover is None else f"{amounts.trim(cover)} days",
        meter=charts.meter(cover, full=ENOUGH_DAYS, warn_below=ENOUGH_DAYS / 3, title=f"{row.name}: days of cover"),
        is_short=row.owed > 0,
        above_ceiling=row.above_rate_ceiling,
    )


def _add_coverage(board: Board) -> None:
    newest = Coverage.objects.order_by("-day_id").values("day_id")[:1]
    if not newest:
        return
    last = newest[0]["day_id"]
    rows = Coverage.objects.filter(day_id__gt=last - timedelta(days=TREND_DAYS)).values_list(
        "day_id", "currency_id", "ratio"
    )
    by_currency: dict[str, dict[date, Decimal | None]] = defaultdict(dict)
    for day, currency, ratio in rows:
        by_currency[currency][day] = ratio
    board.coverage = draw_coverage(by_currency)
    today = {
        currency: found.get(last) for currency, found in sorted(by_currency.items()) if found.get(last) is not None
    }
    if today:
        board.cards.append(_coverage_card(today, last))


def _coverage_card(today: dict[str, Decimal | None], last: date) -> Card:
    lowest, ratio = min(today.items(), key=lambda pair: pair[1] or ZERO)
    lines = [f"{currency} {amounts.percent(each)}" for currency, each in today.items() if currency != lowest]
    return Card(
        f"Coverage {last:%d %b}",
        f"{amounts.percent(ratio)} {lowest}",
        lines[:3],
        icon="verified_user",
        page="transparency",
        mood="good" if (ratio or ZERO) >= 1 else "bad",
    )


def draw_coverage(by_currency: dict[str, dict[date, Decimal | None]]) -> SafeString:
    """Draw the trend of each currency's ratio against 100 %."""
    span = sorted({day for found in by_currency.values() for day in found})
    series = [
        charts.Series(currency, [found.get(day) for day in span], colour)
        for colour, (currency, found) in enumerate(sorted(by_currency.items()))
    ]
    labels = [f"{day:%d %b}" for day in span]
    return charts.line(series, labels, say=amounts.percent, title="coverage by currency", mark=Decimal(1))
