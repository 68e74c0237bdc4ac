"""What accounts tell the rooms above, inside the transaction that did it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.dispatch import Signal

from accounts.models import User

person_told = Signal()
"""Something happened to a person's account that they should hear of.

Sent with `person` (accounts.models.User), `event` (a code: signed_up, password_changed, password_by_mail, pin_set,
factor_changed, recovery_code_used, new_device, email_changed, phone_changed, identity_changed, identity_by_mail,
number_unverified, console_from_elsewhere, passkey_copied, token_reused, account_restored), `facts` (ids only: `session`
of a new device or of a token that came twice), `key` (the fact's own: a repeat of it is nothing new)
and `now` (aware datetime); sender is User. Never a secret.
"""


def tell(person: User, event: str, *, now: datetime, key: str = "", facts: Mapping[str, str] | None = None) -> None:
    """Send it (a step); without a key of its own an event is known by its moment."""
    person_told.send(User, person=person, event=event, facts=facts or {}, key=key or now.isoformat(), now=now)
