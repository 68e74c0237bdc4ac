"""The picture that somebody shows of themselves. Source: docs/rules/access.md §12."""

from __future__ import annotations

from datetime import datetime

from uuid_utils.compat import uuid7

from accounts import pictures
from accounts.errors import PictureRefused, PicturesBusy
from accounts.models import Avatar, User
from core.commands import command
from core.errors import NotFound
from oversight import audit


def set_avatar(user: User, raw: bytes, *, now: datetime) -> None:
    """Show this picture from now on. Raises PictureRefused, PicturesBusy."""
    try:
        picture = pictures.redraw(raw)
    except pictures.NoPicture as error:
        raise PictureRefused(str(error)) from error
    except pictures.PicturesWaiting as error:
        raise PicturesBusy from error
    keep(user, picture, now=now)


@command
def keep(user: User, picture: bytes, *, now: datetime) -> None:
    """Keep a picture in the place of any other. Raises PersonErased."""
    facts = {"sealed": Avatar.seal(user.pk, picture), "version": uuid7(), "set_at": now}
    Avatar.objects.update_or_create(user=user, defaults=facts)
    audit.record("accounts.avatar_set", actor=user, at=now, target=user)


@command
def remove_avatar(user: User, *, now: datetime) -> None:
    """Show no picture any more. Raises NotFound."""
    if not Avatar.objects.filter(user=user).delete()[0]:
        raise NotFound("You have no picture.")
    audit.record("accounts.avatar_removed", actor=user, at=now, target=user)
