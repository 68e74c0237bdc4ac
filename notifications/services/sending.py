"""Send what is due: claim it and commit, call the provider outside any transaction, record what it said.

At least once: one whose worker dies between the call and the record is sent again, under the same mail id or push tag.
Source: docs/rules/notifications.md §3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.commands import command
from notifications import kinds, messages, rules
from notifications.channels import Failed, Gone, NotSent, push
from notifications.channels.mail import Mailer
from notifications.models import Channel, Delivery, Device, QuietHours
from notifications.services import dispatch, limits, silence
from notifications.services.telling import kick_after_commit
from oversight import alerts, audit
from oversight.permissions import require_permission

log = logging.getLogger(__name__)

BATCH: Final = 20
LONGEST: Final = timedelta(minutes=5)
"""How long one task goes on; beat's next takes over. The broker hands a task out again after an hour."""
RETRY: Final = "notifications.retry_delivery"
FAILS: Final = "messages-fail"
TOO_OLD: Final = "too-old"

Status = Delivery.Status
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Claimed:
    """How many due rows were taken, and those of them that are to be sent."""

    taken: int
    to_send: list[Delivery]


def send_in_turn(*, clock: Clock) -> int:
    """Send what is due unless as many do as may (`settings.SENDERS_AT_ONCE`); return how many went out.

    Each sends for minutes while much is due. Were every process of the worker at it, nobody's code would be sent.
    """
    with _a_place() as is_free:
        return send_due(clock=clock) if is_free else 0


@contextmanager
def _a_place() -> Iterator[bool]:
    """Hold one of the senders' places over many transactions, if one is free."""
    with connection.cursor() as cursor:
        places = range(settings.SENDERS_AT_ONCE)
        place = next((each for each in places if _asked(cursor, "pg_try_advisory_lock", each)), None)
    try:
        yield place is not None
    finally:
        if place is not None:
            with connection.cursor() as cursor:
                _asked(cursor, "pg_advisory_unlock", place)


def _asked(cursor: Any, function: str, place: int) -> bool:
    cursor.execute(f"SELECT {function}(hashtext('notifications.sending'), %s)", [place])
    return bool(cursor.fetchone()[0])


def send_due(*, clock: Clock) -> int:
    """Send what is due, batch by batch, until nothing is left or five minutes are over; return how many went out."""
    began, sent, run = clock(), 0, silence.Run()
    with Mailer() as mailer:
        while clock() - began < LONGEST:
            now = clock()
            claimed = claim(now=now, but=list(run.silent(now)))
            if not claimed.taken:
                break
            sent += _send(claimed.to_send, run, mailer=mailer, clock=clock)
    return sent


def _send(rows: list[Delivery], run: silence.Run, *, mailer: Mailer, clock: Clock) -> int:
    """Send a batch; return how many went out. What isn't tried is given back."""
    seen, sent, untried = kinds.looked_up(row.notification for row in rows), 0, []
    for row in rows:
        began = clock()
        # A slow batch's last ones may be another worker's by now; a channel that doesn't answer would hold up the rest.
        if row.next_try_at <= began or row.channel in run.until:
            untried.append(row)
            continue
        outcome = _try(row, seen.get(row.notification_id, {}), mailer=mailer, now=began)
        ended = clock()
        sent += outcome is None
        record(row.pk, attempt=row.attempts, outcome=outcome, now=ended)
        failed = isinstance(outcome, Failed)
        if run.fell_silent(row.channel, failed=failed, took=ended - began, now=ended):
            tell_silent(row, outcome, now=ended)
    if untried:
        give_back(untried, until=run.silent(clock()), now=clock())
    return sent


def _try(row: Delivery, seen: kinds.Facts, *, mailer: Mailer, now: datetime) -> NotSent | None:
    """Send one message; return why it wasn't. What breaks on our side is logged, and tried again like a failure."""
    try:
        dispatch.send(row, seen, mailer=mailer, now=now)
    except NotSent as reason:
        return reason
    except Exception as error:
        log.exception("a message can't be sent", extra={"delivery": str(row.pk), "kind": row.notification.kind})
        return Failed(f"an error of ours: {type(error).__name__}")
    return None


