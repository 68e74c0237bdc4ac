"""What a person is asked to do next: apps register who knows of it, `/users/me` shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from accounts.models import User


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: a stable code for clients, a sentence for people, and where to do it."""

    code: str
    title: str
    url: str = ""


Provider = Callable[[User], Iterable[Action]]
_providers: list[Provider] = []


def register_provider(provider: Provider) -> None:
    """Add who may ask something of a person; called from `AppConfig.ready`."""
    if provider not in _providers:
        _providers.append(provider)


def unverified(user: User) -> Iterable[Action]:
    """Ask for the proof of an address or number that nobody has given yet."""
    if user.email and user.email_verified_at is None:
        yield Action("verify-email", "Show that the e-mail address is yours", "/api/v1/auth/verify-email")
    if user.phone and user.phone_verified_at is None:
        yield Action("verify-phone", "Show that the phone number is yours", "/api/v1/auth/verify-otp")


def required_of(user: User) -> list[Action]:
    """Everything that the person is asked to do, in the order of registration."""
    return [action for provider in _providers for action in provider(user)]
