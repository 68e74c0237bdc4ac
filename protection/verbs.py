"""The verbs of this room that take two people, as oversight knows them."""

from __future__ import annotations

from oversight import verbs
from oversight.verbs import Verb
from protection.services import jurisdictions, knowledge

_MAY = ("protection.request_protection", "protection.approve_protection")


def register() -> None:
    """Make the verbs known to oversight."""
    verbs.register(
        Verb(jurisdictions.CHANGE, "Change what a jurisdiction asks for", *_MAY, jurisdictions.apply_jurisdiction)
    )
    verbs.register(Verb(knowledge.CHANGE, "Change the knowledge test", *_MAY, knowledge.apply_test))
