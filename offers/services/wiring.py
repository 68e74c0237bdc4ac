"""Tie offers to the rooms below: called once, from AppConfig.ready()."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps

from offers.models import Offer
from offers.services import closing, deeds, drafts
from oversight import verbs


def register_verbs() -> None:
    """Make known what takes two persons."""
    for verb in (drafts.PUBLISH, closing.FAIL, *deeds.VERBS):
        verbs.register(verb)


def listen() -> None:
    """Answer what rooms below ask."""
    if apps.is_installed("treasury"):
        from treasury import hooks

        hooks.scopes.register(scopes)


def scopes() -> Iterable[tuple[str, str]]:
    """The scopes of all offers that have closed, with their currency: those that have ended may still earn."""
    return [(offer.scope, offer.currency) for offer in Offer.objects.once_closed()]
