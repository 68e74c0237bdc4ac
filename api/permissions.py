"""Who may call an endpoint. Nobody, unless it says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from oversight import second_factor


class DenyAll(BasePermission):
    """The default: an endpoint that names no permission answers nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class IsInvestor(BasePermission):
    """Anyone who is logged in and neither blocked nor deleted; what they see is what is theirs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.is_authenticated and request.user.is_active)


class IsOfficer(IsInvestor):
    """Staff with the permission that the endpoint names, who gave their second factor lately.

    `IsOfficer.holding("payments.view_deposit")`; approvals name a shorter time. The session, `request.auth`, knows.
    """

    permission = ""
    within = second_factor.FOR_STAFF

    @classmethod
    def holding(cls, permission: str, *, within: timedelta = second_factor.FOR_STAFF) -> type[IsOfficer]:
        """Make the class that asks for this permission."""
        return type("IsOfficer", (cls,), {"permission": permission, "within": within})

    def has_permission(self, request: Request, view: Any) -> bool:
        """Answer; what only lacks the second factor hears so. Raises SecondFactorNeeded."""
        if not super().has_permission(request, view) or not request.user.is_staff:
            return False
        if not self.permission or not request.user.has_perm(self.permission):
            return False
        given_at = getattr(request.auth, "second_factor_at", None)
        second_factor.require_fresh(given_at, person=request.user, within=self.within, now=timezone.now())
        return True
