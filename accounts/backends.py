"""Rights come from roles alone: no super-user, no right given to a single person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError

from accounts.models import User

_CACHE = "_role_permissions"


class RoleBackend(BaseBackend):
    """Answers what a person may do; who they are is said by `accounts.services.log_in`, never here."""

    def get_user(self, user_id: Any) -> User | None:
        """Return the person of a console session, unless blocked or deleted meanwhile."""
        try:
            return User.objects.present().get(pk=UUID(str(user_id)))
        except (User.DoesNotExist, ValueError, ValidationError):
            return None

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return what the person's roles allow, as `app.codename`; asked for once a request."""
        if obj is not None or user_obj.is_anonymous or not user_obj.is_active:
            return set()
        if not hasattr(user_obj, _CACHE):
            rows = Permission.objects.filter(group__user=user_obj).values_list("content_type__app_label", "codename")
            setattr(user_obj, _CACHE, {f"{app}.{codename}" for app, codename in rows.order_by()})
        permissions: set[str] = getattr(user_obj, _CACHE)
        return permissions
