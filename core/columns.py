"""Columns that every room spells alike: the database's own time-ordered id, and an exact amount."""

from __future__ import annotations

from typing import Any

from django.db import models
from uuid_utils.compat import uuid7


class UUIDv7(models.Func):
    """PostgreSQL's own time-ordered identifier."""

    function = "uuidv7"
    template = "%(function)s()"
    output_field = models.UUIDField()


def identifier() -> models.UUIDField[Any, Any]:
    """Return a primary key that Python draws, or the database where a row is inserted without one."""
    return models.UUIDField(primary_key=True, default=uuid7, db_default=UUIDv7(), editable=False)


def amount(**options: Any) -> models.DecimalField[Any, Any]:
    """Return a column for an exact amount of any currency: 38 digits, 18 of them decimals."""
    return models.DecimalField(max_digits=38, decimal_places=18, **options)


def recorded_at() -> models.DateTimeField[Any, Any]:
    """Return a column for the database's own clock when a row was written; `core.guards.stamped` keeps it true.

    What is append-only and has it goes into the seal of a day.
    """
    return models.DateTimeField(
        db_default=models.Func(function="clock_timestamp"), editable=False, help_text="the clock when it was written"
    )


def fraction(**options: Any) -> models.DecimalField[Any, Any]:
    """Return a column for a rate or a share: 0.25 is 25 %."""
    return models.DecimalField(max_digits=18, decimal_places=12, **options)
