"""Log-ins in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin import pages
from accounts.models import Session
from oversight.console import ReadOnlyAdmin, link_to


class AliveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("ended", "ended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(revoked_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Every log-in, how it was used and how it ended."""

    pages = (pages.EndSession,)
    list_display = ("show_user", "created_at", "last_used_at", "ip", "show_state")
    list_filter = (AliveFilter, "revoke_reason")
    list_select_related = ("user",)
    fieldsets = (
        (None, {"fields": ("show_user", "ip", "user_agent", "created_at", "last_used_at", "expires_at")}),
        ("Its end", {"fields": ("show_state", "revoked_at", "revoke_reason")}),
    )

    @display(description="Person", ordering="user")
    def show_user(self, session: Session) -> Any:
        return link_to("accounts.user", str(session.user_id), str(session.user))

    @display(description="State", label={"open": "success", "ended": "default"})
    def show_state(self, session: Session) -> tuple[str, str]:
        return ("ended", session.get_revoke_reason_display()) if session.revoked_at else ("open", "open")
