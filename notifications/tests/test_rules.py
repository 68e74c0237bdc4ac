"""Quiet hours by the wall clock, whatever the night's length, and when a message is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications import rules
from notifications.tests.conftest import NOW

NIGHT = (time(21), time(8))
PARIS, COTONOU, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("Africa/Porto-Novo"), ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "hours", "zone", "until"),
    [
        ("2026-11-20T12:00", NIGHT, PARIS, None),
        ("2026-11-20T19:59", NIGHT, PARIS, None),
        ("2026-11-20T20:00", NIGHT, PARIS, "2026-11-21T07:00"),
        ("2026-11-20T23:30", NIGHT, PARIS, "2026-11-21T07:00"),
        ("2026-11-21T06:59", NIGHT, PARIS, "2026-11-21T07:00"),
        ("2026-11-21T07:00", NIGHT, PARIS, None),
        ("2026-11-20T20:00", NIGHT, COTONOU, "2026-11-21T07:00"),
        ("2026-11-20T20:00", None, PARIS, None),
        ("2026-11-20T12:00", (time(12, 30), time(14)), PARIS, "2026-11-20T13:00"),
        ("2026-11-20T13:00", (time(12, 30), time(14)), PARIS, None),
        # The night of the 29th of March is an hour shorter in Paris, that of the 25th of October an hour longer.
        ("2026-03-28T20:00", NIGHT, PARIS, "2026-03-29T06:00"),
        ("2026-03-29T05:59", NIGHT, PARIS, "2026-03-29T06:00"),
        ("2026-10-24T19:00", NIGHT, PARIS, "2026-10-25T07:00"),
        ("2026-11-01T01:30", NIGHT, NEW_YORK, "2026-11-01T13:00"),
        # They end in an hour that isn't there: at the moment to which the clock jumps, and half an hour.
        ("2026-03-28T23:00", (time(21), time(2, 30)), PARIS, "2026-03-29T01:30"),
        # They end in an hour that comes twice: at its first coming for who waits for that one, else at its second.
        ("2026-10-24T23:00", (time(21), time(2, 30)), PARIS, "2026-10-25T00:30"),
        ("2026-10-25T00:45", (time(21), time(2, 30)), PARIS, None),
        ("2026-10-25T01:15", (time(21), time(2, 30)), PARIS, "2026-10-25T01:30"),
    ],
)
def test_quiet_hours_end_when_the_clock_says_so(now, hours, zone, until):
    assert rules.quiet_until(at(now), hours, zone=zone) == (at(until) if until else None)


@pytest.mark.parametrize("zone", [PARIS, COTONOU, NEW_YORK, ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Apia")])
@pytest.mark.parametrize("hours", [NIGHT, (time(0), time(5)), (time(1, 30), time(2, 30)), (time(23, 59), time(0, 1))])
def test_whoever_waits_wakes_later_and_is_then_awake(zone, hours):
    now = at("2026-01-01T00:00")
    while now < at("2027-01-01T00:00"):
        until = rules.quiet_until(now, hours, zone=zone)
        if until is not None:
            assert now < until <= now + timedelta(hours=24)
            assert rules.quiet_until(until, hours, zone=zone) is None
        now += timedelta(minutes=97)


def test_each_try_waits_longer_and_there_are_six():
    now = at("2026-11-20T09:00")
    waits = [rules.next_try(attempts, now=now) for attempts in range(1, 7)]
    assert [each and (each - now).total_seconds() / 60 for each in waits] == [1, 5, 15, 60, 240, None]


def test_a_provider_may_ask_for_more_time_not_for_less():
    now = at("2026-11-20T09:00")
    assert rules.next_try(1, now=now, wait=timedelta(minutes=30)) == now + timedelta(minutes=30)
    assert rules.next_try(2, now=now, wait=timedelta(seconds=1)) == now + timedelta(minutes=5)


@pytest.mark.parametrize(("is_urgent", "hours"), [(False, 20), (True, 8)])
def test_all_attempts_fit_whatever_a_provider_asks_for(is_urgent, hours):
    at, attempts = NOW, 0
    while at is not None:
        last, attempts = at, attempts + 1
        at = rules.next_try(attempts, now=at, wait=timedelta(days=1), is_urgent=is_urgent)
    assert (attempts, last - NOW) == (6, timedelta(hours=hours))
    assert last - NOW < min(rules.STALE_AFTER.values())
