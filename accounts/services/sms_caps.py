"""How many messages go out on a day. Source: docs/rules/access.md §8."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from accounts import identifiers, rules, sms
from accounts.errors import SmsCapped, TooSoon
from accounts.models import SmsCount, VerificationCode
from core.commands import command
from oversight import alerts

NUMBER = "number"
CLAIMS = (VerificationCode.Purpose.VERIFY, VerificationCode.Purpose.CHANGE)
CODES = (VerificationCode.Purpose.STEP_UP, VerificationCode.Purpose.PIN)
SAFETY = "safety"
"""A word about the safety of an account, to the number that is its owner's."""
KEPT_FOR_CODES = 4
"""One in so many of each cap is for owners' codes and safety: strangers' sign-ups and news keep neither from them."""


def count_sms(number: str, *, purpose: str, now: datetime) -> None:
    """Count one message to a number, to its country and in all (a step). Raises SmsCapped where that is too many.

    Messages to see whose a number is count apart from those to whom it is: a stranger can ask for the former.
    """
    for scope, name, most in _scopes(number, purpose):
        if not SmsCount.objects.spend(scope, most=most, now=now):
            raise SmsCapped(of=name, retry_after=_seconds_left(now))


def count_mail(address: str, *, now: datetime) -> None:
    """Count one mail that asks whose an address is, whoever has it sent (a step). Raises TooSoon."""
    if not SmsCount.objects.spend(f"mailed:{sms.mark(address)}", most=rules.CLAIMS_BY_MAIL_A_DAY, now=now):
        raise TooSoon(retry_after=_seconds_left(now))


def _seconds_left(now: datetime) -> int:
    midnight = datetime.combine(now.astimezone(UTC).date(), datetime.max.time(), UTC)
    return int((midnight - now).total_seconds()) + 1


def _scopes(number: str, purpose: str) -> Iterator[tuple[str, str, int]]:
    """What is counted, from the rarest to what everybody counts: that row is held for the shortest."""
    country = identifiers.country_of(number)
    number_cap, country_cap, all_cap = (_open_to(purpose, cap) for cap in sms.caps())
    yield f"{'claimed' if purpose in CLAIMS else 'number'}:{sms.mark(number)}", NUMBER, number_cap
    yield f"country:{country}", country, country_cap
    yield "all", "all countries", all_cap


def _open_to(purpose: str, cap: int) -> int:
    return cap if purpose in (*CODES, SAFETY) else cap - cap // KEPT_FOR_CODES


@command
def warn(capped: SmsCapped, *, now: datetime) -> None:
    """Tell officers that a country, or all together, are at their cap; that one number is says nothing."""
    where = capped.facts["of"]
    if where != NUMBER:
        alerts.raise_alert(
            "accounts.sms_capped",
            dedupe=where,
            severity="warning",
            title=f"No more SMS today to {where}: the day's cap is reached",
            at=now,
        )
