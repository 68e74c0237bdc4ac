"""The kinds of messages: each room registers its own in `AppConfig.ready`, and brings their templates.

A kind `deposit_confirmed` is written in `messages/en/deposit_confirmed.txt` and `messages/fr/deposit_confirmed.txt` of
its room's templates. Source: docs/rules/notifications.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from notifications.models import Notification

log = logging.getLogger(__name__)

EMAIL, SMS, PUSH = "email", "sms", "push"
ALL = frozenset({EMAIL, SMS, PUSH})

Facts = Mapping[str, Any]
Look = Callable[[Sequence["Notification"]], Mapping[UUID, Facts]]
"""Reads what a message needs beside its facts, for many notifications at once; by their ids."""


class Priority(IntEnum):
    """How much it matters; what is urgent is sent in quiet hours, too."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    URGENT = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Category:
    """What people switch on and off together.

    `offered` are its channels, `by_default` those that are on where nobody said otherwise, `fixed` those that can't be
    switched off. `needs_proof`: only addresses that were shown to be the person's own are told. Of what `is_essential`
    nobody can hear too much: at such an address no rate limits it.
    """

    code: str
    title: str
    offered: frozenset[str] = ALL
    by_default: frozenset[str] = frozenset({EMAIL, PUSH})
    fixed: frozenset[str] = frozenset()
    needs_proof: bool = True
    is_essential: bool = False


SECURITY: Final = Category(
    "security", "Security of the account", fixed=frozenset({EMAIL}), needs_proof=False, is_essential=True
)
ACCOUNT: Final = Category("account", "The account", needs_proof=False)
MONEY: Final = Category("money", "Deposits and withdrawals")
INVESTMENTS: Final = Category("investments", "Investments and offers")
RETURNS: Final = Category("returns", "Returns", offered=frozenset({EMAIL, PUSH}), by_default=frozenset())
APPROVALS: Final = Category("approvals", "Approvals, for officers", offered=frozenset({EMAIL, PUSH}), needs_proof=False)
CATEGORIES: Final = {each.code: each for each in (SECURITY, ACCOUNT, MONEY, INVESTMENTS, RETURNS, APPROVALS)}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of message.

    `channels` narrows its category's. `path` is where it leads, filled in from its facts: in the investors' app, or in
    the console where `for_officers`. What `is_alarm` goes by SMS as well to a number that was shown to be the person's:
    somebody else may read their mail, or say that they lost the number. `facts` and `seen` are samples of what `notify`
    keeps and what `look` reads, for previews and tests. The inbox keeps it for `keep`.
    """

    code: str
    category: Category
    priority: Priority = Priority.NORMAL
    channels: frozenset[str] = ALL
    path: str = ""
    for_officers: bool = False
    is_alarm: bool = False
    look: Look | None = None
    facts: Facts = field(default_factory=dict)
    seen: Facts = field(default_factory=dict)
    keep: timedelta = timedelta(days=730)

    def __hash__(self) -> int:
        return hash(self.code)

    @property
    def offered(self) -> frozenset[str]:
        return self.category.offered & self.channels

    def path_of(self, facts: Facts) -> str:
        """Where this message leads; nowhere is an empty text."""
        return self.path.format_map(dict(facts))


_kinds: dict[str, Kind] = {}


def register(*made: Kind) -> None:
    """Make kinds known, from AppConfig.ready(). Raises ValueError when another has that code."""
    for kind in made:
        if _kinds.setdefault(kind.code, kind) != kind:
            raise ValueError(f"two kinds of message are called {kind.code}")


def get(code: str) -> Kind:
    """Return the kind of that code. Raises KeyError."""
    return _kinds[code]


def find(code: str) -> Kind | None:
    """Return the kind of that code, None for one that is no longer there."""
    return _kinds.get(code)


def every() -> list[Kind]:
    """Return all kinds, by category and code."""
    order = list(CATEGORIES)
    return sorted(_kinds.values(), key=lambda kind: (order.index(kind.category.code), kind.code))


def codes_of(category: str) -> list[str]:
    """Return the codes of a category's kinds."""
    return [kind.code for kind in every() if kind.category.code == category]


def look_by(fact: str, read: Callable[[set[UUID]], Mapping[UUID, Facts]]) -> Look:
    """Make a look that reads rows by the id that stands in a fact; of what isn't there any more nothing is known."""

    def look(told: Sequence[Notification]) -> dict[UUID, Facts]:
        ids = {each.pk: UUID(each.facts[fact]) for each in told if fact in each.facts}
        found = read(set(ids.values()))
        return {key: found[row_id] for key, row_id in ids.items() if row_id in found}

    return look


def looked_up(notifications: Iterable[Notification]) -> dict[UUID, Facts]:
    """Read what these messages need beside their facts: each room's own once, however many there are.

    A look that breaks takes only its own messages with it, which then can't be written.
    """
    by_look: dict[Look, list[Notification]] = {}
    for each in notifications:
        kind = find(each.kind)
        if kind is not None and kind.look is not None:
            by_look.setdefault(kind.look, []).append(each)
    found: dict[UUID, Facts] = {}
    for look, mine in by_look.items():
        try:
            found |= look(mine)
        except Exception:
            log.exception("what messages need can't be read", extra={"kinds": sorted({each.kind for each in mine})})
    return found
