"""What stands in the way of deleting a person: rooms above register what they know of, as they register actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from oversight.models import ApprovalRequest


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that the person would lose: a stable code, and a sentence for officers."""

    code: str
    title: str


Provider = Callable[[User], Iterable[Obstacle]]
_providers: list[Provider] = []


def register_provider(provider: Provider) -> None:
    """Add who may object; called from `AppConfig.ready`, which runs from the upper floors down.

    Providers are asked in that order, and it matters: what a position or an offer still owes becomes money in the
    wallet, never the other way without the person, so that whoever looks at wallets last misses nothing on its way.
    """
    if provider not in _providers:
        _providers.append(provider)


def found_for(person: User) -> list[Obstacle]:
    """Everything that stands in the way of deleting this person."""
    return [obstacle for provider in _providers for obstacle in provider(person)]


def open_requests(person: User, *, but: UUID | None = None) -> list[Obstacle]:
    """What about this person, or to their benefit, waits for an officer, but for one request."""
    waiting = ApprovalRequest.objects.open()
    theirs = waiting.about(person) | waiting.filter(beneficiary=person)
    count = sum(pk != but for pk in theirs.values_list("pk", flat=True))
    return [Obstacle("open-approval", f"requests about them that wait for an approval: {count}")] if count else []
