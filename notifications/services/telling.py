"""Tell people something: one statement inserts the notification, once, and what goes out of it.

Whether one person is told or a million: no Python goes over persons. Source: docs/rules/notifications.md §1, §2.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model

from notifications import kinds
from notifications.kinds import EMAIL, PUSH, SMS, Kind, Priority

ROWS: Final = """
    SELECT * FROM unnest(%(users)s::uuid[], %(keys)s::text[], %(facts)s::jsonb[]) AS told (user_id, key, facts)
"""


def notify(person: Model, kind: str, *, facts: Mapping[str, Any], key: str, now: datetime) -> bool:
    """Tell one person something, unless they were told it under this key; say whether they weren't (a step).

    Raises KeyError for a kind that nobody registered.
    """
    return notify_each(kind, [(person.pk, key, facts)], now=now) == 1


def notify_each(kind: str, rows: Iterable[tuple[UUID, str, Mapping[str, Any]]], *, now: datetime) -> int:
    """Tell each person under a key of their own what their facts say; return how many are new (a step)."""
    told = list(rows)
    if not told:
        return 0
    given = {
        "users": [person for person, _, _ in told],
        "keys": [key for _, key, _ in told],
        "facts": [json.dumps(dict(facts)) for _, _, facts in told],
    }
    return notify_selected(kind, ROWS, given, now=now)


def notify_selected(kind: str, select: str, given: Mapping[str, Any], *, now: datetime) -> int:
    """Tell all whom a query names (`user_id`, `key`, `facts`); return how many are new (a step).

    Rows are inserted in the order of persons, so that two who tell the same people at once don't lock each other out.
    """
    known = kinds.get(kind)
    names: dict[str, Any] = {
        "nt_kind": known.code,
        "nt_category": known.category.code,
        "nt_first": known.priority >= Priority.URGENT,
        "nt_now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(known, select), {**given, **names})
        told, sent = cursor.fetchone()
    if sent:
        kick_after_commit()
    return int(told)


def kick_after_commit() -> None:
    """Have the worker see to what is due once the transaction has committed; if it can't, beat does within a minute."""
    transaction.on_commit(_kick, robust=True)


def _kick() -> None:
    from notifications import tasks

    tasks.send_due.apply_async(expires=tasks.KICK_EXPIRES_SECONDS)


def _statement(kind: Kind, select: str) -> str:
    return _TELL.format(select=select, deliveries=_deliveries(kind))


@functools.lru_cache(maxsize=256)
def _deliveries(kind: Kind) -> str:
    """Write the query of what goes out: a branch a channel, and SMS where the address that can't be off is missing.

    Of an alarm to every proven number, too.
    """
    branches = [_branch(kind, channel) for channel in sorted(kind.offered)]
    if EMAIL in kind.category.fixed and EMAIL in kind.offered:
        branches.append(_select(kind, SMS, wanted="", without="AND u.email_index IS NULL"))
    if kind.is_alarm:
        branches.append(_select(kind, SMS, wanted="", without=_PROVEN[SMS]))
    return " UNION ".join(branches) or _NOTHING


def _branch(kind: Kind, channel: str) -> str:
    category = kind.category
    if channel in category.fixed:
        return _select(kind, channel, wanted="")
    chosen = _PREFERENCE.format(channel=channel)
    if channel in category.by_default:
        return _select(kind, channel, wanted=f"LEFT JOIN {chosen}", without="AND p.wanted IS NOT FALSE")
    return _select(kind, channel, wanted=f"JOIN {chosen} AND p.wanted")


def _select(kind: Kind, channel: str, *, wanted: str, without: str = "") -> str:
    reach = _REACH[channel]
    if kind.category.needs_proof:
        reach = reach + _PROVEN.get(channel, "")
    device = "d.id" if channel == PUSH else "NULL::uuid"
    devices = _DEVICES if channel == PUSH else ""
    return f"""
        SELECT t.id AS notification_id, t.user_id, '{channel}' AS channel, {device} AS device_id
        FROM told t {wanted} JOIN accounts_user u ON u.id = t.user_id {devices}
        WHERE u.deleted_at IS NULL AND {reach} {without}
    """


_PREFERENCE: Final = """notifications_preference p
    ON p.user_id = t.user_id AND p.category = %(nt_category)s AND p.channel = '{channel}'"""
_DEVICES: Final = """
    JOIN notifications_device d ON d.user_id = t.user_id
    JOIN accounts_session s ON s.id = d.session_id AND s.revoked_at IS NULL AND s.expires_at > %(nt_now)s
"""
_REACH: Final = {
    EMAIL: "u.email_index IS NOT NULL",
    SMS: "u.phone_index IS NOT NULL",
    PUSH: "u.blocked_at IS NULL",
}
_PROVEN: Final = {EMAIL: " AND u.email_verified_at IS NOT NULL", SMS: " AND u.phone_verified_at IS NOT NULL"}
_NOTHING: Final = "SELECT t.id, t.user_id, '', NULL::uuid FROM told t WHERE false"
_TELL: Final = """
    WITH told AS (
        INSERT INTO notifications_notification (user_id, kind, key, facts, created_at)
        SELECT user_id, %(nt_kind)s, key, facts, %(nt_now)s FROM ({select}) due ORDER BY user_id, key
        ON CONFLICT (user_id, kind, key) DO NOTHING
        RETURNING id, user_id
    ), sent AS (
        INSERT INTO notifications_delivery
            (notification_id, user_id, channel, device_id,
             status, goes_first, attempts, next_try_at, reason, created_at)
        SELECT notification_id, user_id, channel, device_id, 'queued', %(nt_first)s, 0, %(nt_now)s, '', %(nt_now)s
        FROM ({deliveries}) wanted
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM told), (SELECT count(*) FROM sent)
"""
