"""`python -m tests.faults.world`: play some days of June into the database that the environment names.

Left to be closed are days on which everything happens: daily payments over several slices, a pool that covers some days
and not all, a month's end, a correction, two plans that mature, an exit that only the close can pay, three offers that
close, fail and mature.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import django

FIRST, PLAYED_UNTIL = date(2026, 6, 23), date(2026, 6, 28)
NEXT, LAST = date(2026, 6, 29), date(2026, 7, 2)


def main() -> None:
    django.setup()
    from backoffice.tests.conftest import Platform

    platform = Platform(FIRST)
    shorten_plan(platform)
    open_positions(platform)
    leaver = put_money_to_work(platform)
    open_offers(platform)
    platform.close_until(PLAYED_UNTIL)
    leave_work(platform, leaver)


def shorten_plan(platform: Any) -> None:
    """Offer the plan of 30 days with a term of eight."""
    from investments import services as investing
    from investments.terms import TERMS

    product = platform.product("stake-30")
    terms = {name: getattr(product.versions.active().get(), name) for name in TERMS}
    draft = investing.draft_version(product.pk, {**terms, "term_days": 8}, by=platform.omar, now=platform.noon)
    platform.desk.approve(
        investing.request_activation(draft.pk, by=platform.omar, reason="A plan to try", now=platform.noon)
    )


def open_positions(platform: Any) -> None:
    """Fourteen paid daily, five of a pool for three more days, three monthly, two in plans that end on 1 July."""
    from core.money import Money

    for number in range(14):
        platform.investor(f"Vera{number}", code="vip3", amount=str(1_000_007 + 13 * number), currency="XOF")
    for number in range(5):
        platform.investor(f"Sam{number}", code="vip1", amount=str(100_003 + number), currency="XOF")
    for number in range(3):
        platform.investor(f"Bea{number}", code="basic", amount=str(Decimal("1234.56") + number))
    for number in range(2):
        person = platform.ready(f"Stan{number}")
        platform.desk.deposit_token(person, Money(Decimal("1234.56"), "USDT"))
        platform.desk.open(person, platform.product("stake-30"), amount=Decimal("1234.56"))
    for code, amount in (("vip3", "500000"), ("vip1", "700"), ("basic", "5000"), ("stake-30", "100")):
        platform.fill(code, amount)


def put_money_to_work(platform: Any) -> Any:
    """Lend nearly all of Premium; return the position that then waits in line."""
    from backoffice.tests.conftest import OWNER
    from investments import services as investing

    leaver = platform.investor("Lea", code="premium")
    platform.investor("Lou", code="premium")
    platform.fill("premium", "5000")
    platform.asset = platform.desk.open_asset(platform.product("premium"), "A warehouse")
    platform.desk.deploy(platform.asset, Decimal(1900), OWNER)
    investing.cancel(leaver.pk, owner=leaver.owner, now=platform.noon)
    return leaver


def open_offers(platform: Any) -> None:
    """One closes and one fails on the first day that is left; one, closed meanwhile, matures two days later."""
    from backoffice.tests.test_offers import invest, offer

    for code, deadline, amounts in (
        ("harbour", NEXT, (300, 400)),
        ("quay", NEXT, (100, 150)),
        ("mill", date(2026, 6, 27), (500, 500)),
    ):
        into = offer(platform, code, deadline=deadline, maturity=date(2026, 7, 1))
        for number, amount in enumerate(amounts):
            invest(platform, into, f"{code} {number}", str(amount))


def leave_work(platform: Any, leaver: Any) -> None:
    """On the open day: a correction is approved; the money comes back while who waits for it is suspended."""
    from backoffice.tests.conftest import OWNER
    from investments import adjustments
    from investments import services as investing
    from investments.models import Position

    late = Position.objects.filter(product__code="basic").order_by("pk")[0]
    platform.desk.approve(
        adjustments.request_adjustment(
            late.pk,
            principal_by=Decimal(100),
            from_on=date(2026, 6, 25),
            until=date(2026, 6, 27),
            by=platform.omar,
            reason="The bank's advice came late",
            now=platform.noon,
        )
    )
    investing.suspend(leaver.pk, by=platform.lin, reason="A question of the bank's", now=platform.noon)
    platform.desk.divest(platform.asset, Decimal(1500), OWNER)
    investing.release(leaver.pk, by=platform.lin, reason="Answered", now=platform.noon)


if __name__ == "__main__":
    main()
