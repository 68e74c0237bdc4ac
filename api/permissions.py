"""Who may call an endpoint. Nobody, unless it says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, ClassVar

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

    `IsOfficer.holding("offers.view_offer", post=["offers.draft_offer"])`: to be seen it takes the first, for a method
    that is named one of the others as well. Approvals name a shorter time; the session, `request.auth`, knows when.
    """

    permission = ""
    within = second_factor.FOR_STAFF
    deeds: ClassVar[Mapping[str, Collection[str]]] = {}

    @classmethod
    def holding(
        cls, permission: str, *, within: timedelta = second_factor.FOR_STAFF, **deeds: Collection[str]
    ) -> type[IsOfficer]:
        """Make the class that asks for this permission."""
        return type("IsOfficer", (cls,), {"permission": permission, "within": within, "deeds": deeds})

    @classmethod
    def opens_to(cls, method: str, has_perm: Callable[[str], bool]) -> bool:
        """Answer whether somebody with these permissions may call it."""
        deeds = cls.deeds.get(method.lower())
        return bool(cls.permission) and has_perm(cls.permission) and (deeds is None or any(map(has_perm, deeds)))

    def has_permission(self, request: Request, view: Any) -> bool:
        """Answer; what only lacks the second factor hears so. Raises SecondFactorNeeded."""
        if not super().has_permission(request, view) or not request.user.is_staff:
            return False
        if not self.opens_to(request.method or "", request.user.has_perm):
            return False
        given_at = getattr(request.auth, "second_factor_at", None)
        second_factor.require_fresh(given_at, person=request.user, within=self.within, now=timezone.now())
        return True
