"""The first step of a run: compute what is due, keep it, and take exactly that from the pool, or nothing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from core.commands import command
from investments import notices, rules, slices
from investments.accrual.statements import lock_products
from investments.models import ProductVersion, SettlementRun, SettlementSlice
from investments.settlement import statements
from ledger import accounts, amounts, balances, posting
from oversight import alerts

SHORT_POOL = "returns-pool-short"
LONG_AGO = date(1900, 1, 1)


@command
def open_runs(day: date) -> None:
    """Open the run of every product for `day`, and of days that no run was opened for since the last."""
    with connection.cursor() as cursor:
        cursor.execute(statements.OPEN_RUNS, {"day": day})


@command
def reserve_run(run_id: UUID, *, now: datetime, effective_on: date) -> SettlementRun:
    """Take what a run owes from the pool into the shards of `returns_due`; returns the run as it then stands.

    Still `due`, with `asked_at`, means that the pool doesn't cover it (compliance is alerted) or that an earlier day
    isn't paid. A run that was reserved before stays as it is.
    """
    run = SettlementRun.objects.lock(run_id)
    if run.status == SettlementRun.Status.DUE and not _reserved(run, now=now, effective_on=effective_on):
        run.asked_at = database_now()
        run.save(update_fields=["asked_at", "amount"])
    return run


def database_now() -> datetime:
    """Return the moment by the database's clock, which all workers share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return moment


def _reserved(run: SettlementRun, *, now: datetime, effective_on: date) -> bool:
    if SettlementRun.objects.unfinished().filter(product_id=run.product_id, due_on__lt=run.due_on).exists():
        return False
    lock_products([run.product_id], shared=False)
    if run.amount and run.amount > _pool_holds(run):  # owed since an earlier attempt
        _raise_short(run, now)
        return False
    try:
        with transaction.atomic():
            _compute(run)
            _take(run, now=now, effective_on=effective_on)
    except posting.InsufficientBalance:
        owed = run.amount
        run.refresh_from_db()
        run.amount = owed
        _raise_short(run, now)
        notices.tell_delayed(run, now=now)
        return False
    return True


def _pool(run: SettlementRun) -> Any:
    return accounts.open_account("returns_pool", run.product.currency, scope=run.product.scope)


def _pool_holds(run: SettlementRun) -> Decimal:
    return balances.balance(_pool(run))


def _compute(run: SettlementRun) -> None:
    slices.pin_plans()
    versions = ProductVersion.objects.filter(product_id=run.product_id).exclude(activated_at=None)
    payouts = dict(versions.values_list("pk", "payout"))
    due = {payout for payout in payouts.values() if rules.is_due(run.due_on, payout=payout, last_on=None)}
    given = _given(run)
    latest = _run_before(run, rules.DAILY)
    given["ended_since"] = latest.due_on if latest else LONG_AGO
    with connection.cursor() as cursor:
        for payout in sorted(due):
            before = _run_before(run, payout)
            if before is not None:
                _regular(cursor, given, before, [pk for pk, rhythm in payouts.items() if rhythm == payout])
        given["due_versions"] = [pk for pk, rhythm in payouts.items() if rhythm in due]
        cursor.execute(statements.OTHERS, given)
        cursor.execute(statements.TOTALS, given)
        run.positions, run.earned, run.amount = cursor.fetchone()
        if run.amount:
            cursor.execute(statements.SLICES, given)


def _given(run: SettlementRun) -> dict[str, Any]:
    exponent = amounts.exponent_of(run.product.currency)
    return {
        "run": run.pk,
        "product": run.product_id,
        "due_on": run.due_on,
        "exponent": exponent,
        "places": exponent + rules.GUARD_PLACES,
        "units": str(10**exponent),
        "unit": f"{Decimal(1).scaleb(-exponent):f}",
        "size": slices.size(),
        "past_all": slices.PAST_ALL_IDS,
    }


def _run_before(run: SettlementRun, payout: str) -> SettlementRun | None:
    """The last run of the product before this one that this rhythm was due in."""
    before = SettlementRun.objects.filter(product_id=run.product_id, due_on__lt=run.due_on).order_by("-due_on")
    if payout == rules.MONTHLY:
        before = before.filter(due_on__in=_month_ends_before(run.due_on))
    return before.first()


def _month_ends_before(on: date) -> list[date]:
    """The last days of the twelve months before; what has no row there is summed from its own last row."""
    ends, first = [], on.replace(day=1)
    for _ in range(12):
        ends.append(first - rules.ONE_DAY)
        first = ends[-1].replace(day=1)
    return ends


def _regular(cursor: Any, given: dict[str, Any], before: SettlementRun, versions: list[UUID]) -> None:
    mine = {**given, "before": before.pk, "since": before.due_on, "versions": versions}
    cursor.execute(statements.HAS_BOOKED, mine)
    (booked,) = cursor.fetchone()
    one_day = before.due_on + rules.ONE_DAY == given["due_on"]
    # The run before is younger than the statistics: a nested loop would take it for one row and compare all with all.
    cursor.execute("SELECT set_config('enable_nestloop', 'off', true)")
    cursor.execute(statements.regular(one_day=one_day, booked=booked), mine)
    cursor.execute("SELECT set_config('enable_nestloop', 'on', true)")


def _take(run: SettlementRun, *, now: datetime, effective_on: date) -> None:
    run.reserved_at = now
    run.status = SettlementRun.Status.RESERVED
    if run.amount == 0:
        run.status, run.paid_at, run.paid_in = SettlementRun.Status.PAID, now, effective_on
    else:
        run.reserve = posting.post(
            "settlement_reserve",
            _reserve_moves(run),
            key=f"settlement_reserve:{run.product.code}:{run.due_on}",
            now=now,
            effective_on=effective_on,
        ).transaction_id
    run.save(update_fields=["status", "amount", "earned", "positions", "reserve", "reserved_at", "paid_at", "paid_in"])


def _reserve_moves(run: SettlementRun) -> list[posting.Move]:
    shards = accounts.returns_due(run.product.scope, run.product.currency)
    owed = [Decimal(0)] * len(shards)
    sums = SettlementSlice.objects.filter(run=run).order_by("number").values_list("number", "amount")
    for number, amount in sums:
        owed[number % len(shards)] += amount
    pool = _pool(run)
    return [posting.Move(pool, shard, amount) for shard, amount in zip(shards, owed, strict=True) if amount]


def _raise_short(run: SettlementRun, now: datetime) -> None:
    owed, held = (amounts.show(amount, run.product.currency) for amount in (run.amount, _pool_holds(run)))
    alerts.raise_alert(
        SHORT_POOL,
        title=f"{run.product}: the pool doesn't cover the returns due on {run.due_on}",
        detail=f"Owed for that day: {owed}; in the pool: {held}. Nobody of it is paid until the pool covers all of it.",
        severity="critical",
        at=now,
        target=run.product,
        dedupe=run.product.code,
    )


def still_reserved(product_id: UUID) -> Decimal:
    """Return what unfinished slices of a product owe: what its `returns_due` must hold."""
    undone = SettlementSlice.objects.undone().filter(run__product_id=product_id)
    return undone.aggregate(owed=Sum("amount"))["owed"] or Decimal(0)
