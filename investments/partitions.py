"""The months of the accrual table. The application's role can't make them: a function of the owner does.

Source: docs/rules/returns.md §3.
"""

from __future__ import annotations

from datetime import date

from django.db import connection

from core.errors import DomainError

MONTHS_AHEAD = 3


class PartitionMissing(DomainError):
    code = "partition-missing"
    title = "The month has no accrual partition"


def make_partitions(on: date) -> int:
    """Make what is missing of the month of `on` and the three after it; return how many were made. A step."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT investments_make_partitions(%s::date, %s::integer)", [on, MONTHS_AHEAD + 1])
        (made,) = cursor.fetchone()
    return int(made)


def require_partition(on: date) -> None:
    """Raises PartitionMissing, naming the month."""
    name = f"investments_accrual_{on:%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"public.{name}"])
        (found,) = cursor.fetchone()
    if found is None:
        raise PartitionMissing(
            f"{on:%B %Y} has no accrual partition; nothing of {on} is accrued. Make it with close_day.",
            month=f"{on:%Y-%m}",
        )
