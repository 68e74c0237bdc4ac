"""The trail of who did what; plain append, never changed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from oversight import encryption, trace
from oversight.models import AuditEvent, label_and_id


def record(
    action: str,
    *,
    actor: Any,
    at: datetime,
    target: Model | None = None,
    before: Any = None,
    after: Any = None,
    reason: str = "",
    personal: Any = None,
    person: Any = None,
) -> AuditEvent:
    """Write one event. `actor` is a user, or None for the platform itself.

    `before`, `after` and `reason` hold no personal data; that goes into `personal`, which is encrypted with
    the key of `person`. Address and request id come from the request at hand.
    Raises PersonErased, ValueError when `personal` comes without `person`.
    """
    event = AuditEvent(
        action=action,
        actor=actor,
        at=at,
        before=plain(before),
        after=plain(after),
        reason=reason,
        ip=trace.current().ip,
        request_id=trace.current().request_id,
        person=person,
        **label_and_id(target),
    )
    if personal is not None:
        if person is None:
            raise ValueError("personal data needs the person whose key encrypts it")
        event.personal = encryption.seal_for(person.pk, canonical(personal), context=_context(event))
    event.save(force_insert=True)
    return event


def personal_of(event: AuditEvent, *, wrapped: bytes | memoryview | None = None) -> Any:
    """Decrypt the personal part of an event; None if it has none.

    `wrapped` is the person's key as it stands, where a query has brought it along. Raises PersonErased,
    DecryptionFailed.
    """
    if event.personal is None or event.person_id is None:
        return None
    return json.loads(encryption.open_for(event.person_id, event.personal, context=_context(event), wrapped=wrapped))


def canonical(content: Any) -> bytes:
    """Write JSON in one way only, so that equal content has equal bytes. Raises TypeError for floats."""
    return json.dumps(
        plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def plain(content: Any) -> Any:
    """Turn decimals, dates and ids into the strings that JSON keeps exactly; refuse floats."""
    _refuse_floats(content)
    return json.loads(json.dumps(content, cls=DjangoJSONEncoder))


def _refuse_floats(content: Any) -> None:
    if isinstance(content, float):
        raise TypeError("a float isn't exact: write it as a string")
    if isinstance(content, dict):
        content = content.values()
    elif not isinstance(content, list | tuple):
        return
    for part in content:
        _refuse_floats(part)


def _context(event: AuditEvent) -> str:
    return f"oversight.auditevent.personal:{event.pk}"
