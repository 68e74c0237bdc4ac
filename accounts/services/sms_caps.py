"""How many short messages go out on a day. Source: docs/rules/access.md §8."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import connection

from accounts import identifiers, sms
from accounts.errors import SmsCapped
from accounts.models import SmsCount, VerificationCode
from core.commands import command
from oversight import alerts

NUMBER = "number"
CLAIMS = (VerificationCode.Purpose.VERIFY, VerificationCode.Purpose.CHANGE)


def count_sms(number: str, *, purpose: str, now: datetime) -> None:
    """Count one message to a number, to its country and in all (a step). Raises SmsCapped where that is too many.

    Messages to see whose a number is count apart from those to whom it is: a stranger can ask for the former.
    """
    day = now.astimezone(UTC).date()
    midnight = datetime.combine(day, datetime.max.time(), UTC)
    for scope, name, most in _scopes(number, purpose):
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"day": day, "scope": scope, "most": most})
            if cursor.fetchone() is None:
                raise SmsCapped(of=name, retry_after=int((midnight - now).total_seconds()) + 1)


def _scopes(number: str, purpose: str) -> Iterator[tuple[str, str, int]]:
    """What is counted, from the rarest to what everybody counts: that row is held for the shortest."""
    country = identifiers.country_of(number)
    caps = sms.caps()
    yield f"{'claimed' if purpose in CLAIMS else 'number'}:{sms.mark(number)}", NUMBER, caps.number
    yield f"country:{country}", country, caps.country
    yield "all", "all countries", caps.all


_COUNT = f"""
    INSERT INTO {SmsCount._meta.db_table} AS c (day, scope, sent)
    SELECT %(day)s, %(scope)s, 1 WHERE %(most)s > 0
    ON CONFLICT (day, scope) DO UPDATE SET sent = c.sent + 1 WHERE c.sent < %(most)s
    RETURNING sent
"""


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
