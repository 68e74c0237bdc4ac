"""How a race over an offer leaves the others time, and how its control takes a lock out."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core.errors import DomainError
from offers import services
from offers.models import Offer, OfferInvestment
from offers.services import waiting
from offers.tests.worlds import World


def slowed(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, seconds: float = 0.3) -> None:
    """Leave the other threads time between reading and writing."""
    before = getattr(owner, name)

    def slowly(*args: Any, **kwargs: Any) -> Any:
        time.sleep(seconds)
        return before(*args, **kwargs)

    monkeypatch.setattr(owner, name, slowly)


Edit = Callable[[str, str], None]
"""Write one text of the room's function in the place of another."""


def slowed_function(edit: Edit) -> None:
    """Leave the other threads time between what the function reads and what it writes."""
    edit("    SELECT out_id INTO STRICT", "    PERFORM pg_sleep(0.3);\n    SELECT out_id INTO STRICT")


def unlocked_function(edit: Edit) -> None:
    edit(" FOR NO KEY UPDATE;", ";")


def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lock out: read the offer, and hold nobody up."""

    def look(self: Any, offer_id: object) -> Offer:
        found: Offer = self.get(pk=offer_id)
        return found

    monkeypatch.setattr(Offer.objects._queryset_class, "lock", look)  # type: ignore[attr-defined]
    monkeypatch.setattr(type(Offer.objects), "lock", look)


def after(seconds: float, work: Callable[[], object]) -> Callable[[], object]:
    """The same work, begun a little later."""

    def late() -> object:
        time.sleep(seconds)
        return work()

    return late


def said(outcomes: list[object]) -> list[str]:
    return sorted(end.code if isinstance(end, DomainError) else type(end).__name__ for end in outcomes)


def accepted(offer: Offer) -> Decimal:
    return OfferInvestment.objects.of(offer).holding().accepted()


def status_of(row: Offer | OfferInvestment) -> str:
    return str(type(row).objects.values_list("status", flat=True).get(pk=row.pk))


def free_a_place(world: World, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first investor take back, and nobody give the place on: as if whoever had to was killed."""
    first = offer.investments.select_related("investor").earliest("id")
    with monkeypatch.context() as killed:
        killed.setattr(waiting, "give_places", lambda *args, **kwargs: None)
        services.withdraw(first.pk, investor=first.investor, now=world.now)


def steer(verb: Callable[..., object], offer: Offer, world: World) -> Callable[[], object]:
    return partial(verb, offer.pk, by=world.officers[0], reason="as agreed", now=world.now)
