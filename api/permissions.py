"""Who may call an endpoint. Nobody, unless it says so."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class DenyAll(BasePermission):
    """The default: an endpoint that names no permission answers nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class IsInvestor(BasePermission):
    """Anyone who is logged in and neither blocked nor deleted; what they see is what is theirs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.is_authenticated and request.user.is_active)


class IsOfficer(IsInvestor):
    """Staff with the permission that the endpoint names: `IsOfficer.holding("payments.view_deposit")`."""

    permission = ""

    @classmethod
    def holding(cls, permission: str) -> type[IsOfficer]:
        """Make the class that asks for this permission."""
        return type("IsOfficer", (cls,), {"permission": permission})

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view) or not request.user.is_staff:
            return False
        return bool(self.permission) and request.user.has_perm(self.permission)
