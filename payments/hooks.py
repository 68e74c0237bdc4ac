"""What the rooms above answer to payments. An upper app registers its answer in `apps.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Model

OwnsPosition = Callable[[Model, UUID, str], bool]


@dataclass
class PositionLookup:
    """Answer whether an investor has a position, in a currency, that a deposit may name."""

    providers: list[OwnsPosition] = field(default_factory=list)

    def register(self, provider: OwnsPosition) -> OwnsPosition:
        """Add a provider `(investor, position_id, currency) -> bool`, once; usable as a decorator."""
        if provider not in self.providers:
            self.providers.append(provider)
        return provider

    def unregister(self, provider: OwnsPosition) -> None:
        """Take a provider out again."""
        self.providers.remove(provider)

    def __call__(self, investor: Model, position_id: UUID, currency: str) -> bool:
        return any(provider(investor, position_id, currency) for provider in self.providers)


owns_position = PositionLookup()
"""With no provider no deposit may name a position: an id that isn't the caller's is unknown."""
