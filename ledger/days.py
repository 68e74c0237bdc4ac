"""The business day: which is open, how the first is opened and each is closed. Source: docs/rules/ledger.md §3."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from core.errors import DomainError, from_database


class NoOpenDay(DomainError):
    code = "no-open-day"
    title = "No business day is open; an engineer opens the first with: manage.py open_ledger --on DATE"


class DayRefused(DomainError):
    code = "day-refused"
    title = "The business day can't be opened or closed so"


OPEN_DAY = "SELECT day FROM ledger_businessday WHERE closed_at IS NULL"


def platform_zone() -> ZoneInfo:
    """Return the platform's time zone, fixed after the first close."""
    return ZoneInfo(settings.PLATFORM_TIME_ZONE)


def platform_date(now: datetime) -> date:
    """Return the calendar date of a moment in the platform's time zone."""
    return now.astimezone(platform_zone()).date()


platform_today = platform_date


def open_day() -> date:
    """Return the open business day. Raises NoOpenDay."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_DAY)
        found = cursor.fetchone()
    if found is None:
        raise NoOpenDay
    day: date = found[0]
    return day


def is_over(day: date, *, now: datetime) -> bool:
    """Answer whether a day has ended in the platform's time zone."""
    return day < platform_date(now)


def open_ledger(on: date) -> None:
    """Open the first business day (step). Raises DayRefused when the ledger was opened before."""
    _call("SELECT ledger_open(%s)", on)


def close(day: date, *, now: datetime) -> int:
    """Close the open day and open the next (step); return the id of its last transfer.

    Waits for every posting under way. Raises DayRefused if `day` isn't the open one or isn't over.
    """
    if not is_over(day, now=now):
        raise DayRefused(f"{day} isn't over in {settings.PLATFORM_TIME_ZONE}.", day=day.isoformat())
    return _call("SELECT ledger_close(%s)", day)


def _call(sql: str, day: date) -> int:
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, [day])
            (answer,) = cursor.fetchone()
    except DatabaseError as error:
        refusal = from_database(error)
        if refusal is None:
            raise
        raise DayRefused(refusal.detail, guard=refusal.facts["guard"]) from error
    return answer if isinstance(answer, int) else 0
