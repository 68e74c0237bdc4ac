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
"""Word about the safety of an account, to the number that is its owner's."""
KEPT_FOR_CODES = 4
"""One in so many of each cap is for codes to owners alone: strangers' sign-ups and news lock nobody out.

Words of safety share in what a country and all keep, so that no flood silences them; but not in what a number keeps:
whoever has the mailbox would use up with them what the owner logs in with.
"""


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
    number_cap, country_cap, all_cap = sms.caps()
    kept = (*CODES, SAFETY)
    yield (
        f"{'claimed' if purpose in CLAIMS else 'number'}:{sms.mark(number)}",
        NUMBER,
        _open(number_cap, purpose in CODES),
    )
    yield f"country:{country}", country, _open(country_cap, purpose in kept)
    yield "all", "all countries", _open(all_cap, purpose in kept)


def _open(cap: int, is_kept: bool) -> int:
    return cap if is_kept else cap - cap // KEPT_FOR_CODES


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