@command
def claim(*, now: datetime, but: Collection[str] = ()) -> Claimed:
    """Take some due messages for this worker: those that may go now are its own for ten minutes.

    The others are dropped, or put off to the end of their person's quiet hours. Channels in `but` are left alone.
    """
    rows = Delivery.objects.claim(now, most=BATCH, but=but)
    known = _Known(rows, now)
    # In one order, since each counts in a row that other workers count in, too.
    taken = {row.pk for row in sorted(rows, key=lambda row: (row.user_id, row.channel, row.pk)) if _take(row, known)}
    # Then in another: what a slow batch gave back goes before what was tried more often, or it would be last for ever.
    to_send = [row for row in rows if row.pk in taken]
    return Claimed(len(rows), sorted(to_send, key=lambda row: (not row.goes_first, row.attempts)))


@dataclass
class _Known:
    """What deciding over a batch needs, read at once."""

    rows: list[Delivery]
    now: datetime
    devices: set[tuple[UUID, UUID]] = field(init=False)
    quiet: dict[UUID, Any] = field(init=False)

    def __post_init__(self) -> None:
        asked = [row.device_id for row in self.rows if row.device_id]
        found = Device.objects.reachable(self.now).filter(pk__in=asked) if asked else Device.objects.none()
        self.devices = set(found.values_list("pk", "user_id"))
        people = {row.user_id for row in self.rows if row.channel != Channel.EMAIL}
        said = QuietHours.objects.filter(pk__in=people) if people else QuietHours.objects.none()
        self.quiet = {each.pk: each.hours for each in said}


def _take(row: Delivery, known: _Known) -> bool:
    """Decide over one locked row: drop it, put it off, or take it."""
    now, kind = known.now, kinds.find(row.notification.kind)
    reason = "no-such-kind" if kind is None else _reason_to_drop(row, kind, known)
    if kind is None or reason:
        row.move(Status.DROPPED, at=now, reason=reason)
        if reason == TOO_OLD and row.attempts:
            _tell_given_up(row, reason, now=now)
        return False
    wakes = _quiet_until(row, kind, known)
    if wakes is not None:
        row.next_try_at = wakes
        row.save(update_fields=["next_try_at"])
        return False
    if row.attempts > len(rules.RETRIES_AFTER):
        row.move(Status.FAILED, at=now, reason="no worker lived to say what came of it")
        _tell_given_up(row, row.reason, now=now)
        return False
    if row.attempts == 0 and limits.is_limited(row, kind) and (reason := limits.refusal(row, now=now)):
        row.move(Status.DROPPED, at=now, reason=reason)
        return False
    row.attempts += 1
    row.next_try_at = now + rules.LEASE
    row.save(update_fields=["attempts", "next_try_at"])
    return True


def _reason_to_drop(row: Delivery, kind: kinds.Kind, known: _Known) -> str:
    """Say what speaks against sending this at all; things may have changed since it was queued."""
    person = row.user
    if known.now - row.created_at > rules.STALE_AFTER[row.channel]:
        return TOO_OLD
    if person.deleted_at is not None:
        return "person-gone"
    if row.channel == Channel.PUSH:
        if not push.is_on():
            return "push-is-off"
        return "" if (row.device_id, row.user_id) in known.devices else "device-gone"
    address, proven = (
        (person.email, person.email_verified_at)
        if row.channel == Channel.EMAIL
        else (person.phone, person.phone_verified_at)
    )
    if not address:
        return "no-address"
    return "address-unproven" if kind.category.needs_proof and proven is None else ""


