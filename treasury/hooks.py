"""What rooms above tell the treasury before client money is put to work.

An upper app registers a provider in its `apps.py`: `hooks.exits_waiting.register(provider)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

ScopeQuestion = Callable[[str, str], bool]
ScopeList = Callable[[], Iterable[tuple[str, str]]]


@dataclass
class AnyOf:
    """A question about a scope and a currency; the answer is yes as soon as one provider says so."""

    providers: list[ScopeQuestion] = field(default_factory=list)

    def register(self, provider: ScopeQuestion) -> ScopeQuestion:
        """Add a provider, once; usable as a decorator."""
        if provider not in self.providers:
            self.providers.append(provider)
        return provider

    def unregister(self, provider: ScopeQuestion) -> None:
        """Take a provider out again."""
        self.providers.remove(provider)

    def __call__(self, scope: str, currency: str) -> bool:
        return any(provider(scope, currency) for provider in self.providers)


@dataclass
class Listing:
    """The scopes and currencies whose money is the treasury's, as far as rooms above have said."""

    providers: list[ScopeList] = field(default_factory=list)

    def register(self, provider: ScopeList) -> ScopeList:
        """Add a provider, once; usable as a decorator."""
        if provider not in self.providers:
            self.providers.append(provider)
        return provider

    def unregister(self, provider: ScopeList) -> None:
        """Take a provider out again."""
        self.providers.remove(provider)

    def __call__(self) -> list[tuple[str, str]]:
        return sorted({pair for provider in self.providers for pair in provider()})


exits_waiting = AnyOf()
"""`(scope, currency) -> bool`: do investors of that product wait for their money? Then nothing more is deployed."""

scopes = Listing()
"""`() -> [(scope, currency), ...]`: the products and offers whose money is the treasury's.

Nothing that was listed is ever left out again, so that the answer needs no lock. With no provider any well-formed scope
is taken.
"""
