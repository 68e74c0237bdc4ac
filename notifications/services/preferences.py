"""What a person wants to hear, by which channel, and when not. Source: docs/rules/notifications.md §2, §4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import User
from core.commands import command
from notifications.errors import ChannelFixed, ChannelNotOffered
from notifications.kinds import CATEGORIES
from notifications.models import Preference, QuietHours
from notifications.models.preferences import Hours
from oversight import audit

Channels = Mapping[str, Mapping[str, bool]]
"""Category, channel, whether it is wanted."""

UNCHANGED: Any = object()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants: every category with its channels, those that are fixed, and their quiet hours."""

    channels: Channels
    fixed: Mapping[str, list[str]]
    quiet_hours: Hours


def wishes_of(person: User) -> Wishes:
    """Read what a person wants, defaults included."""
    said = {(row.category, row.channel): row.wanted for row in Preference.objects.filter(user=person)}
    channels = {
        code: {
            channel: channel in category.fixed or said.get((code, channel), channel in category.by_default)
            for channel in sorted(category.offered)
        }
        for code, category in CATEGORIES.items()
    }
    fixed = {code: sorted(category.fixed) for code, category in CATEGORIES.items() if category.fixed}
    return Wishes(channels, fixed, QuietHours.objects.of(person))


@command
def change_preferences(
    person: User, *, channels: Channels | None = None, quiet_hours: Any = UNCHANGED, now: datetime
) -> Wishes:
    """Switch channels of categories on and off, and set quiet hours; None wants none.

    Raises ChannelFixed, ChannelNotOffered.
    """
    User.objects.lock(person.pk)
    for code, wanted in (channels or {}).items():
        for channel, is_wanted in wanted.items():
            _require_free(code, channel, is_wanted)
            Preference.objects.update_or_create(
                user=person, category=code, channel=channel, defaults={"wanted": is_wanted}
            )
    if quiet_hours is not UNCHANGED:
        begins, ends = quiet_hours or (None, None)
        QuietHours.objects.update_or_create(user=person, defaults={"begins": begins, "ends": ends})
    audit.record("notifications.preferences_changed", actor=person, at=now, target=person)
    return wishes_of(person)


def _require_free(code: str, channel: str, wanted: bool) -> None:
    category = CATEGORIES[code]
    if channel not in category.offered:
        raise ChannelNotOffered(category=code, channel=channel)
    if channel in category.fixed and not wanted:
        raise ChannelFixed(category=code, channel=channel)
