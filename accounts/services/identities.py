"""Which log-ins by Google and Apple are somebody's: linked, listed, unlinked. Source: docs/rules/access.md §11."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import id_tokens, signals
from accounts.errors import AddressUnverified, CodeRefused, IdentityTaken, LastWayIn, OfficerLogInsOnly
from accounts.id_tokens import Claims
from accounts.models import PendingLink, Provider, Session, SocialIdentity, User, VerificationCode
from accounts.services import codes, nonces, pins, sensitive, sessions, strangers
from accounts.services.codes import Channel, Purpose
from core.commands import command
from core.errors import NotFound
from oversight import audit


def ask_to_link(person: User, claims: Claims, *, now: datetime) -> None:
    """Send a locked person a code by mail that links this log-in to their account (a step). Raises TooSoon."""
    codes.require_turn(person, Channel.EMAIL, Purpose.LINK, now=now)
    code = codes.open_code(person, Channel.EMAIL, Purpose.LINK, now=now)
    PendingLink.objects.create(code=code, provider=claims.provider, subject_index=claims.subject_index)
    audit.record("accounts.identity_link_asked", actor=None, at=now, target=person, after={"at": claims.provider})


def confirm_link(token: str, *, now: datetime) -> None:
    """Take the code that came by mail: the log-in is linked. Raises CodeRefused."""
    code_id, _, secret = token.partition(".")
    try:
        take_link(UUID(hex=code_id), secret, now=now)
    except ValueError:
        raise CodeRefused from None


@command
def take_link(code_id: UUID, secret: str, *, now: datetime) -> None:
    """Use the code up and link what waited for it; what opened the account before ends.

    Raises CodeRefused, OfficerLogInsOnly.
    """
    code: VerificationCode = codes.take(code_id, Channel.EMAIL, Purpose.LINK, secret, now=now)
    pending = PendingLink.objects.get(pk=code_id)
    if code.user.is_staff:
        raise OfficerLogInsOnly
    strangers.leave_nothing(code.user, now=now)
    if not _insert(code.user, pending.provider, bytes(pending.subject_index), now=now):
        raise CodeRefused  # It belongs to somebody by now, which isn't said.
    _changed(code.user, "accounts.identity_linked", pending.provider, event="identity_by_mail", now=now)


def link_own(user: User, provider: Provider, id_token: str, *, use: pins.Use, now: datetime) -> SocialIdentity:
    """Link a log-in to one's own account, with a PIN: it is another way in, as a changed address is.

    Raises UnknownSocialProvider, IdTokenRefused, KeysUnavailable, OfficerLogInsOnly, AddressUnverified,
    PinTokenRefused, IdentityTaken.
    """
    return link_claims(user.pk, id_tokens.verify(provider, id_token, now=now), use=use, now=now)


@command
def link_claims(user_id: UUID, claims: Claims, *, use: pins.Use, now: datetime) -> SocialIdentity:
    """Link it. Raises as `link_own`."""
    person = User.objects.lock(user_id)
    if person.is_staff:
        raise OfficerLogInsOnly
    _require_verified(person)
    nonces.spend(claims.nonce_hashes, now=now)
    pins.spend(person, use, now=now)
    identity = keep(person, claims, now=now)
    if identity is None:
        raise IdentityTaken
    _changed(person, "accounts.identity_linked", claims.provider, now=now)
    return identity


def _require_verified(person: User) -> None:
    """Refuse another way into an account with somebody's address: whoever took a stranger's would come in by it still
    when the stranger has verified the address and set a password of their own.
    """
    if any(getattr(person, each) and getattr(person, f"{each}_verified_at") is None for each in Channel):
        raise AddressUnverified("Show that the address and number of this account are yours first.")


@command
def unlink(user: User, identity_id: UUID, *, use: pins.Use, now: datetime) -> None:
    """Take a log-in away from one's own account, with a PIN, and end the other sessions: it may have opened them.

    Raises NotFound, LastWayIn, PinTokenRefused.
    """
    person = User.objects.lock(user.pk)
    own = SocialIdentity.objects.filter(user=person)
    identity = own.filter(pk=identity_id).first()
    if identity is None:
        raise NotFound("You have no such log-in.")
    if not person.has_usable_password() and own.count() == 1:
        raise LastWayIn
    pins.spend(person, use, now=now)
    identity.delete()
    sessions.revoke_sessions(person, reason=Session.Reason.OWNER, at=now, keep=use.session.pk)
    _changed(person, "accounts.identity_unlinked", identity.provider, now=now)


def keep(person: User, claims: Claims, *, now: datetime, used: bool = False) -> SocialIdentity | None:
    """Keep whose log-in this is; None if it is somebody's already (a step)."""
    return _insert(person, claims.provider, claims.subject_index, now=now, last_used_at=now if used else None)


def _insert(
    person: User, provider: str, subject_index: bytes, *, now: datetime, last_used_at: datetime | None = None
) -> SocialIdentity | None:
    facts = {"provider": provider, "subject_index": subject_index, "created_at": now}
    try:
        with transaction.atomic():
            return SocialIdentity.objects.create(user=person, **facts, last_used_at=last_used_at)
    except IntegrityError:
        return None


def _changed(person: User, action: str, provider: str, *, event: str = "identity_changed", now: datetime) -> None:
    sensitive.changed(person, now=now)
    signals.tell(person, event, now=now)
    audit.record(action, actor=person, at=now, target=person, after={"at": provider})
