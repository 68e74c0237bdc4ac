"""When a message goes out, how often it is tried, and what fits into a short one. Pure.

Source: docs/rules/notifications.md §3, §4.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

RETRIES_AFTER: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
)
"""How long after each failed attempt the next one comes; after the last there is none."""

LONGEST_WAIT: Final = RETRIES_AFTER[-1]
LONGEST_URGENT_WAIT: Final = timedelta(hours=1)
"""For how long a provider may ask to be left alone: all attempts have to fit into `STALE_AFTER`."""

LEASE: Final = timedelta(minutes=10)
"""How long a claimed message is left to its worker: longer than a batch takes when every provider is at its slowest."""

STALE_AFTER: Final = {"email": timedelta(days=3), "sms": timedelta(days=1), "push": timedelta(days=1)}
"""What nobody could send for so long isn't sent any more: the inbox has it."""

AN_HOUR: Final = {"email": 12, "sms": 4, "push": 30}
"""How many messages of a channel one person gets in an hour, of what isn't essential."""

KEEP_DELIVERIES: Final = timedelta(days=90)
KEEP_DEVICES: Final = timedelta(days=30)

SMS_LENGTH, SMS_WIDE_LENGTH = 160, 70
GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""What one septet of an SMS can say. Source: 3GPP TS 23.038 §6.2.1."""
_PLAIN: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "œ": "oe"})


def next_try(
    attempts: int, *, now: datetime, wait: timedelta | None = None, is_urgent: bool = False
) -> datetime | None:
    """Say when a message that failed `attempts` times is tried again; None when it isn't.

    `wait` is what the provider asked for; one that asks for a day would have it grow too old after one attempt.
    """
    if attempts > len(RETRIES_AFTER):
        return None
    asked = min(wait or timedelta(0), LONGEST_URGENT_WAIT if is_urgent else LONGEST_WAIT)
    return now + max(RETRIES_AFTER[attempts - 1], asked)


def quiet_until(now: datetime, hours: tuple[time, time] | None, *, zone: ZoneInfo) -> datetime | None:
    """Say when the quiet hours end that `now` is in; None outside of them.

    They are read off the wall clock, so that a night with another number of hours ends at its hour all the same.
    """
    if hours is None:
        return None
    begins, ends = hours
    local = now.astimezone(zone)
    clock = local.time().replace(tzinfo=None, fold=0)
    over_midnight = begins > ends
    is_quiet = clock >= begins or clock < ends if over_midnight else begins <= clock < ends
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if over_midnight and clock >= begins else 0)
    # An hour that comes twice: whoever is in its second half waits for the second end.
    wakes = (datetime.combine(day, ends.replace(fold=fold), zone).astimezone(now.tzinfo) for fold in (0, 1))
    return next((wake for wake in wakes if wake > now), None)


def fit_sms(text: str) -> str:
    """Write a text so that it fits one SMS: in the sender's own alphabet if it can be, and cut where it is too long."""
    text = unicodedata.normalize("NFC", " ".join(text.split())).translate(_PLAIN)
    plain = "".join(_in_gsm(character) for character in text)
    length = SMS_LENGTH if set(plain) <= GSM else SMS_WIDE_LENGTH
    return cut(plain, length)


def cut(text: str, length: int) -> str:
    """Cut a text to so many characters; dots say that there was more."""
    return text if len(text) <= length else text[: length - 3].rstrip() + "..."


def _in_gsm(character: str) -> str:
    """The character, or without its accent when the alphabet hasn't it: ê is e, while é is there."""
    if character in GSM:
        return character
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base in GSM else character
