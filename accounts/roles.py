"""Roles are groups, and what a role may do is code: each app says so in `AppConfig.role_permissions`.

`sync` makes the database say the same after every `migrate`; the console can't change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.models import Group, Permission
from django.core.checks import Error
from django.db import transaction

INVESTOR = "investor"
SUPPORT = "support"
MODERATOR = "moderator"
COMPLIANCE = "compliance"
FINANCE = "finance"
ADMINISTRATOR = "administrator"

ROLES: dict[str, str] = {
    INVESTOR: "invests; no rights in the console",
    SUPPORT: "answers people: sees, changes nothing of money",
    MODERATOR: "approves what people publish",
    COMPLIANCE: "says who people are and what they may do",
    FINANCE: "moves and reconciles the firm's money",
    ADMINISTRATOR: "grants roles and watches over the platform; moves no money",
}
OFFICER_ROLES = tuple(role for role in ROLES if role != INVESTOR)


def permissions_of_roles() -> dict[str, set[str]]:
    """Collect what every installed app gives to each role, as `app.codename`."""
    given: dict[str, set[str]] = {role: set() for role in ROLES}
    for app in apps.get_app_configs():
        for role, permissions in getattr(app, "role_permissions", {}).items():
            given[role].update(permissions)
    return given


def sync(*, using: str) -> None:
    """Make the groups and their permissions those of the code; memberships stay."""
    known = {f"{p.content_type.app_label}.{p.codename}": p for p in _permissions(using)}
    with transaction.atomic(using=using):
        for role, names in permissions_of_roles().items():
            group, _ = Group.objects.using(using).get_or_create(name=role)
            group.permissions.set([known[name] for name in sorted(names) if name in known])


def _permissions(using: str) -> Iterable[Permission]:
    return Permission.objects.using(using).select_related("content_type")


def sync_after_migrate(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Sync once, at the last app, a third party's: by then auth has made the permissions of all of ours."""
    with_models = [app for app in apps.get_app_configs() if app.models_module is not None]
    if sender is with_models[-1]:
        sync(using=using)


def lock(role: str) -> Group:
    """Lock a role's row until the transaction ends, so that changes of who has it take turns."""
    return Group.objects.select_for_update(no_key=True).get(name=role)


def check_role_permissions(**kwargs: Any) -> list[Error]:
    """Find a permission or role that an app names and nobody declares."""
    declared = {
        f"{model._meta.app_label}.{codename}" for model in apps.get_models() for codename in _codenames(model._meta)
    }
    errors = []
    for app in apps.get_app_configs():
        for role, permissions in getattr(app, "role_permissions", {}).items():
            if role not in ROLES:
                errors.append(Error(f"{app.name} gives rights to {role}, which is no role", id="accounts.E001"))
            for name in sorted(set(permissions) - declared):
                errors.append(Error(f"{app.name} gives {name} to {role}; no model declares it", id="accounts.E002"))
    return errors


def _codenames(options: Any) -> Iterable[str]:
    yield from (f"{action}_{options.model_name}" for action in options.default_permissions)
    yield from (codename for codename, _ in options.permissions)
