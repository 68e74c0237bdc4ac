"""Columns that several tables share."""

from __future__ import annotations

from typing import Any

from django.db import models


class UUIDv7(models.Func):
    """The database's own time-ordered id."""

    function = "uuidv7"
    template = "%(function)s()"
    output_field = models.UUIDField()


def amount(**options: Any) -> models.DecimalField[Any, Any]:
    """Return a column for an exact amount."""
    return models.DecimalField(max_digits=38, decimal_places=18, **options)