def _quiet_until(row: Delivery, kind: kinds.Kind, known: _Known) -> datetime | None:
    if row.channel == Channel.EMAIL or kind.priority == kinds.Priority.URGENT:
        return None
    hours = known.quiet.get(row.user_id, QuietHours.NIGHT)
    return rules.quiet_until(known.now, hours, zone=messages.zone_of(row.user))


@command
def record(delivery_id: UUID, *, attempt: int, outcome: NotSent | None, now: datetime) -> None:
    """Write down what came of an attempt, unless another worker has taken the message since."""
    row = Delivery.objects.lock(delivery_id)
    if row is None or row.status != Status.QUEUED or row.attempts != attempt:
        return
    if outcome is None:
        row.move(Status.SENT, at=now)
    elif isinstance(outcome, Failed):
        _fail(row, outcome, now=now)
    elif isinstance(outcome, dispatch.Dropped):
        row.move(Status.DROPPED, at=now, reason=str(outcome))
    else:
        if isinstance(outcome, Gone) and row.device_id is not None:
            # By now the token may be somebody else's.
            Device.objects.filter(pk=row.device_id, user_id=row.user_id).delete()
        row.move(Status.FAILED, at=now, reason=str(outcome))


def _fail(row: Delivery, failure: Failed, *, now: datetime) -> None:
    """Try again later, or give up and tell officers: then it isn't this one message that is wrong."""
    again = rules.next_try(row.attempts, now=now, wait=failure.wait, is_urgent=row.goes_first)
    if again is not None:
        row.next_try_at, row.reason = again, str(failure)[:200]
        row.save(update_fields=["next_try_at", "reason"])
        return
    row.move(Status.FAILED, at=now, reason=str(failure))
    _tell_given_up(row, row.reason, now=now)


def _tell_given_up(row: Delivery, reason: str, *, now: datetime) -> None:
    attempts = "1 attempt" if row.attempts == 1 else f"{row.attempts} attempts"
    detail = f"The newest was given up after {attempts}: {reason}. See Deliveries, status {row.status}."
    _raise_alert(row, detail, now=now)


@command
def tell_silent(row: Delivery, outcome: NotSent | None, *, now: datetime) -> None:
    """Tell officers that a channel doesn't answer and is left alone for a minute at a time."""
    _raise_alert(row, f"It doesn't answer, and is tried again each minute: {outcome}.", now=now)


def _raise_alert(row: Delivery, detail: str, *, now: datetime) -> None:
    title = f"Messages by {row.get_channel_display()} can't be sent"
    alerts.raise_alert(FAILS, dedupe=row.channel, title=title, detail=detail, at=now)


@command
def give_back(rows: Iterable[Delivery], *, until: Mapping[str, datetime], now: datetime) -> None:
    """Leave to whoever comes next what was claimed and not tried: with its attempt, and its place in the hour.

    `until` says how long a channel is left alone.
    """
    claimed = {row.pk: row for row in rows}
    found = Delivery.objects.filter(pk__in=claimed, status=Status.QUEUED).order_by("pk").select_for_update(no_key=True)
    # One that another worker has taken since counts another attempt.
    untried = [row for row in found if row.attempts == claimed[row.pk].attempts]
    for row in untried:
        row.attempts -= 1
        row.next_try_at = max(now, until.get(row.channel, now))
        row.save(update_fields=["attempts", "next_try_at"])
    limits.uncount(claimed[row.pk] for row in untried)


@command
def retry(*, ids: Iterable[UUID], by: Any, now: datetime) -> int:
    """Queue failed messages again that aren't too old, with all their attempts; return how many. Raises Forbidden."""
    require_permission(by, RETRY)
    failed = Delivery.objects.all().fresh(now).filter(pk__in=list(ids), status=Status.FAILED)
    rows = list(failed.order_by("pk").select_for_update())
    for row in rows:
        row.attempts, row.next_try_at = 0, now
        row.move(Status.QUEUED, at=None)
    audit.record("notifications.deliveries_retried", actor=by, at=now, after={"deliveries": len(rows)})
    kick_after_commit()
    return len(rows)
