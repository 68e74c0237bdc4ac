"""Whose data it is, and the little that every part of an export asks of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from accounts.models import User
from investments.models import Position
from oversight.models import PersonErased, PersonKey


@dataclass(frozen=True)
class Subject:
    """The person, with what many parts need and one query brings."""

    user: User
    now: datetime

    @cached_property
    def positions(self) -> list[UUID]:
        """Their positions: tables of years of returns are read by these, as their indexes want it."""
        return list(Position.objects.filter(owner=self.user).values_list("pk", flat=True))

    @cached_property
    def wrapped_key(self) -> bytes | memoryview | None:
        """Their own key, wrapped: None where it was destroyed, or nothing was ever encrypted with it."""
        return PersonKey.objects.filter(pk=self.user.pk).values_list("wrapped", flat=True).first()

    def read(self, opens: Callable[[Any], Any]) -> Any:
        """Decrypt with their key; None where it was destroyed."""
        if self.wrapped_key is None:
            return None
        try:
            return opens(self.wrapped_key)
        except PersonErased:
            return None


def loads(plain: bytes) -> Any:
    """Read JSON that was kept encrypted."""
    return json.loads(plain)
