"""The verbs that take two people, registered by the rooms that own them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Model

from core.errors import DomainError


@dataclass(frozen=True)
class Verb:
    """A sensitive verb: who may ask, who may approve, and the step that the last approval runs.

    `apply(request, by, now)` runs in the transaction of the last approval; what it raises rolls that
    decision back. `target_fields` are hashed when asked: if one changed since, the request is void.
    An empty `request_permission` leaves it to the room to say who may ask (an investor's own payout).
    `look(request)` works out again those lines of the summary that may have changed since it was asked; it raises
    the DomainError that would refuse the deed as things stand. It writes nothing. `drifts` are beginnings of labels
    whose figures drift with everyday traffic: they are shown, and whoever was shown another may approve all the same.
    `has_interest(target_id, person)` says who gains or loses by it beside the request's one beneficiary, as all who
    hold a part of something do: they neither ask for it nor decide it.
    """

    name: str
    title: str
    request_permission: str
    approve_permission: str
    apply: Callable[..., Any]
    target_model: type[Model] | None = None
    target_fields: tuple[str, ...] = ()
    expires_after: timedelta = timedelta(days=7)
    look: Callable[[Any], Iterable[tuple[str, str]]] | None = None
    drifts: tuple[str, ...] = ()
    has_interest: Callable[[str, Any], bool] | None = None


class UnknownVerb(DomainError):
    code = "unknown-verb"
    title = "No such verb is known"
    status = 404


_verbs: dict[str, Verb] = {}


def register(verb: Verb) -> Verb:
    """Make a verb known, from AppConfig.ready().

    Raises ValueError when another verb has that name.
    """
    known = _verbs.setdefault(verb.name, verb)
    if known != verb:
        raise ValueError(f"two verbs are called {verb.name}")
    return known


def get(name: str) -> Verb:
    """Return the verb of that name.

    Raises UnknownVerb.
    """
    try:
        return _verbs[name]
    except KeyError:
        raise UnknownVerb(f"No verb is called {name}.", verb=name) from None


def every() -> list[Verb]:
    """Return all verbs, by name."""
    return [_verbs[name] for name in sorted(_verbs)]


def approvable_by(user: Any) -> list[str]:
    """Name the verbs whose requests this person may approve."""
    return [verb.name for verb in every() if user.has_perm(verb.approve_permission)]
